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
        history_.push_back({{}, values_of(current_), true});
        seen_.insert(values_of(current_));
    }

    /// False when the search has nothing left.
    bool play(std::uint64_t seed = 0) {
        last_ = next_step(current_, history_, seed);
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
        if (attempt.kept) {
            best_ = result;
            for (auto& parameter : current_) parameter.value = attempt.after[parameter.name];
        }
        history_.push_back(attempt);
    }

    std::vector<Hyperparameter> current_;
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
    EXPECT_GT(wins, kGames * 2 / 3);
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

TEST(Search, LearningRatesAndBatchSizeComeFirst) {
    Game game({whole("DEPTH", 4), real("SOFTCAP", 15), real("MATRIX_LR", 0.04),
               whole("TOTAL_BATCH_SIZE", 4096), real("SCALAR_LR", 0.5)},
              [](const Values&) { return 1.0; });
    std::vector<std::string> names;
    for (int n = 0; n < 5; ++n) {
        ASSERT_TRUE(game.play());
        EXPECT_EQ(game.last_->why, "not tried yet");
        names.push_back(game.last_->moves[0].parameter.name);
    }
    EXPECT_EQ(std::vector<std::string>(names.begin(), names.begin() + 3),
              (std::vector<std::string>{"MATRIX_LR", "TOTAL_BATCH_SIZE", "SCALAR_LR"}));
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 5u);
}

TEST(Search, RepeatsWhatHelpedThenTurnsThenShortens) {
    // The best value lies between the first step up and the second.
    Game game({real("MATRIX_LR", 0.04)},
              [](const Values& values) { return std::abs(std::log(values.at("MATRIX_LR") / 0.08)); });
    game.play();
    EXPECT_EQ(describe(*game.last_), "raise MATRIX_LR 0.04 -> 0.07 (not tried yet)");
    game.play();
    EXPECT_EQ(describe(*game.last_), "raise MATRIX_LR 0.07 -> 0.1225 (it helped before)");
    game.play();
    EXPECT_THAT(describe(*game.last_), HasSubstr("a shorter step"));
    EXPECT_LT(std::abs(std::log(game.last_->moves[0].to / 0.07)), 0.3);
    game.play();
    game.play();
    EXPECT_LT(game.best_, 0.08);
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

TEST(Search, IntegersStepAsTheirKindDoes) {
    Game game({whole("DEPTH", 4), whole("HEAD_DIM", 64), whole("DEVICE_BATCH_SIZE", 16), whole("STEPS", 300)},
              [](const Values&) { return 1.0; });
    std::map<std::string, std::set<double>> values;
    while (game.play()) {
        for (const auto& move : game.last_->moves) values[move.parameter.name].insert(move.to);
        ASSERT_LT(game.history_.size(), 100u);
    }
    EXPECT_EQ(values["DEPTH"], (std::set<double>{3, 5}));
    EXPECT_EQ(values["DEVICE_BATCH_SIZE"], (std::set<double>{8, 32}));
    EXPECT_EQ(values["STEPS"], (std::set<double>{200, 450}));
    EXPECT_EQ(values.count("HEAD_DIM"), 0u);
}

TEST(Search, AZeroGetsASmallFirstValue) {
    Game game({real("WEIGHT_DECAY", 0), real("WARMUP_RATIO", 0)}, [](const Values&) { return 1.0; });
    std::set<std::string> ideas;
    for (int n = 0; n < 2; ++n) {
        game.play();
        ideas.insert(describe(*game.last_));
    }
    EXPECT_EQ(ideas, (std::set<std::string>{"raise WEIGHT_DECAY 0.0 -> 0.01 (not tried yet)",
                                            "raise WARMUP_RATIO 0.0 -> 0.05 (not tried yet)"}));
}

TEST(Search, ASmallerBatchTakesThePassAlong) {
    Game game({whole("TOTAL_BATCH_SIZE", 4096), whole("DEVICE_BATCH_SIZE", 16)},
              [](const Values& values) { return values.at("TOTAL_BATCH_SIZE"); });
    game.play();
    EXPECT_EQ(describe(*game.last_),
              "lower TOTAL_BATCH_SIZE 4096 -> 2048, lower DEVICE_BATCH_SIZE 16 -> 8 (not tried yet)");
    game.play();
    EXPECT_EQ(describe(*game.last_),
              "lower TOTAL_BATCH_SIZE 2048 -> 1024, lower DEVICE_BATCH_SIZE 8 -> 4 (it helped before)");
}

TEST(Search, EndsWhenEveryStepIsUsedUp) {
    Game game({real("MATRIX_LR", 0.04), whole("DEPTH", 1)}, [](const Values&) { return 1.0; });
    int count = 0;
    double shortest = 1;
    while (game.play()) {
        const auto& move = game.last_->moves[0];
        if (move.parameter.name == "MATRIX_LR")
            shortest = std::min(shortest, std::abs(std::log(move.to / 0.04)));
        ASSERT_LT(++count, 100);
    }
    EXPECT_GE(count, 10);
    EXPECT_LT(shortest, 0.03);
    EXPECT_EQ(game.repeats_, 0);
}

TEST(Search, CrashesCountAsFailures) {
    Game game({whole("DEVICE_BATCH_SIZE", 16)}, [](const Values& values) {
        return values.at("DEVICE_BATCH_SIZE") > 16 ? NAN : values.at("DEVICE_BATCH_SIZE");
    });
    for (int n = 0; n < 10 && game.play(); ++n) {
    }
    EXPECT_EQ(game.current_[0].value, 1);
    EXPECT_EQ(game.repeats_, 0);
}

}  // namespace
}  // namespace autoresearch
