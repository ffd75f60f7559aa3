#pragma once

// train/train.cpp itself, main and all, for tests that look inside. In a namespace without a name: more than
// one test file includes it. What it includes must come first, outside.

#include <autoresearch/session.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wreturn-type"  // main may end without a return, trainer_main may not
#define main trainer_main
namespace {
#include "train/train.cpp"
}  // namespace
#undef main
#pragma GCC diagnostic pop
