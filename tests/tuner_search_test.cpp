#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "tuner/tuner.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;

Hyperparameter real(const std::string& name, double value) {
    return {name, false, value};
}

Hyperparameter whole(const std::string& name, double value) {
    return {name, true, value};
}

/// Plays experiments against an objective the way the loop does: the incumbent moves on a keep.
class Game {
  public:
    using Objective = std::function<double(const Values&)>;

    Game(std::vector<Hyperparameter> start, Objective objective)
        : current_(std::move(start)),
          objective_(std::move(objective)),
          best_(objective_(values_of(current_))) {
        history_.push_back({{}, values_of(current_), true, best_, 0});
        seen_.insert(values_of(current_));
    }

    /// False when the search has nothing left.
    bool play(std::uint64_t seed = 0) {
        last_ = next_step(current_, history_, budget_, seed);
        if (last_) play_moves(last_->moves);
        return last_.has_value();
    }

    void play_moves(const std::vector<Move>& moves) {
        Attempt attempt;
        attempt.before = attempt.after = values_of(current_);
        for (const auto& move : moves) attempt.after[move.parameter.name] = move.to;
        repeats_ += seen_.insert(attempt.after).second ? 0 : 1;
        const double result = objective_(attempt.after);
        attempt.kept = result < best_;  // a crash gives NaN
        if (std::isfinite(result)) {
            attempt.val_bpb = result;
            attempt.difference = result - best_;
        }
        if (attempt.kept) {
            best_ = result;
            for (auto& parameter : current_) parameter.value = attempt.after[parameter.name];
        }
        history_.push_back(attempt);
    }

    std::vector<Hyperparameter> current_;
    Budget budget_;
    Objective objective_;
    double best_;
    std::vector<Attempt> history_;
    std::set<Values> seen_;
    std::optional<Step> last_;
    int repeats_ = 0;
};

/// Smooth in the logarithms, with some correlation; the best point is up to a factor 4 away from the start.
Game::Objective bowl(std::mt19937& random) {
    std::uniform_real_distribution<double> offset(-std::log(4.0), std::log(4.0));
    const double a = offset(random);
    const double b = offset(random);
    const double c = offset(random);
    return [=](const Values& values) {
        const double x = std::log(values.at("MATRIX_LR") / 0.04) - a;
        const double y = std::log(values.at("EMBEDDING_LR") / 0.6) - b;
        const double z = std::log(values.at("WEIGHT_DECAY") / 0.2) - c;
        return 1 + 0.1 * (x * x + 0.5 * y * y + 0.3 * z * z + 0.4 * x * y);
    };
}

const std::vector<Hyperparameter> kThree = {real("MATRIX_LR", 0.04), real("EMBEDDING_LR", 0.6),
                                            real("WEIGHT_DECAY", 0.2)};

TEST(Search, BeatsRandomStepsOnASmoothFunctionAndNeverRepeats) {
    std::mt19937 random(7);
    constexpr int kGames = 50;
    constexpr int kProposals = 40;
    double tuned = 0;
    double walked = 0;
    int wins = 0;
    for (int i = 0; i < kGames; ++i) {
        const auto objective = bowl(random);
        Game tuner(kThree, objective);
        Game walk(kThree, objective);
        for (int n = 0; n < kProposals; ++n) {
            tuner.play();  // may end early: even the shortest steps are used up
            const auto& parameter = walk.current_[random() % 3];
            const double factor = std::exp(std::uniform_real_distribution<double>(-1, 1)(random));
            walk.play_moves({{parameter, parameter.value * factor}});
        }
        EXPECT_EQ(tuner.repeats_, 0);
        tuned += (tuner.best_ - 1) / kGames;
        walked += (walk.best_ - 1) / kGames;
        wins += tuner.best_ < walk.best_ ? 1 : 0;
    }
    std::cout << "mean distance from the optimum: tuner " << tuned << ", random " << walked << ", wins "
              << wins << "\n";
    EXPECT_LT(tuned, walked / 2);
    EXPECT_GT(wins, kGames / 2) << "by how much, is in the means";
}

