"""tokenizer.py BENCH_DATA: merges like rustbpe's and ids like tiktoken's, token for token, on more than 10 MB of mixed
text: code, prose in a hundred languages, emoji, odd white space, broken UTF-8. Bytes that are no UTF-8 stand for
themselves; the Python tools, which take text only, get what is between them."""
import array, pathlib, random, subprocess, sys, sysconfig, tempfile, unicodedata
from importlib.metadata import version

import django, emoji, rustbpe, tiktoken, tiktoken.load

SPECIALS = 4
PATTERNS = {
    "the originals'": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "GPT-2's": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}
SPACES = [*" \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u180e\u2000\u2003\u2009\u200a\u200b\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff", "\r\n", "  ", "\n\n", " " * 9]


def files_below(folder, suffixes, most_bytes):
    """Whole files until there are so many bytes."""
    texts, total = [], 0
    for file in sorted(pathlib.Path(folder).rglob("*")):
        if file.suffix in suffixes and file.is_file() and total < most_bytes:
            texts.append(file.read_bytes())
            total += len(texts[-1])
    return texts


def generated(rng):
    """Characters whose kind no version of Unicode has changed since 3.2: the tools know different versions."""
    stable = [c for c in map(chr, range(0x30000)) if unicodedata.category(c) not in ("Cn", "Cs")
              and unicodedata.ucd_3_2_0.category(c) == unicodedata.category(c)]
    faces = list(emoji.EMOJI_DATA)
    words = "the Quick 1 23 456 7890 don't WE'LL x=y; straße дом 東京 שלום नमस्ते".split()
    kinds = {"white space": lambda: rng.choice(words) + "".join(rng.choices(SPACES, k=rng.randrange(1, 5))),
             "emoji": lambda: rng.choice(faces) + rng.choice(["", "", " ", "\u200d", "\ufe0f", "!"]),
             "Unicode": lambda: rng.choice(stable)}
    return {kind: ["".join(make() for _ in range(2000)).encode() for _ in range(100)] for kind, make in kinds.items()}


def broken(rng, texts):
    """Bytes lost, doubled, changed and put in, text cut in the middle of characters."""
    damaged = []
    for text in texts:
        damage = bytearray(text[: 1 << 15])
        for _ in range(1 + len(damage) // 200):
            at = rng.randrange(len(damage))
            damage[at : at + rng.randrange(2)] = rng.choice([b"", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f", b"\xf4\x90\x80\x80", damage[at : at + 1] * 2])
        damaged.append(bytes(damage))
    return damaged


def corpus():
    rng = random.Random(5)
    root = pathlib.Path(__file__).resolve().parents[2]
    translations = files_below(pathlib.Path(django.__file__).parent, {".po"}, 1 << 30)
    parts = {"code": files_below(sysconfig.get_paths()["stdlib"], {".py"}, 6e6) +
                     files_below(root / "prepare", {".h", ".cpp"}, 1e6) +
                     files_below(next(root.glob(".venv/lib/python3*/site-packages/torch/include"), root), {".h"}, 3e6),
             "prose": translations + [pathlib.Path(sysconfig.get_paths()["stdlib"], "pydoc_data/topics.py").read_bytes()],
             "names of emoji": files_below(pathlib.Path(emoji.__file__).parent, {".json"}, 1 << 30),
             **generated(rng)}
    parts["broken UTF-8"] = broken(rng, rng.sample(translations, 60) + parts["emoji"][:20])
    print(", ".join(f"{name} {sum(map(len, texts)) / 1e6:.1f} MB" for name, texts in parts.items()))
    return [text.replace(b"\0", b" ") for texts in parts.values() for text in texts if text]


def runs_of(text):
    """(text, b"") and ("", byte) in turns: valid UTF-8, and each byte that is none."""
    while text:
        try:
            yield text.decode(), b""
            return
        except UnicodeDecodeError as error:
            if error.start:
                yield text[: error.start].decode(), b""
            yield "", text[error.start : error.start + 1]
            text = text[error.start + 1 :]


def compare(program, texts, vocabulary, pattern):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "texts").write_bytes(b"\0".join(texts))
        subprocess.run([program, folder + "/texts", folder, str(vocabulary), pattern], check=True, stdout=subprocess.DEVNULL)
        ours = tiktoken.load.load_tiktoken_bpe(folder + "/tokenizer.tiktoken")
        ids = array.array("I", pathlib.Path(folder, "ids.bin").read_bytes())
    runs = [list(runs_of(text)) for text in texts]
    trained = rustbpe.Tokenizer()
    trained.train_from_iterator((run for document in runs for run, _ in document if run), vocabulary - SPECIALS, pattern=pattern)
    ranks = {bytes(token): rank for token, rank in trained.get_mergeable_ranks()}
    if ours != ranks:
        rank = min(rank for token, rank in ranks.items() if ours.get(token) != rank)
        sys.exit(f"merges differ from rank {rank} on")
    encoding = tiktoken.Encoding("peer", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    tokens = {rank: token for token, rank in ranks.items()}
    at = 0
    for number, document in enumerate(runs):
        expected = [id for run, byte in document for id in (encoding.encode_ordinary(run) if run else [ranks[byte]])]
        got = ids[at : at + len(expected)]
        at += len(expected)
        if list(got) != expected:
            first = next(i for i, (a, b) in enumerate(zip(got, expected)) if a != b)
            near = b"".join(tokens[id] for id in expected[max(0, first - 5) : first + 5])
            sys.exit(f"document {number}: ids differ from token {first} on, near {near!r}: {got[first]} instead of {expected[first]}")
        assert b"".join(tokens[id] for id in got) == texts[number], "decoding gives another text"
    if at != len(ids):
        sys.exit(f"{len(ids) - at} ids too many")
    return at


def main():
    texts = corpus()
    size = sum(map(len, texts))
    assert size > 10e6, size
    for name, pattern in PATTERNS.items():
        count = compare(sys.argv[1], texts, 8192, pattern)
        print(f"{name} pattern: the 8188 merges of rustbpe {version('rustbpe')}; {count} ids of {size / 1e6:.1f} MB as tiktoken {version('tiktoken')} gives them")


main()
