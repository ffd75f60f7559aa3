#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "proc/boxed.h"
#include "proc/signals.h"
#include "proc/subprocess.h"
#include "temp_directory.h"
#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

/// Each kind that this system could have is tried for real; a machine that lacks one skips it.
class ABox : public ::testing::TestWithParam<BoxKind> {
  protected:
    void SetUp() override {
        const auto found = find_box(GetParam());
        if (!found.ok()) GTEST_SKIP() << found.failure().reason;
        for (const char* folder : {"mine", "shown", "shown/secret", "shown/secret/again", "elsewhere"})
            fs::create_directories(at(folder));
        write_file(at("elsewhere/file"), "out of reach");
        write_file(at("shown/file"), "shown");
        write_file(at("shown/secret/file"), "hidden");
        write_file(at("shown/secret/again/file"), "shown again");
        box_.kind = GetParam();
        box_.new_processes = true;
        box_.places = {{at("mine"), Access::write},
                       {at("shown"), Access::read},
                       {at("shown/secret"), Access::hidden},
                       {at("shown/secret/again"), Access::read}};
    }
    fs::path at(const std::string& name) const { return fs::canonical(directory_.path()) / name; }

    ProcessSpec specification(std::vector<std::string> command) const {
        ProcessSpec spec;
        spec.command = std::move(command);
        spec.directory = at("mine");
        spec.output = at("log");
        spec.limit = 60;
        spec.box = box_;
        return spec;
    }
    ProcessResult run(const ProcessSpec& spec) {
        fs::remove(at("log"));
        return run_process(spec, NeverStop());
    }
    ProcessResult shell(const std::string& script) {
        return run(specification({"/bin/sh", "-c", script, at("").string()}));
    }
    /// Of the program that tries one forbidden thing and says "done" or why not.
    std::string attempt(const std::string& what) {
        box_.places.push_back({TEST_BINARY_DIR "/program_break_out", Access::read});
        run(specification({TEST_BINARY_DIR "/program_break_out", what, std::to_string(::getpid())}));
        return output();
    }
    std::string output() const { return try_read_file(at("log")).value_or(""); }

    TempDirectory directory_;
    Box box_;
};

TEST_P(ABox, ShowsWhatIsNamedAndNothingElse) {
    const ProcessResult result = shell(
        "cat ../shown/file ../shown/secret/again/file; cat ../shown/secret/file; "
        "cat ../elsewhere/file; echo; ls \"$HOME\" /root /home /var");
    EXPECT_THAT(output(), HasSubstr("shown"));
    EXPECT_THAT(output(), HasSubstr("shown again"));
    EXPECT_THAT(output(), Not(HasSubstr("hidden")));
    EXPECT_THAT(output(), Not(HasSubstr("out of reach")));
    EXPECT_NE(result.exit_code, 0);
}

TEST_P(ABox, KeepsWhatIsWrittenWhereItMayBe) {
    EXPECT_EQ(shell("mkdir a && echo kept > a/file").exit_code, 0) << output();
    EXPECT_EQ(read_text(at("mine/a/file")), "kept\n");
}

TEST_P(ABox, WritesNowhereElse) {
    for (const char* place : {"../shown/new", "../shown/file", "../shown/secret/again/file",
                              "../elsewhere/file", "/usr/new", "/new", "/dev/new", "/etc/ld.so.cache"})
        EXPECT_NE(shell("echo changed >> " + std::string(place)).exit_code, 0) << place << ": " << output();
    for (const char* act : {"rm -f ../shown/file", "mv ../shown/file .", "chmod 777 ../shown/file",
                            "ln ../shown/file ./link", "touch -d 2001-01-01 ../shown/file"})
        shell(act);
    EXPECT_EQ(read_text(at("shown/file")), "shown");
    EXPECT_EQ(read_text(at("elsewhere/file")), "out of reach");
    struct stat info{};
    ASSERT_EQ(::stat(at("shown/file").c_str(), &info), 0);
    EXPECT_EQ(info.st_nlink, 1U);
    if (GetParam() == BoxKind::landlock) return;  // there a shell may change modes and times of what it owns
    EXPECT_NE(info.st_mode & 0777, 0777U);
}

TEST_P(ABox, ALinkLeadsNowhere) {
    fs::create_symlink(at("elsewhere/file"), at("mine/link"));
    EXPECT_NE(shell("cat link").exit_code, 0);
    EXPECT_THAT(output(), Not(HasSubstr("out of reach")));
}

TEST_P(ABox, HasNoNetwork) {
    EXPECT_THAT(attempt("connect"), HasSubstr("refused"));
    EXPECT_THAT(attempt("unix socket"), HasSubstr("refused"));
}

/// Behind a socket file may be a service that starts anything, outside.
TEST_P(ABox, WithANetworkReachesServersAndNoSocketFile) {
    box_.network = true;
    EXPECT_THAT(attempt("connect"), HasSubstr("reached"));
    EXPECT_THAT(attempt("unix socket"), HasSubstr("refused: Operation not permitted"));
    EXPECT_THAT(attempt("datagram to a file"), HasSubstr("refused: Operation not permitted"));
}

