#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/hash.h"

struct pcre2_real_code_8;

namespace autoresearch {

/// Cuts text into the pieces that byte pairs are merged within, by a regular expression. White space means
/// what it means to Rust's regex (Unicode White_Space), so that rustbpe and tiktoken cut at the same places.
/// Thread-safe.
class Splitter {
  public:
    /// Throws UserError when the expression does not compile.
    explicit Splitter(const std::string& pattern);
    /// Calls take(piece) for all of the text in order. Text between two matches is a piece too, and so is
    /// every single byte of what is not UTF-8: the pieces joined are always the text.
    void split(std::string_view text, const std::function<void(std::string_view piece)>& take) const;

  private:
    std::shared_ptr<const pcre2_real_code_8> code_;
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
        slots_.assign(std::max<std::size_t>(64, 2 * slots_.size()), Slot{});
        for (std::uint32_t i = 0; i < entries_.size(); ++i) {
            const std::string_view piece = piece_of(entries_[i]);
            const auto hash = static_cast<std::uint32_t>(xxh64(piece));
            slots_[place_of(piece, hash)] = {hash, i};
        }
    }

    std::vector<Slot> slots_;  // a power of two, at most half of them in use
    std::vector<Entry> entries_;
    std::string texts_;
};

/// How often each piece stands in a text.
using PieceCounts = PieceMap<std::int64_t>;
inline void add_counts(const PieceCounts& more, PieceCounts& counts) {
    more.for_each([&](std::string_view piece, std::int64_t count) { counts[piece] += count; });
}

}  // namespace autoresearch
