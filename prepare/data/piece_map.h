#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "prepare/data/hash.h"

namespace autoresearch {

/// A hash map from short texts to values, made for millions of look-ups: open addressing, and all the texts
/// stand in one buffer. Nothing can be erased but everything.
template <class Value>
class PieceMap {
  public:
    PieceMap() { clear(); }

    void clear() {
        slots_.assign(kFirstSlots, 0);
        entries_.clear();
        text_.clear();
    }

    const Value* find(std::string_view key) const {
        const std::uint64_t hash = hash_of(key);
        const std::uint32_t entry = slots_[slot_of(key, hash)];
        return entry == 0 ? nullptr : &entries_[entry - 1].value;
    }

    /// The value of `key`, made anew when there is none. Valid until the next call.
    Value& operator[](std::string_view key) {
        const std::uint64_t hash = hash_of(key);
        std::size_t slot = slot_of(key, hash);
        if (slots_[slot] == 0) {
            if ((entries_.size() + 1) * 2 > slots_.size()) {
                grow();
                slot = slot_of(key, hash);
            }
            entries_.push_back({hash, text_.size(), static_cast<std::uint32_t>(key.size()), Value{}});
            text_.append(key);
            slots_[slot] = static_cast<std::uint32_t>(entries_.size());
        }
        return entries_[slots_[slot] - 1].value;
    }

    std::size_t size() const { return entries_.size(); }
    std::size_t text_bytes() const { return text_.size(); }
    std::string_view key(std::size_t i) const {
        return {text_.data() + entries_[i].offset, entries_[i].length};
    }
    const Value& value(std::size_t i) const { return entries_[i].value; }

  private:
    struct Entry {
        std::uint64_t hash;
        std::size_t offset;
        std::uint32_t length;
        Value value;
    };
    static constexpr std::size_t kFirstSlots = 1024;  // always a power of two

    static std::uint64_t hash_of(std::string_view key) { return xxh64(key); }

    std::size_t slot_of(std::string_view key, std::uint64_t hash) const {
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t slot = hash & mask;; slot = (slot + 1) & mask) {
            if (slots_[slot] == 0) return slot;
            const Entry& entry = entries_[slots_[slot] - 1];
            if (entry.hash == hash && std::string_view(text_.data() + entry.offset, entry.length) == key)
                return slot;
        }
    }

    void grow() {
        slots_.assign(slots_.size() * 2, 0);
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            std::size_t slot = entries_[i].hash & mask;
            while (slots_[slot] != 0) slot = (slot + 1) & mask;
            slots_[slot] = static_cast<std::uint32_t>(i + 1);
        }
    }

    std::vector<std::uint32_t> slots_;  // 0: free, else entry number + 1
    std::vector<Entry> entries_;        // in the order of arrival
    std::string text_;
};

}  // namespace autoresearch
