#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace autoresearch {

/// A hash map from pairs of ids to a number, by open addressing: the inner loop of encoding and of training.
class PairTable {
  public:
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

    std::uint32_t find(std::uint32_t left, std::uint32_t right) const {
        return slots_[slot_of(key_of(left, right))].value;
    }

    /// Keeps what is there already; returns what is there afterwards.
    std::uint32_t insert(std::uint32_t left, std::uint32_t right, std::uint32_t value) {
        if ((used_ + 1) * 2 > slots_.size()) grow();
        Slot& slot = slots_[slot_of(key_of(left, right))];
        if (slot.value == kNone) {
            slot = {key_of(left, right), value};
            ++used_;
        }
        return slot.value;
    }

  private:
    struct Slot {
        std::uint64_t key = 0;
        std::uint32_t value = kNone;  // kNone: free
    };

    static std::uint64_t key_of(std::uint32_t left, std::uint32_t right) {
        return std::uint64_t{left} << 32 | right;
    }

    std::size_t slot_of(std::uint64_t key) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t slot = (key * 0x9E3779B97F4A7C15) >> 32 & mask;
        while (slots_[slot].value != kNone && slots_[slot].key != key) slot = (slot + 1) & mask;
        return slot;
    }

    void grow() {
        std::vector<Slot> old(slots_.size() * 2);
        old.swap(slots_);
        for (const Slot& slot : old)
            if (slot.value != kNone) slots_[slot_of(slot.key)] = slot;
    }

    std::vector<Slot> slots_ = std::vector<Slot>(1024);  // a power of two
    std::size_t used_ = 0;
};

}  // namespace autoresearch
