#include <gtest/gtest.h>

#include <ctime>

#include "autoresearch/error.h"
#include "settings/settle.h"
#include "settings/table.h"

namespace autoresearch {
namespace {

TEST(Settle, TheClockIsTheDevicesUnlessItWasAskedFor) {
    Settings config;
    EXPECT_EQ(settle(config, {"cpu"}).clock, ClockKind::cpu);
    for (const char* gpu : {"mps", "cuda"}) EXPECT_EQ(settle(config, {gpu}).clock, ClockKind::wall) << gpu;
    config.clock = ClockKind::wall;
    EXPECT_EQ(settle(config, {"cpu"}).clock, ClockKind::wall);
}

TEST(Settle, TheCpuClockIsForTheCpuOnly) {
    Settings config;
    EXPECT_EQ(settle(config, {"mps"}).device, "mps");
    config.clock = ClockKind::cpu;
    try {
        settle(config, {"mps"});
        ADD_FAILURE() << "not refused";
    } catch (const UserError& error) {
        EXPECT_NE(std::string(error.what()).find("--clock cpu"), std::string::npos) << error.what();
        EXPECT_NE(error.hint().find("--device cpu"), std::string::npos) << error.hint();
    }
    EXPECT_EQ(settle(config, {"cpu"}).device, "cpu");
    config.budget = 2.5;
    EXPECT_EQ(budget_text(config), "2.5 s cpu");
}

TEST(Settle, WhatIsLeftToTheMachineComesFromIt) {
    const Settings settled = settle(Settings{}, {"cuda", 12, 100});
    EXPECT_EQ(settled.device, "cuda");
    EXPECT_EQ(settled.threads, 12);
    EXPECT_DOUBLE_EQ(settled.memory_limit, 85);
    EXPECT_EQ(settle(Settings{}, {"cpu", 0, 0}).threads, 1) << "a machine that does not say";
    Settings asked;
    asked.threads = 3;
    asked.memory_limit = 2;
    EXPECT_EQ(settle(asked, {"cpu", 12, 100}).threads, 3);
    EXPECT_DOUBLE_EQ(settle(asked, {"cpu", 12, 100}).memory_limit, 2);
    const Settings again = settle(settled, {"cuda", 1, 1});
    EXPECT_EQ(again.threads, 12) << "settled once is settled";
    EXPECT_DOUBLE_EQ(again.memory_limit, 85);
}

TEST(Settle, ATimeOfDayIsTheNextOne) {
    EXPECT_EQ(next_time_of_day(""), 0);
    const double now = static_cast<double>(std::time(nullptr));
    const double then = next_time_of_day("07:30");
    EXPECT_GT(then, now);
    EXPECT_LE(then, now + 25 * 3600);
    EXPECT_THROW(next_time_of_day("half past seven"), UserError);
    EXPECT_THROW(next_time_of_day("07:30 or so"), UserError);
}

}  // namespace
}  // namespace autoresearch
