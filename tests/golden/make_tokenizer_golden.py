"""Makes tokenizer_golden.json with the Python originals: pip install rustbpe tiktoken; python make_tokenizer_golden.py

Documents, the merges rustbpe learns from them and the ids tiktoken gives them.
"""

import base64
import json
import pathlib
import random

import rustbpe
import tiktoken

PATTERN = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
           r"|\s+(?!\S)|\s+")
RANKS = 700

random.seed(11)
here = pathlib.Path(__file__)
scripts = [(0x61, 0x7A), (0xC0, 0x17F), (0x391, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA), (0x627, 0x64A), (0x905, 0x939),
           (0xE01, 0xE2E), (0x3041, 0x3096), (0x4E00, 0x4E40), (0xAC00, 0xAC40), (0x10400, 0x1044F)]
spaces = [" ", " ", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u0085", "\u180e", "\u2003", "\u2028", "\u3000", "\u200b",
          " \n\n  ", "\x1c"]
marks = ["'s", "'LL", "'\u017f", "'ve", "...", "!?", "—", "=-" * 9, "\U0001F600", "\U0001F468\u200d\U0001F469", "e\u0301",
         "12345", "\u0663\u0664\u0665", "\u00bd", "\u2167", "<|reserved_0|>", "_x", "#!", "aaaaaaaaaaa", "\\", "\ufeff"]


def word():
    low, high = random.choice(scripts)
    return "".join(chr(random.randint(low, min(high, low + 6))) for _ in range(random.randint(1, 7)))


documents = [here.read_text()]
for _ in range(60):
    documents.append("".join(random.choice([word, lambda: random.choice(spaces), lambda: random.choice(marks)])()
                             for _ in range(random.randint(1, 120))))

trained = rustbpe.Tokenizer()
trained.train_from_iterator(iter(documents), RANKS, pattern=PATTERN)
ranks = {bytes(token): rank for token, rank in trained.get_mergeable_ranks()}
encoding = tiktoken.Encoding("golden", pat_str=PATTERN, mergeable_ranks=ranks,
                             special_tokens={f"<|reserved_{i}|>": len(ranks) + i for i in range(4)})
golden = {
    "documents": documents,
    "ranks": [base64.b64encode(token).decode() for token, _ in sorted(ranks.items(), key=lambda item: item[1])],
    "ids": [encoding.encode_ordinary(document) for document in documents],
}
here.with_name("tokenizer_golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
