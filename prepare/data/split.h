#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace autoresearch {

/// Number of bytes at the start of `text` that are valid UTF-8 (no surrogates, nothing overlong, nothing
/// cut).
std::size_t valid_utf8_prefix(std::string_view text);

/// Cuts text into the pieces that byte pairs are merged within, by a regular expression. White space means
/// what it means to Rust's regex (Unicode White_Space), so that rustbpe and tiktoken cut at the same places.
/// For one thread at a time; a copy shares the compiled expression and may be used by another thread.
class Splitter {
  public:
    /// Throws UserError when the expression does not compile.
    explicit Splitter(const std::string& pattern);
    Splitter(const Splitter& other);
    Splitter& operator=(const Splitter&) = delete;
    ~Splitter();

    /// Calls take(piece) for all of the text in order. Text between two matches is a piece too, and so is
    /// every single byte of what is not UTF-8: the pieces joined are always the text.
    template <class Take>
    void split(std::string_view text, Take&& take) {
        while (!text.empty()) {
            const std::string_view run = text.substr(0, valid_utf8_prefix(text));
            std::size_t done = 0, begin = 0, end = 0;
            while (done < run.size() && match(run, done, begin, end)) {
                if (begin > done) take(run.substr(done, begin - done));
                take(run.substr(begin, end - begin));
                done = end;
            }
            if (done < run.size()) take(run.substr(done));
            text.remove_prefix(run.size());
            if (!text.empty()) take(text.substr(0, 1));
            text.remove_prefix(text.empty() ? 0 : 1);
        }
    }

  private:
    struct Code;
    struct Scratch;
    /// The first match in `run` that is not empty and begins at `from` or later. `run` must be valid UTF-8.
    bool match(std::string_view run, std::size_t from, std::size_t& begin, std::size_t& end);

    std::shared_ptr<const Code> code_;
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace autoresearch
