#pragma once

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

/// Splits text by a regular expression into the pieces within which byte pairs are merged. White space means
/// what it means to Rust's regex (Unicode White_Space), so that we split where rustbpe and tiktoken do.
/// Thread-safe.
class Splitter {
  public:
    /// Throws UserError when the expression does not compile.
    explicit Splitter(const std::string& pattern);
    /// Calls take(piece) for the whole text in order. Text between two matches is a piece too, and so is
    /// every byte that is not UTF-8: the pieces joined always give the text.
    void split(std::string_view text, const std::function<void(std::string_view piece)>& take) const;

  private:
    std::shared_ptr<const pcre2_real_code_8> code_;
};

/// A map from non-empty pieces of text to small values, for millions of lookups of short pieces: open
/// addressing, with the pieces contiguous in memory. Nothing is ever removed.
template <class Value>
class PieceMap {
  public:
    /// The value of a piece, created if missing. Valid until the next call.
    Value& operator[](std::string_view piece) {
        if (2 * size_ >= slots_.size()) grow();
        Slot& slot = slots_[place_of(piece)];
        if (slot.size == 0) {
            slot = {texts_.size(), piece.size(), Value{}};
            texts_ += piece;
            ++size_;
        }
        return slot.value;
    }
    /// The value, or `none`.
    Value find(std::string_view piece, Value none) const {
        const Slot& slot = slots_[place_of(piece)];
        return slot.size == 0 ? none : slot.value;
    }
    std::size_t size() const { return size_; }
    /// Calls visit(piece, value) for every piece.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const Slot& slot : slots_)
            if (slot.size > 0) visit(piece_of(slot), slot.value);
    }

  private:
    struct Slot {
        std::size_t begin = 0, size = 0;  // of the piece, in texts_; no size: free
        Value value{};
    };

    std::string_view piece_of(const Slot& slot) const { return {texts_.data() + slot.begin, slot.size}; }

    /// Index of the slot that holds the piece, or that is free for it.
    std::size_t place_of(std::string_view piece) const {
        std::size_t place = xxh64(piece) & (slots_.size() - 1);
        while (slots_[place].size > 0 && piece_of(slots_[place]) != piece)
            place = (place + 1) & (slots_.size() - 1);
        return place;
    }
    void grow() {
        const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(2 * slots_.size()));
        for (const Slot& slot : old)
            if (slot.size > 0) slots_[place_of(piece_of(slot))] = slot;
    }

    std::vector<Slot> slots_ = std::vector<Slot>(64);  // a power of two, at most half full
    std::string texts_;
    std::size_t size_ = 0;
};

/// How often each piece occurs in a text.
using PieceCounts = PieceMap<std::int64_t>;
inline void add_counts(const PieceCounts& more, PieceCounts& counts) {
    more.for_each([&](std::string_view piece, std::int64_t count) { counts[piece] += count; });
}

}  // namespace autoresearch
