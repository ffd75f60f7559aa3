# What agents answer, cost, and leave. Sourced by try.
slow_rows="A1 A3 A4 A5 A6 A7 A9 A10 A14 A16 A17"

# JSON: the answer of `claude` that failed.
claude_fails() { fake claude <<<"echo '{\"is_error\":true,\"result\":\"$1\"}'; exit 1"; }

# A limit whose moment of reset has just passed is waited for by minutes.
A1() {
    begun "$row.clone"
    claude_fails "hit your limit - resets $(date +%-I%P)"
    waits --agent claude --experiments 3
}

# So is one that the agent tells as an error of another type.
A3() {
    for type in ApiError QuotaError; do
        begun "$row.$type"
        fake gemini <<<"echo '{\"error\":{\"type\":\"$type\",\"message\":\"quota will reset after 13h46m20s\"}}'; exit 1"
        waits --agent gemini --experiments 3
    done
}

# So is a server that cannot be reached, whatever the words.
A4() {
    local i=0
    for words in "API Error: Unable to connect (ECONNRESET)" "503 Service Unavailable" "fetch failed" "Request timed out"; do
        begun "$row.$((++i))"
        claude_fails "$words"
        waits --agent claude --experiments 3
    done
}

# So is an agent that is silent until its time is over.
A5() {
    begun "$row.clone"
    fake claude <<<'sleep 1000'
    waits --agent claude --experiments 3 --agent-limit 2
}

# Only what the agent itself reports counts, not words in its other output.
A6() {
    begun "$row.command"
    waits --experiments 3 --agent 'cat {prompt_file} >/dev/null; echo "train/train.cpp:401:9: error: expected ;"; exit 1'
    never 'logged in'
    begun "$row.stderr"
    fake claude <<'END'
echo 'warning: rate limit of telemetry lowered' >&2
echo '{"is_error":false,"result":"no better idea"}'
END
    run --agent claude --experiments 2 --repairs 0
    never 'asking again'
    equal "experiments" "$(experiments)" 2
}

# Escape sequences before the answer do not hide its cost from the cap.
A7() {
    begun "$row.clone"
    fake claude <<'END'
edit
printf '\033]0;x\007{"result":"ok","session_id":"s","total_cost_usd":5,"usage":{"input_tokens":9}}\n'
END
    run --agent claude --experiments 3 --max-cost 1
    exits 0
    wants '--max-cost 1: the agent has cost \$5.00'
    equal "experiments" "$(experiments)" 1
}

# The desk keeps its path for a whole run.
A9() {
    begun "$row.clone"
    fake claude <<<"pwd >>$work/$row.d/paths; echo '{\"result\":\"no\"}'"
    run --agent claude --experiments 4 --repairs 0
    equal "calls" "$(wc -l <"$work/$row.d/paths")" 4
    equal "paths" "$(sort -u "$work/$row.d/paths" | wc -l)" 1
}

# Two worktrees of a clone start at once: each has a name of its own, and all it kept outlives git's cleaning.
A10() {
    begun "$row.first"
    git worktree add -q "$work/$row.second"
    fake claude <<<"edit; echo '{\"result\":\"ok\"}'"
    start() {
        (cd "$work/$row.$1" && exec "$program" run "${quick[@]}" --agent claude --experiments "$2" >>"$work/$row.$1.log" 2>&1)
    }
    start first 2 & first=$!
    sleep 1
    start second 2 & second=$!
    wait $first || wrong "the first failed: $(cat "$work/$row.first.log")"
    wait $second || wrong "the second failed: $(cat "$work/$row.second.log")"
    git reflog expire --expire-unreachable=now --all
    git gc -q --prune=now
    for which in first second; do
        cd "$work/$row.$which" && tag=$(last_tag)
        equal "experiments of $which" "$(experiments "$tag")" 2
        call "$program" replay 1 --tag "$tag"
        exits 0
        start $which 3 || wrong "$which does not go on: $(tail -n 3 "$work/$row.$which.log")"
        equal "experiments of $which" "$(experiments "$tag")" 3
    done
}
last_tag() { "$program" status --json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["tag"])'; }

# Killed in the second of three seeds, twice: the first seed is trained once.
A14() {
    begun "$row.clone"
    fake claude <<'END'
sed 's/ DEPTH = {4, 8, 4}/ DEPTH = {4, 8, 2}/' train/train.cpp >new && mv new train/train.cpp
echo 'half the layers' >idea.txt
echo '{"result":"ok"}'
END
    local command=("$program" run --tag t "${quick[@]}" --judge paired --agent claude --experiments 1)
    for times in 1 2; do
        "${command[@]}" >>"$work/$row.log" 2>&1 &
        pid=$!
        later "[[ \$(grep -c 'seed 2' '$work/$row.log') == $times ]]"
        sleep 1
        kill -KILL $pid
        { wait $pid; } 2>/dev/null
    done
    "${command[@]}" >>"$work/$row.log" 2>&1 || wrong "it does not go on: $(tail -n 3 "$work/$row.log")"
    equal "starts of seed 1" "$(grep -c 'experiment 1: train, seed 1' "$work/$row.log")" 1
}

# The desk does not grow with the run.
A16() {
    begun "$row.clone"
    "$python" - <<'END'
import json, shutil
run = ".autoresearch/t/"
rows = open(run + "ledger.jsonl").read().splitlines(True)
one = json.loads(rows[-1])
for number in range(1, 401):
    folder = run + "experiments/%04d" % number
    shutil.copytree(run + "experiments/0000", folder, symlinks=True)
    for seed in 1, 2:
        open(f"{folder}/curve-{seed}.csv", "w").write("step,share,loss\n" + "1,0.1,5.0\n" * 50000)
    new = one | {"number": number, "verdict": one["verdict"] | {"decision": "discard"}, "source_hash": "%040x" % number}
    rows.append(json.dumps(new) + "\n")
open(run + "ledger.jsonl", "w").writelines(rows)
END
    fake claude <<<"du -sm . | cut -f1 >$work/$row.d/size; echo '{\"result\":\"no\"}'"
    run --agent claude --experiments 401 --repairs 0
    equal "experiments" "$(experiments)" 401
    (($(<"$work/$row.d/size") < 100)) || wrong "the desk has $(<"$work/$row.d/size") MB"
}

# A run keeps the agent that it chose; where that is gone, it says so with the PATH.
A17() {
    clone "$row.clone"
    local cron=$PATH
    "$program" prepare --preset cpu >/dev/null
    fake claude <<<"edit; echo '{\"result\":\"ok\"}'"
    again() { call "$program" run --tag x "${quick[@]/quickstart/cpu}" --experiments "$1"; }
    again 1
    wants 'agent claude \(the first one installed\)'
    again 2
    wants 'agent claude \(as the run began\)'
    PATH=$cron again 3
    exits 2
    wants "agent claude is not installed.* on PATH, which is $cron"
}
