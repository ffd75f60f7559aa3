"""Makes texts.parquet with pyarrow: python make_parquet_golden.py"""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

texts = ["one", None, "", "zwei\nZeilen", "три", "four", "five"]
table = pa.table({
    "id": pa.array([{"a": i, "b": str(i)} for i in range(len(texts))]),  # nested: fields are not leaf columns
    "text": pa.array(texts),
    "large": pa.array(texts, pa.large_string()),
    "number": pa.array(range(len(texts))),
})
pq.write_table(table, pathlib.Path(__file__).with_name("texts.parquet"), row_group_size=3, compression="zstd")
