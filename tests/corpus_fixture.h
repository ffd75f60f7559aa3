#pragma once

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

#include "autoresearch/error.h"
#include "prepare/corpus/corpus.h"
#include "temp_directory.h"

namespace autoresearch {

using Texts = std::vector<std::string>;

class CorpusTest : public ::testing::Test {
  protected:
    CorpusTest() {
        options_.torch_sources = folder_ / "torch";
        options_.data_root = folder_ / "data";
        options_.parquet_reader = {TEST_SOURCE_DIR "/.venv/bin/python", "-I",
                                   TEST_SOURCE_DIR "/prepare/corpus/read_parquet.py"};
    }

    std::vector<std::string> documents_of(const std::string& corpus) {
        options_.request.corpus = corpus;
        std::vector<std::string> documents;
        parts_.clear();
        double last = 0;
        report_ =
            read_documents(find_corpus(options_), [&](const std::string& text, Part part, double share) {
                documents.push_back(text);
                parts_.push_back(part);
                EXPECT_LE(last, share);
                EXPECT_LE(share, 1.0);
                last = share;
            });
        return documents;
    }

    std::vector<std::string> documents_of_file(const std::string& name, const std::string& bytes) {
        return documents_of(folder_.write(name, bytes).string());
    }

    /// Message and hint.
    std::string complaint(const std::string& corpus) {
        try {
            documents_of(corpus);
            return "";
        } catch (const UserError& error) {
            EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
            return std::string(error.what()) + " | " + error.hint();
        }
    }

    PrepareOptions options_;
    std::vector<Part> parts_;
    ReadReport report_;
    TempDirectory folder_;
};

inline std::string gzipped(const std::string& text) {
    std::string bytes(compressBound(text.size()) + 64, '\0');
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
    stream.avail_out = static_cast<uInt>(bytes.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    bytes.resize(stream.total_out);
    deflateEnd(&stream);
    return bytes;
}

inline std::string zstandard(const std::string& text) {
    std::string bytes(ZSTD_compressBound(text.size()), '\0');
    bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 3));
    return bytes;
}

}  // namespace autoresearch
