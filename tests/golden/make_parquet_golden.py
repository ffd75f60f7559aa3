"""Makes texts.parquet and kinds.parquet with pyarrow: python make_parquet_golden.py"""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq


def write(name, columns):
    path = pathlib.Path(__file__).with_name(name)
    pq.write_table(pa.table(columns), path, row_group_size=3, compression="zstd")


texts = ["one", None, "", "zwei\nZeilen", "три", "four", "five"]
raw = [None if text is None else text.encode() for text in texts]
write("texts.parquet", {
    "id": pa.array([{"a": i, "b": str(i)} for i in range(len(texts))]),  # nested: fields are not leaf columns
    "text": pa.array(texts),
    "large": pa.array(texts, pa.large_string()),
    "number": pa.array(range(len(texts))),
})
write("kinds.parquet", {
    "dictionary": pa.array(texts).dictionary_encode(),
    "large": pa.array(texts, pa.large_string()),
    "view": pa.array(texts, pa.string_view()),
    "binary": pa.array(raw, pa.binary()),
    "large_binary": pa.array(raw, pa.large_binary()),
    "binary_view": pa.array(raw, pa.binary_view()),
    "binary_dictionary": pa.array(raw).dictionary_encode(),
    "null": pa.nulls(len(texts)),
    "latin1": pa.array([b"caf\xe9"] + [None] * 6),
    "long": pa.array(["x" * 300_000] * 7),
})