TEST(Search, FindsItsWayThroughNoise) {
    std::mt19937 random(5);
    double gained = 0;
    double possible = 0;
    for (int i = 0; i < 20; ++i) {
        const auto truth = bowl(random);
        std::normal_distribution<double> noise(0, 0.01);
        Game game(kThree, [&](const Values& values) { return truth(values) + noise(random); });
        for (int n = 0; n < 40; ++n) game.play();
        gained += truth(values_of(kThree)) - truth(values_of(game.current_));
        possible += truth(values_of(kThree)) - 1;
    }
    EXPECT_GT(gained, possible * 0.8);
}

TEST(Search, IsDeterministic) {
    std::mt19937 random(3);
    const auto objective = bowl(random);
    Game one(kThree, objective);
    Game two(kThree, objective);
    for (int n = 0; n < 20; ++n) {
        one.play(5);
        two.play(5);
    }
    EXPECT_EQ(one.seen_, two.seen_);
}

TEST(Search, OrderFollowsWhatTheBudgetLacks) {
    const std::vector<Hyperparameter> start = {
        real("SOFTCAP", 15),       real("MATRIX_LR", 0.04), whole("TOTAL_BATCH_SIZE", 2048),
        whole("ASPECT_RATIO", 32), whole("DEPTH", 4),       whole("DEVICE_BATCH_SIZE", 8)};
    const auto first = [&](double steps, int count) {
        Game game(start, [](const Values&) { return 1.0; });
        game.budget_.steps = steps;
        std::vector<std::string> ideas;
        for (int n = 0; n < count; ++n) {
            EXPECT_TRUE(game.play());
            ideas.push_back(describe(*game.last_));
        }
        return ideas;
    };
    const auto few = first(118, 6);
    EXPECT_EQ(std::set<std::string>(few.begin(), few.begin() + 2),
              (std::set<std::string>{"lower DEPTH 4 -> 2 (118 steps are few: cheaper ones first)",
                                     "lower ASPECT_RATIO 32 -> 16 (118 steps are few: cheaper ones first)"}));
    EXPECT_EQ(few[2], "raise TOTAL_BATCH_SIZE 2048 -> 4096 (2048 tokens make a noisy step)");
    EXPECT_THAT(few[3], testing::AnyOf(HasSubstr("raise DEPTH 4 -> 6"), HasSubstr("raise ASPECT_RATIO")));
    const auto many = first(50000, 2);
    EXPECT_EQ(std::set<std::string>(many.begin(), many.end()),
              (std::set<std::string>{"raise DEPTH 4 -> 6 (50000 steps are many: size first)",
                                     "raise ASPECT_RATIO 32 -> 64 (50000 steps are many: size first)"}));
}

TEST(Search, GoesOnAndFurtherThenHalfway) {
    // The best value lies between the first step up and the second.
    Game game({real("MATRIX_LR", 0.04)},
              [](const Values& values) { return std::abs(std::log(values.at("MATRIX_LR") / 0.1225)); });
    game.play();
    EXPECT_EQ(describe(*game.last_), "raise MATRIX_LR 0.04 -> 0.07 (not tried yet)");
    game.play();
    EXPECT_EQ(describe(*game.last_), "raise MATRIX_LR 0.07 -> 0.2144 (it helped: on, and further)");
    game.play();
    EXPECT_EQ(describe(*game.last_), "raise MATRIX_LR 0.07 -> 0.1225 (half of a step that was too long)");
    EXPECT_LT(game.best_, 0.01);
}

TEST(Search, NearMissesAreTriedTogetherAndLonger) {
    // Each is too small to be kept alone.
    const std::vector<Hyperparameter> start = {real("MATRIX_LR", 0.04), real("EMBEDDING_LR", 0.6)};
    std::vector<Attempt> history = {{{}, values_of(start), true, 2.0, 0}};
    for (const auto& [name, to] : {std::pair{"MATRIX_LR", 0.07}, {"EMBEDDING_LR", 1.05}}) {
        Attempt miss{values_of(start), values_of(start), false, 1.99, -0.01};
        miss.after[name] = to;
        history.push_back(miss);
    }
    const auto both = next_step(start, history, {1000, 0.02}, 0);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->moves.size(), 2U);
    EXPECT_THAT(describe(*both), HasSubstr("(each was nearly better)"));
    Attempt failed{values_of(start), values_of(start), false, 2.1, 0.1};
    for (const Move& move : both->moves) failed.after[move.parameter.name] = move.to;
    history.push_back(failed);
    EXPECT_THAT(describe(*next_step(start, history, {1000, 0.02}, 0)), HasSubstr("a longer step"));
}