/// bubblewrap has namespaces, in which there is nobody else.
TEST_P(ABox, OfLandlockSlowsNobodyAndLeavesNoMemory) {
    if (GetParam() != BoxKind::landlock) GTEST_SKIP();
    for (const char* what : {"nice", "affinity", "system v memory"})
        EXPECT_THAT(attempt(what), HasSubstr("refused: Operation not permitted")) << what;
    EXPECT_THAT(attempt("own nice"), HasSubstr("done"));
}

TEST_P(ABox, KnowsNoOtherProcess) {
    for (const char* what : {"signal", "trace", "read memory", "environment", "limits"})
        EXPECT_THAT(attempt(what), HasSubstr("refused")) << what;
}

TEST_P(ABox, HasNoCapability) {
    shell("while read -r line; do echo \"$line\"; done < /proc/self/status");
    EXPECT_THAT(output(), HasSubstr("CapEff:\t0000000000000000"));
    EXPECT_THAT(output(), HasSubstr("CapPrm:\t0000000000000000"));
    EXPECT_THAT(output(), HasSubstr("NoNewPrivs:\t1"));
}

TEST_P(ABox, StartsNoProcessWhereItMayNot) {
    box_.new_processes = false;
    EXPECT_THAT(attempt("fork"), HasSubstr("refused"));
    EXPECT_THAT(attempt("vfork"), HasSubstr("refused"));
    EXPECT_THAT(attempt("spawn"), HasSubstr("refused"));
    EXPECT_THAT(attempt("thread"), HasSubstr("done"));
    EXPECT_THAT(attempt("signal"), HasSubstr("refused"));
    EXPECT_THAT(attempt("abort"), HasSubstr("aborting"));
}

TEST_P(ABox, KeepsNoMemoryBesideItsOwn) {
    box_.new_processes = false;
    for (const char* what : {"system v memory", "memory file"})
        EXPECT_THAT(attempt(what), HasSubstr("refused")) << what;
    attempt("shared memory");
    EXPECT_FALSE(fs::exists("/dev/shm/autoresearch-break-out"));
}

TEST_P(ABox, ChangesNoFileByItsDescriptor) {
    box_.new_processes = false;
    box_.places.push_back({TEST_BINARY_DIR "/program_break_out", Access::read});
    ProcessSpec spec = specification({TEST_BINARY_DIR "/program_break_out", "mode of 4", "0"});
    spec.on_event = [](std::string_view) { return std::nullopt; };
    spec.files = {at("handed")};
    run(spec);
    EXPECT_THAT(output(), HasSubstr("refused"));
    EXPECT_EQ(read_text(at("handed")), "written\n");
}

TEST_P(ABox, LimitsTheSizeOfAFile) {
    box_.file_mb = 1;
    EXPECT_NE(shell("exec dd if=/dev/zero of=large bs=65536 count=64").exit_code, 0);
    EXPECT_LE(fs::file_size(at("mine/large")), 1U << 20);
}

TEST_P(ABox, LimitsWhatItsFoldersHold) {
    box_.scratch_mb = 4;
    box_.places[0].access = Access::scratch;
    box_.watched = {at("mine")};
    const ProcessResult result = shell(
        "i=0; while [ $i -lt 400 ]; do dd if=/dev/zero of=f$i bs=65536 count=1 || exit 9; i=$((i+1)); "
        "sleep 0.01; done");
    EXPECT_FALSE(result.succeeded());
    EXPECT_TRUE(result.exit_code == 9 || !result.over_limit.empty()) << result.over_limit << output();
}

TEST_P(ABox, ScratchIsEmptyAndForgotten) {
    if (GetParam() == BoxKind::landlock) GTEST_SKIP() << "there it is a folder that the caller removes";
    box_.places[0].access = Access::scratch;
    write_file(at("mine/before"), "before");
    EXPECT_EQ(shell("test ! -e before && echo x > after").exit_code, 0) << output();
    EXPECT_FALSE(fs::exists(at("mine/after")));
}

TEST_P(ABox, TellsWhyAProgramDoesNotStart) {
    ProcessSpec spec = specification({at("elsewhere/program").string()});
    EXPECT_THAT(run(spec).start_error, HasSubstr("no such program"));
    write_file(at("elsewhere/program"), "#!/bin/sh\nexit 0\n");
    fs::permissions(at("elsewhere/program"), fs::perms::owner_all);
    EXPECT_FALSE(run(spec).succeeded());  // it is there, and not in the box
    EXPECT_THAT(output(), HasSubstr("elsewhere/program"));
}

