"""read_parquet.py FILE COLUMN: writes the texts of a column to stdout, with a thousand rows in memory at a time.

Output, numbers 8 bytes each: the number of rows, then the length and the bytes of each text (0 for null); or, in place
of a number, all ones and then a message; or, first, all ones less one, the number of rows, and why they have no text.
Without arguments: checks that pyarrow loads. A separate program, so that nothing else has to know Arrow.
"""

import signal
import sys

# The reader may stop, and Ctrl-C is for others to report: exit silently.
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TEXT = (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.null())


def number(value):
    return value.to_bytes(8, sys.byteorder)


def why_no_text(schema, name):
    if schema.get_field_index(name) < 0:
        return f'it has no column "{name}", only {", ".join(schema.names)}'
    kind = schema.field(name).type
    if (kind.value_type if pa.types.is_dictionary(kind) else kind) not in TEXT:
        return f'its column "{name}" is not text but {kind}'


def wire_format(column):
    """Done in Arrow: a loop over the rows would be many times slower."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    texts = pc.fill_null(column.cast(pa.large_binary()), b"")
    lengths = pc.binary_length(texts).cast(pa.int64())
    numbers = pa.Array.from_buffers(pa.binary(8), len(texts), [None, lengths.buffers()[1]]).cast(pa.large_binary())
    return pc.binary_join_element_wise(numbers, texts, pa.scalar(b"", pa.large_binary())).buffers()[2]


def read(path, name, write):
    with open(path, "rb") as stored, pq.ParquetFile(stored, pre_buffer=False, buffer_size=1 << 20) as file:
        if why := why_no_text(file.schema_arrow, name):
            return write(number(2**64 - 2) + number(file.metadata.num_rows) + why.encode(errors="replace"))
        write(number(file.metadata.num_rows))
        for batch in file.iter_batches(batch_size=1000, columns=[name], use_threads=False):
            write(wire_format(batch.column(name)))


if len(sys.argv) == 3:
    try:
        read(*sys.argv[1:], sys.stdout.buffer.write)
    except Exception as error:
        sys.stdout.buffer.write(number(2**64 - 1) + str(error).encode(errors="replace"))