TEST(Search, ASmallerBatchInAPairTakesThePassAlongToo) {
    const std::vector<Hyperparameter> start = {whole("TOTAL_BATCH_SIZE", 65536), real("MATRIX_LR", 0.04),
                                               whole("DEVICE_BATCH_SIZE", 16)};
    Attempt larger{values_of(start), values_of(start), false, 2.1, 0.1};
    Attempt batch{values_of(start), values_of(start), false, 1.99, -0.01}, rate = batch;
    larger.after["TOTAL_BATCH_SIZE"] = 131072;
    batch.after["TOTAL_BATCH_SIZE"] = 32768;
    batch.after["DEVICE_BATCH_SIZE"] = 8;
    rate.after["MATRIX_LR"] = 0.07;
    const auto both =
        next_step(start, {{{}, values_of(start), true, 2.0, 0}, larger, batch, rate}, {1000, 0.02}, 0);
    for (const char* part : {"32768", "0.07", "DEVICE_BATCH_SIZE 16 -> 8", "each was nearly better"})
        EXPECT_THAT(describe(*both), HasSubstr(part));
}

TEST(Search, ANearMissOfASizeGoesOnBeforeTheOtherWay) {
    const std::vector<Hyperparameter> start = {whole("DEPTH", 4)};
    Attempt less{values_of(start), values_of(start), false, 1.97, -0.03}, worse = less;
    less.after["DEPTH"] = 3;
    worse.after["DEPTH"] = 3;
    worse.difference = 0.05;
    const auto after = [&](const Attempt& tried) {
        return describe(*next_step(start, {{{}, values_of(start), true, 2.0, 0}, tried}, {100, 0.02}, 0));
    };
    EXPECT_THAT(after(less), HasSubstr("lower DEPTH"));
    EXPECT_THAT(after(worse), HasSubstr("raise DEPTH"));
}

TEST(Search, NoStepIsTakenWhoseEffectIsBelowTheNoise) {
    const std::vector<Hyperparameter> start = {real("MATRIX_LR", 0.07)};
    const auto after = [&](double noise) {
        std::vector<Attempt> history = {{{}, {{"MATRIX_LR", 0.04}}, true, 2.0, 0},
                                        {{{"MATRIX_LR", 0.04}}, values_of(start), true, 1.9, -0.1},
                                        {values_of(start), {{"MATRIX_LR", 0.2144}}, false, 1.95, 0.05}};
        return next_step(start, history, {1000, noise}, 0);
    };
    EXPECT_THAT(describe(*after(0.01)), HasSubstr("half of a step"));
    EXPECT_FALSE(after(0.03)) << "half of a loss of 0.05 cannot be seen";
}

TEST(Search, SharesStayInside) {
    for (const double start : {0.0, 0.05, 0.5, 0.95, 1.0}) {
        for (const double target : {-1.0, 2.0}) {
            Game game({real("WARMDOWN_RATIO", start)},
                      [&](const Values& values) { return std::abs(values.at("WARMDOWN_RATIO") - target); });
            for (int n = 0; n < 30 && game.play(); ++n) {
                EXPECT_GT(game.last_->moves[0].to, 0);
                EXPECT_LT(game.last_->moves[0].to, 1);
            }
        }
    }
}

TEST(Search, AStepIsAsTheKindOfConstantWantsIt) {
    const auto expect = [](const Hyperparameter& parameter, std::optional<double> down,
                           std::optional<double> up) {
        EXPECT_EQ(stepped(parameter, false, 1), down) << parameter.name << " " << parameter.value;
        EXPECT_EQ(stepped(parameter, true, 1), up) << parameter.name << " " << parameter.value;
    };
    expect(whole("DEPTH", 4), 2, 6);
    expect(whole("DEPTH", 3), 2, 5);
    expect(whole("DEPTH", 1), std::nullopt, 2);
    expect(whole("ASPECT_RATIO", 32), 16, 64);
    expect(whole("STEPS", 300), 200, 450);
    expect(whole("HEAD_DIM", 64), std::nullopt, std::nullopt);
    expect(real("WEIGHT_DECAY", 0), std::nullopt, 0.01);
    expect(real("WARMUP_RATIO", 0), std::nullopt, 0.05);
    EXPECT_EQ(stepped(whole("TOTAL_BATCH_SIZE", 4096), true, 2), 16384);
    EXPECT_FALSE(can_move(whole("DEVICE_BATCH_SIZE", 8))) << "alone it cannot win";
}

