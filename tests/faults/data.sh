# Corpora: what is read, fetched, counted and refused. Sourced by try.
quick_rows="N1 B1 B2 B3 B5 B6 B8 B10 B12 B14 B16 B18 B19 B20 B21"

# FILE COLUMN: a parquet file; the column is an expression over T, the 600 texts, and pyarrow as `a`.
parquet() {
    "$python" - "$texts" "$1" "$2" <<'END' || wrong "no parquet file was made"
import json, sys
import pyarrow as a, pyarrow.parquet
T = [json.loads(line)["text"] for line in open(sys.argv[1])]
a.parquet.write_table(a.table({"text": eval(sys.argv[3])}), sys.argv[2])
END
}

# LINE: the 600 texts as lines, with another line after the sixth.
with_line() { head -n 6 "$texts"; printf '%s\n' "$1"; tail -n +7 "$texts"; }

# ENTRY: a clone whose only corpus of a name is this one, c.
catalog() { clone "$row.clone"; printf '{"c": {%s}}\n' "$1" >configs/corpora.json; }

# Parquet is read after scripts/setup, and doctor says so.
N1() {
    parquet x.parquet T
    prepare --corpus x.parquet
    documents 600
    call "$program" doctor
    wants 'ok +parquet +parquet files can be read'
}

# A tilde is the home folder wherever a path is named.
B1() {
    mkdir -p "$HOME/texts"
    cp "$texts" "$HOME/texts/a.jsonl"
    prepare --corpus '~/texts/a*.jsonl'
    documents 600
    AUTORESEARCH_CORPUS='~/texts' prepare
    documents 600
    clone "$row.clone"
    echo '{"corpus": "~/texts"}' >autoresearch.json
    prepare
    documents 600
    AUTORESEARCH_DATA='~/mydata' prepare
    documents 600
    [[ -d $HOME/mydata && ! -e '~' ]] || wrong "the data is not in the home folder"
}

# Zstd is read with every window that its own program writes.
B2() {
    need zstd
    for window in 28 31; do
        zstd -q --ultra --long=$window -c <"$texts" >$window.jsonl.zst
        prepare --corpus $window.jsonl.zst
        documents 600
    done
}

# Two addresses with the same file name are two files; no document is lost.
B3() {
    mkdir -p www/train www/valid
    for i in 0 1 2; do head -n 500 "$texts" | sed "s/Doc /Doc $i /" >www/train/000$i.jsonl; done
    tail -n 100 "$texts" >www/valid/0000.jsonl
    serve www
    catalog "\"train\": [\"$url/train/####.jsonl\"], \"count\": 3, \"held_out\": [\"$url/valid/0000.jsonl\"]"
    for _ in first again; do
        prepare --corpus c
        documents 1600
        wants 'train 1500 documents.* 0 duplicates dropped'
    done
}