TEST_P(ABox, TellsHowACommandEnds) {
    EXPECT_EQ(shell("exit 7").exit_code, 7);
    EXPECT_EQ(shell("kill -SEGV $$").signal, SIGSEGV);
    ProcessSpec spec = specification({"/bin/sh", "-c", "sleep 60 & sleep 60"});
    spec.limit = 0.5;
    spec.kill_grace = 0.2;
    const ProcessResult result = run(spec);
    EXPECT_TRUE(result.timed_out);
    EXPECT_LT(result.wall_seconds, 10);
}

TEST_P(ABox, AnEnvironmentThatIsBareHasNothingOfThePerson) {
    ::setenv("SOMEBODYS_SECRET", "4711", 1);
    ProcessSpec spec = specification({"/bin/sh", "-c", "cat /proc/*/environ | tr '\\0' '\\n'; env"});
    spec.bare_environment = true;
    spec.environment["GIVEN"] = "given";
    run(spec);
    ::unsetenv("SOMEBODYS_SECRET");
    EXPECT_THAT(output(), HasSubstr("GIVEN=given"));
    EXPECT_THAT(output(), HasSubstr("PATH="));
    EXPECT_THAT(output(), Not(HasSubstr("4711")));
}

/// CUDA names its threads in files of its own process; the kernel's settings beside them stay out of reach,
/// of root, too.
TEST_P(ABox, OfAGpuLetsAProcessWriteToItsOwnFilesInProcAlone) {
    box_.gpu = true;
    shell(
        "echo other > /proc/self/task/$$/comm && echo named; "
        "find /proc -path '/proc/[0-9]*' -prune -o -type f -perm /222 -print 2>/dev/null | while read -r "
        "file; do "
        "(: >> \"$file\") 2>/dev/null && echo \"opened $file\"; done; echo looked");
    EXPECT_THAT(output(), HasSubstr("named\n"));
    EXPECT_THAT(output(), HasSubstr("looked\n"));
    EXPECT_THAT(output(), Not(HasSubstr("opened")));
}

TEST_P(ABox, OfAGpuLetsCudaListenAndNobodyConnect) {
    box_.new_processes = false;
    EXPECT_THAT(attempt("listen"), HasSubstr("refused"));
    box_.gpu = true;
    EXPECT_THAT(attempt("listen"), HasSubstr("done"));
    EXPECT_THAT(attempt("memory file"), HasSubstr("done"));
    for (const char* what : {"connect", "unix socket", "connect to packets"})
        EXPECT_THAT(attempt(what), HasSubstr("refused: Operation not permitted")) << what;
}

/// A home may hold thousands of names, and each may be a place: more than one word of a command may be long.
TEST_P(ABox, HasRoomForManyPlaces) {
    for (int i = 0; i < 2000; ++i) {
        const auto file = at("shown") / ("some-name-of-a-file-that-is-not-short-" + std::to_string(i));
        write_file(file, "");
        box_.places.push_back({file, Access::read});
    }
    shell("cat ../shown/file");
    EXPECT_EQ(output(), "shown");
}

/// Tests often run as root in a container; people do not.
TEST_P(ABox, HoldsForAPlainUser) {
    if (::geteuid() != 0 || !find_program("setpriv")) GTEST_SKIP() << "needs root, and setpriv";
    fs::permissions(directory_.path(), fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    fs::copy_file(TEST_BINARY_DIR "/autoresearch", at("autoresearch"));
    fs::permissions(at("mine"), fs::perms::all);
    fs::permissions(at("elsewhere"), fs::perms::all);
    // Not behind our own process container, in which such a user may not make another.
    std::string line = "cd " + shell_quote(at("mine").string()) +
                       " && setpriv --reuid=65534 --regid=65534 --clear-groups " +
                       shell_quote(at("autoresearch").string());
    const auto words = boxed(box_, {"/bin/sh", "-c", "cat ../elsewhere/file; echo x > new && id -u"});
    for (auto word = words.begin() + 1; word != words.end(); ++word) line += " " + shell_quote(*word);
    EXPECT_EQ(std::system((line + " > " + shell_quote(at("log").string()) + " 2>&1").c_str()), 0) << output();
    EXPECT_THAT(output(), HasSubstr("65534"));
    EXPECT_THAT(output(), Not(HasSubstr("out of reach")));
    EXPECT_TRUE(fs::exists(at("mine/new")));
}

INSTANTIATE_TEST_SUITE_P(Here, ABox, ::testing::ValuesIn(platform::kinds_of_box()),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

TEST(FindBox, SaysWhyThereIsNone) {
    EXPECT_EQ(find_box(BoxKind::none).value(), BoxKind::none);
#ifndef __APPLE__
    EXPECT_THAT(find_box(BoxKind::seatbelt).failure().reason, HasSubstr("not of this system"));
    const auto found = find_box(BoxKind::automatic);
    if (!found.ok()) GTEST_SKIP() << "no walls hold here: " << found.failure().reason;
    EXPECT_NE(found.value(), BoxKind::none);
#endif
}

}  // namespace
}  // namespace autoresearch
