#pragma once

namespace autoresearch {

/// A trainer that compiles and runs in seconds: it counts tokens. What tests of the loop start from.
inline constexpr const char* kTinyTrainer = R"(#include <autoresearch/session.h>

constexpr double SMOOTHING = 1.0;

int main(int argc, char** argv) {
    autoresearch::Session session(argc, argv);
    at::Tensor counts = at::full({session.vocab_size()}, SMOOTHING);
    auto batches = session.train_batches(4);
    session.describe(session.vocab_size(), 1, 1);
    while (session.training()) {
        const auto [inputs, targets] = batches();
        const auto seen = targets.flatten();
        counts.add_(at::bincount(seen, {}, session.vocab_size()));
        session.step(-(counts / counts.sum()).log().index_select(0, seen).mean(), seen.numel());
    }
    const auto logits = (counts / counts.sum()).log();
    session.evaluate([&](const at::Tensor& tokens) {
        return logits.expand({tokens.size(0), tokens.size(1), session.vocab_size()});
    });
}
)";

}  // namespace autoresearch
