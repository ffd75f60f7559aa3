#pragma once

// The format both sides of a training run share: the trainer's Session writes it, the harness reads it.
//
// The trainer inherits one write-only descriptor (--events-fd gives its number) and writes one JSON object
// per line. Every object has "event". Its flags it gets twice: as arguments, for people who read logs, and as
// a text, a NUL behind each, at the descriptor that kFlagsVariable names, which libsession reads before main:
// these count. hello repeats them, and the harness compares. The harness trusts only this channel; the
// summary block on stdout is for people, for run.log and for scripts written for the originals.
//
// clang-format off
//   {"event":"hello","protocol":2,"device":"cpu","torch":"2.13.0","seed":1,"budget":300.0,"clock":"wall","threads":2,"split":"val","data":"<fingerprint>"}
//   {"event":"step","step":12,"seconds":3.4,"progress":0.011,"loss":5.21,"tokens":98304}     at most 4 per second;
//        the first one (step 1) is sent when the first step is done, which starts the clock
//   {"event":"evaluating","step":412,"seconds":300.1}                                          training is over
//   {"event":"result","split":"val","val_bpb":1.81,...the other summary keys as numbers...}    the last line of a good run
//   {"event":"invalid","kind":"not_finite","reason":"loss is nan at step 12"}                  the last line of a bad one
// clang-format on

namespace autoresearch::events {

inline constexpr int kProtocol = 2;
inline constexpr const char* kFlagsVariable = "AUTORESEARCH_FLAGS_FD";

inline constexpr const char* kHello = "hello";
inline constexpr const char* kStep = "step";
inline constexpr const char* kEvaluating = "evaluating";
inline constexpr const char* kResult = "result";
inline constexpr const char* kInvalid = "invalid";

// "kind" of an invalid event.
inline constexpr const char* kNotFinite = "not_finite";       // loss is NaN, infinite or above 100
inline constexpr const char* kBrokenRule = "broken_rule";     // looks ahead, bad logits, no step done, ...
inline constexpr const char* kOutOfMemory = "out_of_memory";  // the device's allocator gave up

// Keys of the result event and of the summary block, in the block's order.
inline constexpr const char* kValBpb = "val_bpb";                    // bits per UTF-8 byte of validation text
inline constexpr const char* kTrainingSeconds = "training_seconds";  // by the clock: wall or CPU time
inline constexpr const char* kTotalSeconds = "total_seconds";        // from program load to exit
inline constexpr const char* kPeakVramMb = "peak_vram_mb";           // MiB held by tensors
inline constexpr const char* kMfuPercent = "mfu_percent";       // of the matmul peak measured on this device
inline constexpr const char* kTotalTokensM = "total_tokens_M";  // millions of trained tokens
inline constexpr const char* kNumSteps = "num_steps";           // optimizer steps
inline constexpr const char* kNumParamsM = "num_params_M";      // millions of parameters
inline constexpr const char* kDepth = "depth";                  // layers

}  // namespace autoresearch::events
