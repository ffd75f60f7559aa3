// read-parquet FILE COLUMN: the texts of a column to stdout, one row group in memory at a time. A program of
// its own, so that nothing else has to load Arrow. Output, numbers 8 bytes each: the number of rows, then the
// length and the bytes of each (0 for null); or, in place of a number, all ones and then a message.

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

void put(const void* bytes, std::size_t count) {
    if (count == 0) return;                                           // an empty text may have no address
    if (std::fwrite(bytes, 1, count, stdout) != count) std::exit(1);  // nobody listens any more
}

void put(std::uint64_t number) {
    put(&number, sizeof number);
}

template <class T>
T value_of(arrow::Result<T> result) {
    if (!result.ok()) throw std::runtime_error(result.status().message());
    return std::move(result).ValueUnsafe();
}

void check(const arrow::Status& status) {
    if (!status.ok()) throw std::runtime_error(status.message());
}

int column_of(const arrow::Schema& schema, const std::string& name) {
    const int column = schema.GetFieldIndex(name);
    if (column < 0) {
        std::string known;
        for (const auto& field : schema.fields()) known += (known.empty() ? "" : ", ") + field->name();
        throw std::runtime_error("it has no column \"" + name + "\", only " + known);
    }
    const auto type = schema.field(column)->type()->id();
    if (type != arrow::Type::STRING && type != arrow::Type::LARGE_STRING)
        throw std::runtime_error("its column \"" + name + "\" is not text but " +
                                 schema.field(column)->type()->ToString());
    return column;
}

void read(const std::string& path, const std::string& name) {
    auto file = value_of(arrow::io::ReadableFile::Open(path));
    auto reader = value_of(parquet::arrow::OpenFile(file, arrow::default_memory_pool()));
    std::shared_ptr<arrow::Schema> schema;
    check(reader->GetSchema(&schema));
    const int column = column_of(*schema, name);
    put(static_cast<std::uint64_t>(reader->parquet_reader()->metadata()->num_rows()));
    for (int group = 0; group < reader->num_row_groups(); ++group) {
        std::shared_ptr<arrow::ChunkedArray> texts;
        check(reader->RowGroup(group)->Column(column)->Read(&texts));
        for (std::int64_t i = 0; i < texts->length(); ++i) {
            const auto text = value_of(texts->GetScalar(i));
            const auto view = text->is_valid ? static_cast<const arrow::BaseBinaryScalar&>(*text).view()
                                             : std::string_view();
            put(view.size());
            put(view.data(), view.size());
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: read-parquet FILE COLUMN\n");
        return 2;
    }
    try {
        read(argv[1], argv[2]);
    } catch (const std::exception& error) {
        put(~std::uint64_t{0});
        const std::string message = error.what();
        put(message.data(), message.size());
    }
    return std::fflush(stdout) == 0 ? 0 : 1;
}
