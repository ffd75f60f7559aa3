#include <gtest/gtest.h>

#include <functional>

#include "autoresearch/error.h"
#include "temp_directory.h"
#include "trial/frozen_files.h"
#include "util/file_digest.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

class FrozenFilesTest : public testing::Test {
  protected:
    FrozenFilesTest() {
        for (const char* name : {"kit.json", "val.bin"}) {
            const fs::path file = folder_.write(name, "as it was");
            files_.push_back({file, file_digest(file), "make " + std::string(name) + " again"});
        }
    }
    /// What is wrong and the mend; empty: nothing.
    static std::string refusal(const std::function<void()>& action) {
        try {
            action();
        } catch (const UserError& error) {
            return std::string(error.what()) + "; " + error.hint();
        }
        return "";
    }
    std::string changed(const std::string& name) const {
        return (folder_ / name).string() + " is not what it was when the run began; make " + name + " again";
    }
    TempDirectory folder_;
    FrozenFiles files_;
};

TEST_F(FrozenFilesTest, TheFirstThatChangedIsNamedWithTheMend) {
    const auto look = [&] { require_unchanged(files_); };
    EXPECT_EQ(refusal(look), "");
    folder_.write("val.bin", "as it wAs");
    EXPECT_EQ(refusal(look), changed("val.bin"));
    folder_.write("val.bin", "as it was");
    EXPECT_EQ(refusal(look), "") << "put back";
    fs::remove(folder_ / "val.bin");
    EXPECT_EQ(refusal(look), "") << "a disk that is gone is no change";
    fs::create_directory(folder_ / "val.bin");
    EXPECT_EQ(refusal(look), changed("val.bin"));
}

/// Changes a file in the midst of its work.
struct Careless : Builder, Runner {
    std::function<void()> act;
    int calls = 0;
    Result<fs::path> build(const std::string&, const fs::path&) override {
        ++calls;
        act();
        return fs::path("train");
    }
    Trial run(const TrialRequest&) override {
        ++calls;
        act();
        return {};
    }
};

TEST_F(FrozenFilesTest, NothingIsBuiltOrRunWithChangedFilesNorBelieved) {
    Careless inner;
    FrozenBuilder builder(inner, files_);
    FrozenRunner runner(inner, files_);
    const auto build = [&] { (void)builder.build("", folder_.path()); };
    const auto run = [&] { runner.run({}); };
    inner.act = [] {};
    EXPECT_EQ(refusal(build) + refusal(run), "");
    EXPECT_EQ(inner.calls, 2);
    inner.act = [&] { folder_.write("kit.json", "of another kit"); };
    EXPECT_EQ(refusal(build), changed("kit.json")) << "afterwards";
    EXPECT_EQ(inner.calls, 3);
    EXPECT_EQ(refusal(build), changed("kit.json")) << "at once";
    EXPECT_EQ(refusal(run), changed("kit.json"));
    EXPECT_EQ(inner.calls, 3);
    folder_.write("kit.json", "as it was");
    EXPECT_EQ(refusal(run), changed("kit.json"));
    EXPECT_EQ(inner.calls, 4);
}

}  // namespace
}  // namespace autoresearch
