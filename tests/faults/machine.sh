# Surroundings: system, git, limits, other processes. Sourced by try.
quick_rows+=" C6 D1 D2 D4 D11"
slow_rows+=" C2 C10 D6 D7 D8 D9"

# A large vocabulary is no file that the trial read while it trained.
C2() {
    begun "$row.clone"
    for size in 16384 32768; do
        "$program" prepare --preset cpu --vocab-size $size >/dev/null
        call "$program" train --preset cpu --vocab-size $size --budget 2 --repeats 0
        exits 0
        wants 'val_bpb'
    done
}

# The cores are what the control group allows.
C6() {
    need_root
    local group
    if [[ -e /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]]; then
        group=/sys/fs/cgroup/cpu/try$$ limit=cpu.cfs_quota_us quota=50000
    else
        group=/sys/fs/cgroup/try$$ limit=cpu.max quota="50000 100000"
    fi
    mkdir "$group" 2>/dev/null || skip "no control group can be made"
    echo "$quota" >"$group/$limit" || { rmdir "$group"; skip "no cores can be taken from a control group"; }
    clone "$row.clone"
    call sh -c "echo \$\$ >$group/cgroup.procs; exec $program doctor"
    rmdir "$group"
    wants 'ok +machine +1 core'
}

# A library that does not load here is none of the candidate's faults.
C10() {
    begun "$row.clone"
    mkdir libraries
    : >libraries/libc10.so
    fake claude <<<"edit; echo '{\"result\":\"ok\",\"total_cost_usd\":0.5,\"usage\":{\"input_tokens\":9}}'"
    LD_LIBRARY_PATH=$PWD/libraries run --agent claude --experiments 1
    exits 0
    never 'back to the agent|[1-9] crashed'
    equal "experiments" "$(experiments)" 1
}

# A repository of another owner: who owns it, and git's own line. What git trusts is trusted.
D1() {
    need_root
    clone "$row.clone"
    printf '{"corpus": "%s", "vocab_size": 300, "seq_len": 32}\n' "$texts" >autoresearch.json
    chown -R 1000:1000 .
    call "$program" doctor
    wants "FAIL +repository .*belongs to .*, not to you"
    wants "git config --global --add safe.directory $PWD\$"
    for command in run prepare; do
        call "$program" $command
        exits 2
        wants "belongs to"
        never "git init"
    done
    GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' call "$program" doctor
    wants "ok +repository"
    mkdir "$work/$row.home"
    for trusted in '*' "$PWD"; do
        printf '[safe]\n\tdirectory = %s\n' "$trusted" >"$work/$row.home/.gitconfig"
        HOME=$work/$row.home call "$program" doctor
        wants "ok +repository"
    done
}

# A partial clone with a sparse checkout opens.
D2() {
    git clone -q --mirror "$root" bare.git
    git -C bare.git config uploadpack.allowFilter true
    git clone -q --filter=blob:none "file://$PWD/bare.git" sparse && cd sparse || wrong "git clone failed"
    git sparse-checkout set --cone train
    call "$program" doctor
    wants "ok +repository"
}

# What libgit2 cannot open is named, with the way out.
D4() {
    for kind in "object-format=sha256 SHA-256 --object-format=sha1" "ref-format=reftable reftable --ref-format=files"; do
        read -r flag name way_out <<<"$kind"
        clone "$row.$name"
        rm -rf .git
        git init -q --"$flag" 2>/dev/null || continue  # an older git
        git add -A && git commit -qm start
        call "$program" doctor
        wants "FAIL +repository.*$name"
        wants "$way_out"
    done
}

# A stopped harness is no lie of the trial's.
D6() {
    begun "$row.clone"
    "$program" run --tag x "${quick[@]}" --agent tuner --budget 6 --experiments 1 >"$work/$row.log" 2>&1 &
    pid=$!
    for number in 0000 0001; do
        later "! kill -0 $pid || grep -qs '\"step\"' .autoresearch/x/experiments/$number/events.jsonl"
        kill -STOP $pid
        sleep 15
        kill -CONT $pid
    done
    wait $pid
    code=$? out=$(<"$work/$row.log")
    exits 0
    never 'claims|back to the agent|baseline trial failed'
    equal "experiments" "$(experiments x)" 1
}

# A process that was there before is left alone: a server that a start script began.
D7() {
    begun "$row.clone"
    cd "$work/$row.d" && mkdir www
    fake claude <<END
curl -s -m 5 -o /dev/null -w '%{http_code} ' \$(cat $PWD/url) >>$PWD/codes
echo '{"result":"no"}'
END
    cd "$work/$row.clone"
    # exec: the server's parent becomes the harness.
    local start='"$0" "$1" "$2/www" >"$2/url" 2>&1 & echo $! >"$2/pid"; shift 2; sleep 1; exec "$@"'
    beside_server() {
        call sh -c "$start" "$python" "$here/serve.py" "$work/$row.d" "$program" "$@"
        kill "$(<"$work/$row.d/pid")" || wrong "$1 ended the server"
    }
    beside_server run --tag t "${quick[@]}" --agent claude --experiments 2 --repairs 0
    equal "answers" "$(<"$work/$row.d/codes")" "200 200 "
    for command in doctor "train --preset quickstart --budget 2 --repeats 0"; do
        beside_server $command
    done
}

# A file system whose locks do not work (no) or always do (yes).
locks() {
    [[ $(uname) == Linux ]] || skip "only on Linux"
    need gcc
    printf '#include <errno.h>\nint flock(int file, int how) { (void)file; (void)how; %s }\n' \
        "$([[ $1 == no ]] && echo 'errno = ENOSYS; return -1;' || echo 'return 0;')" >locks.c
    gcc -shared -fPIC -o "$work/$row.so" locks.c
    export LD_PRELOAD=$work/$row.so
}

# Where nothing can be locked, prepare says where to put the data; a run that is over is not "running".
D8() {
    begun "$row.clone"
    locks no
    AUTORESEARCH_DATA=$PWD/data prepare --corpus "$texts"
    exits 2
    wants 'AUTORESEARCH_DATA'
    call "$program" status
    wants 'not running'
}

# Where a lock is given to all, a second start is refused and the first goes on.
D9() {
    begun "$row.clone"
    fake claude <<<"edit; echo '{\"result\":\"ok\"}'"
    locks yes
    "$program" run --tag t "${quick[@]}" --agent claude --experiments 2 >"$work/$row.log" 2>&1 &
    pid=$!
    later "grep -q 'experiment 1' '$work/$row.log'"
    run --agent claude --experiments 2
    exits 2
    wants "already running \(pid $pid\)"
    wait $pid || wrong "the first failed: $(tail -n 5 "$work/$row.log")"
    equal "experiments" "$(experiments)" 2
}

# Without a temporary folder, TMPDIR is named.
D11() {
    clone "$row.clone"
    for command in doctor run; do
        TMPDIR=$PWD/none call "$program" $command
        exits 2
        wants 'TMPDIR'
    done
}