# JSON lines are seen by their content: in a glob, a folder and a file, whatever the name.
B5() {
    mkdir parts
    split -l 3 -d -a 3 "$texts" parts/part- --additional-suffix=.json
    gzip parts/*
    for corpus in "parts/part-*.json.gz" parts; do
        prepare --corpus "$corpus"
        documents 600
    done
    for name in x.ndjson x.json; do
        cp "$texts" $name
        prepare --corpus $name
        documents 600
    done
}

# Half a surrogate pair is one odd character, no end of the whole.
B6() { with_line '{"text":"a\ud83d"}' >x.jsonl; prepare --corpus x.jsonl; documents 601; }

# A row without text is skipped and counted, alike in JSON lines and parquet.
B8() {
    with_line '{"text":null}' >x.jsonl
    parquet x.parquet 'a.array(T + [None])'
    for file in x.jsonl x.parquet; do
        prepare --corpus $file
        documents 600
        wants 'skipped: 1 empty'
    done
}

# UTF-16 is converted, in text files and in JSON lines.
B10() {
    mkdir utf16
    split -l 4 -d -a 3 <(sed 's/.*"text": "\(.*\)".*/\1/' "$texts") utf16/ --additional-suffix=.txt
    for file in utf16/*; do iconv -f UTF-8 -t UTF-16 "$file" >u && mv u "$file"; done
    prepare --corpus utf16
    documents 150
    learned=$(cut -d' ' -f1 "$(sed -n 's/.*everything is in //p' <<<"$out")/tokenizer.tiktoken" | tail -n +257 |
        while read -r token; do base64 -d <<<"$token" | od -An -tx1; done | grep -c ' 00')
    equal "tokens with a zero byte" "$learned" 0
    iconv -f UTF-8 -t UTF-16 "$texts" >x.jsonl
    prepare --corpus x.jsonl
    documents 600
}

# Dictionaries of texts are texts, in parquet.
B12() { parquet x.parquet 'a.array(T).dictionary_encode()'; prepare --corpus x.parquet; documents 600; }

# So are bytes.
B14() {
    parquet x.parquet 'a.array([t.encode() for t in T], a.binary())'
    prepare --corpus x.parquet
    documents 600
}

# A link to a folder is followed, and a loop of links does no harm.
B16() {
    mkdir here far
    split -l 1 -d -a 3 <(head -n 150 "$texts") here/ --additional-suffix=.txt
    split -l 1 -d -a 3 <(tail -n 150 "$texts") far/ --additional-suffix=.txt
    ln -s ../far here/part1
    ln -s ../here far/loop
    prepare --corpus here
    documents 300
}

# A token that the server refuses is named, and public data fetched without it.
B18() {
    mkdir www
    cp "$texts" www/
    serve www
    hub=$(grep -o 'https://[^/"]*' "$root/configs/corpora.json" | head -n 1)
    catalog "\"train\": [\"$hub/refusing/datasets/a/b/resolve/main/texts.jsonl\"]"
    HF_ENDPOINT=$url HF_TOKEN=old prepare --corpus c
    documents 600
    wants 'HF_TOKEN'
}

# Users share a data folder: what is ready is used, and more can be added.
B19() {
    need_root
    mkdir shared other
    chmod 2777 shared
    chown nobody other
    chmod 755 "$work" "$work/$row.d"
    cp "$texts" x.jsonl
    export AUTORESEARCH_DATA=$work/$row.d/shared
    prepare --corpus x.jsonl
    documents 600
    as_nobody() {
        call runuser -u nobody -- env HOME="$work/$row.d/other" XDG_CACHE_HOME="$work/$row.d/other" "$program" prepare \
            --preset quickstart --vocab-size "$1" --seq-len 32 --eval-tokens 2048 --corpus x.jsonl
        documents 600
    }
    as_nobody 300
    wants 'was ready'
    as_nobody 290
    wants 'prepared'
}

# Files have the rights that umask leaves, all of them.
B20() {
    for mask in 0007:660 0077:600 0002:664; do
        (umask "${mask%:*}"; AUTORESEARCH_DATA=$PWD/$mask prepare --corpus "$texts")
        [[ -d $mask ]] || wrong "no data"
        odd=$(find "$mask" -type f ! -perm "${mask#*:}")
        equal "files with other rights than $mask" "$odd" ""
    done
}

# A server's own certificate counts where the variable of curl names it.
B21() {
    need openssl
    mkdir www
    cp "$texts" www/
    openssl req -x509 -newkey rsa:2048 -nodes -days 9 -keyout key.pem -out own.pem -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    serve www "$PWD/own.pem" "$PWD/key.pem"
    own=$PWD/own.pem
    catalog "\"train\": [\"$url/texts.jsonl\"]"
    prepare --corpus c
    exits 2
    wants 'certificate.*CURL_CA_BUNDLE|CURL_CA_BUNDLE'
    CURL_CA_BUNDLE=$own prepare --corpus c
    documents 600
}