TEST(Search, ASmallerBatchTakesThePassAlong) {
    Game game({whole("TOTAL_BATCH_SIZE", 65536), whole("DEVICE_BATCH_SIZE", 16)},
              [](const Values& values) { return values.at("TOTAL_BATCH_SIZE"); });
    game.play();
    EXPECT_EQ(describe(*game.last_),
              "lower TOTAL_BATCH_SIZE 65536 -> 32768, lower DEVICE_BATCH_SIZE 16 -> 8 "
              "(smaller batches give more steps)");
    game.play();
    EXPECT_EQ(describe(*game.last_),
              "lower TOTAL_BATCH_SIZE 32768 -> 8192, lower DEVICE_BATCH_SIZE 8 -> 2 "
              "(it helped: on, and further)");
}

TEST(Search, ARatioThatLeavesTheWidthIsNotTried) {
    const auto next = [](double ratio) {
        const Values values = {{"ASPECT_RATIO", ratio}, {"DEPTH", 4}, {"HEAD_DIM", 64}};
        Attempt shallow{values, values, false, 2.1, 0.1};
        shallow.after["DEPTH"] = 2;
        const std::vector<Hyperparameter> current = {whole("ASPECT_RATIO", ratio), whole("HEAD_DIM", 64),
                                                     whole("DEPTH", 4)};
        return describe(*next_step(current, {{{}, values, true, 2, 0}, shallow}, {100, 0.01}, 0));
    };
    EXPECT_THAT(next(32), HasSubstr("lower ASPECT_RATIO 32 -> 16"));
    EXPECT_THAT(next(16), testing::Not(HasSubstr("lower ASPECT_RATIO"))) << "one head is the least";
}

TEST(Search, EndsWhenNothingIsLeft) {
    EXPECT_FALSE(next_step({whole("HEAD_DIM", 64)}, {{{}, {{"HEAD_DIM", 64}}, true, 1, 0}}, {}, 0));
}

// What a search by chance over the same constants finds in as many experiments.
TEST(Search, TheProcessBeatsChance) {
    std::mt19937 random(11);
    double dense = 0, chance = 0;
    for (int i = 0; i < 20; ++i) {
        const auto objective = bowl(random);
        std::vector<Attempt> history;
        double best_of_chance = 9, best = 9;
        for (int n = 0; n < 40; ++n) {
            Values values;
            for (const auto& parameter : kThree)
                values[parameter.name] =
                    parameter.value * std::exp(std::uniform_real_distribution<double>(-1.4, 1.4)(random));
            const double result = objective(values);
            best_of_chance = std::min(best_of_chance, result);
            if (n < 20) history.push_back({{}, values, false, result, 0});
        }
        for (const Attempt& attempt : history) best = std::min(best, attempt.val_bpb);
        for (int n = 0; n < 20; ++n) {
            const auto step = expected_step(kThree, history, {}, 1);
            ASSERT_TRUE(step);
            Values values = values_of(kThree);
            for (const Move& move : step->moves) values[move.parameter.name] = move.to;
            history.push_back({{}, values, false, objective(values), 0});
            best = std::min(best, history.back().val_bpb);
        }
        dense += (best - 1) / 20;
        chance += (best_of_chance - 1) / 20;
    }
    std::cout << "mean distance from the optimum: process " << dense << ", chance " << chance << "\n";
    EXPECT_LT(dense, chance / 2);
}

TEST(Search, CrashesCountAsFailures) {
    Game game({whole("WIDTH", 16)},
              [](const Values& values) { return values.at("WIDTH") > 16 ? NAN : values.at("WIDTH"); });
    for (int n = 0; n < 10 && game.play(); ++n) {
    }
    EXPECT_EQ(game.current_[0].value, 1);
    EXPECT_EQ(game.repeats_, 0);
}

}  // namespace
}  // namespace autoresearch
