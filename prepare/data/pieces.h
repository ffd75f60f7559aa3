#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/hash.h"
#include "util/text.h"

namespace autoresearch {

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

/// A map from pieces of text to small values, for millions of look-ups of short pieces: an open table of
/// slots, and the pieces one after the other in memory. Nothing is ever removed.
template <class Value>
class PieceMap {
  public:
    /// The value of a piece, made anew when there is none. Valid until the next call.
    Value& operator[](std::string_view piece) {
        if (2 * entries_.size() >= slots_.size()) grow();
        const auto hash = static_cast<std::uint32_t>(xxh64(piece));
        Slot& slot = slots_[place_of(piece, hash)];
        if (slot.entry == kFree) {
            slot = {hash, static_cast<std::uint32_t>(entries_.size())};
            entries_.push_back({texts_.size(), piece.size(), Value{}});
            texts_ += piece;
        }
        return entries_[slot.entry].value;
    }

    /// The value, or `none`.
    Value find(std::string_view piece, Value none) const {
        if (slots_.empty()) return none;
        const Slot& slot = slots_[place_of(piece, static_cast<std::uint32_t>(xxh64(piece)))];
        return slot.entry == kFree ? none : entries_[slot.entry].value;
    }
    std::size_t size() const { return entries_.size(); }
    /// Calls visit(piece, value) for all, in the order in which they came.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const Entry& entry : entries_) visit(piece_of(entry), entry.value);
    }

  private:
    static constexpr std::uint32_t kFree = ~std::uint32_t{0};
    struct Slot {
        std::uint32_t hash = 0, entry = kFree;
    };
    struct Entry {
        std::size_t begin, size;  // of the piece, in texts_
        Value value;
    };

    std::string_view piece_of(const Entry& entry) const { return {texts_.data() + entry.begin, entry.size}; }

    /// Of the slot that holds the piece, or that is free for it.
    std::size_t place_of(std::string_view piece, std::uint32_t hash) const {
        std::size_t place = hash & (slots_.size() - 1);
        while (slots_[place].entry != kFree &&
               (slots_[place].hash != hash || piece_of(entries_[slots_[place].entry]) != piece))
            place = (place + 1) & (slots_.size() - 1);
        return place;
    }

    void grow() {
        const std::vector<Slot> old =
            std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(64, 2 * slots_.size())));
        for (const Slot& slot : old) {
            if (slot.entry == kFree) continue;
            std::size_t place = slot.hash & (slots_.size() - 1);
            while (slots_[place].entry != kFree) place = (place + 1) & (slots_.size() - 1);
            slots_[place] = slot;
        }
    }

    std::vector<Slot> slots_;  // a power of two, at most half of them in use
    std::vector<Entry> entries_;
    std::string texts_;
};

/// How often each piece stands in a text. Count on each thread and add up at the end.
using PieceCounts = PieceMap<std::int64_t>;
void count_pieces(Splitter& splitter, std::string_view text, PieceCounts& counts);
void add_counts(const PieceCounts& more, PieceCounts& counts);

}  // namespace autoresearch
