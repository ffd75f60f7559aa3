// A red team: each attack of tests/redteam runs as a candidate in a real trial, behind each kind of box that
// holds here. Whatever it thinks of itself, afterwards nothing has changed, nothing was read, nothing is
// left, and the next trial trains.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "autoresearch/error.h"
#include "contract/run_files.h"
#include "e2e_fixture.h"
#include "fakes/fakes.h"
#include "picture.h"
#include "plan/workspace.h"
#include "proc/platform.h"
#include "proc/signals.h"
#include "tiny_trainer.h"
#include "trial/trainer_builder.h"
#include "trial/trial_runner.h"
#include "util/atomic_file.h"
#include "util/hash.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "4711-private-4711";
// In its environment and its memory.
char memory_of_victim[] = "4711-private-4711 in memory";

/// Stands for the harness: somebody else's process with a secret, which must live on untouched.
class Victim {
  public:
    Victim() : pid_(::fork()) {
        if (pid_ != 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::prctl(PR_SET_NAME, "rt-victim");
        while (true) ::pause();
    }
    ~Victim() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;
    pid_t pid() const { return pid_; }
    std::string state() const {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG | WUNTRACED) != 0) return "ended or stopped";
        const std::string text = try_read_file("/proc/" + std::to_string(pid_) + "/limits").value_or("");
        return text.substr(0, text.find("Max file size")) +
               try_read_file("/proc/" + std::to_string(pid_) + "/cgroup").value_or("") +
               std::to_string(::sched_getscheduler(pid_));
    }

  private:
    const pid_t pid_;
};

/// Counts who comes by.
class Servers {
  public:
    explicit Servers(const std::string& path) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof here;
        for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
            const int fd = ::socket(AF_INET, type, 0);
            if (::bind(fd, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) throw_errno("bind");
            ::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &length);  // the same number for both
            if (type == SOCK_STREAM) ::listen(fd, 9);
            all_.emplace_back(fd);
        }
        port = ntohs(here.sin_port);
        sockaddr_un file{};
        file.sun_family = AF_UNIX;
        std::strncpy(file.sun_path, path.c_str(), sizeof file.sun_path - 1);
        all_.emplace_back(::socket(AF_UNIX, SOCK_STREAM, 0));
        if (::bind(all_.back().get(), reinterpret_cast<sockaddr*>(&file), sizeof file) != 0)
            throw_errno("bind");
        ::listen(all_.back().get(), 9);
    }
    int visitors() const {
        int count = 0;
        for (const Fd& fd : all_) {
            pollfd look{fd.get(), POLLIN, 0};
            count += ::poll(&look, 1, 0) > 0 ? 1 : 0;
        }
        return count;
    }
    int port = 0;

  private:
    std::vector<Fd> all_;
};

class RedTeam : public E2eTest {
  protected:
    void SetUp() override {
        E2eTest::SetUp();
        const fs::path root = fs::canonical(home.path());
        person_ = root / "person";
        run_ = root / "repository/.autoresearch/e2e";
        kit_.directory = fs::path(TEST_BINARY_DIR) / "kit";
        kit_ = open_kit_here();
        for (const char* folder : {".ssh", ".cache/autoresearch", ".config/ccache"})
            fs::create_directories(person_ / folder);
        write_file(person_ / ".ssh/id_ed25519", std::string(kSecret) + "\n");
        write_file(person_ / ".bashrc", "alias ll='ls -l'\n");
        fs::create_directories(run_ / "experiments/0000");
        write_file(run_ / "ledger.jsonl", std::string("{\"secret\":\"") + kSecret + "\"}\n");
        write_file(run_ / "experiments/0000/result.json", "{}");
        // Data of its own, as attacks may ruin it where there are no walls.
        fs::create_directories(root / "data");
        for (const auto& entry : fs::directory_iterator(shared_data() / "data"))
            if (fs::exists(entry.path() / "meta.json")) data_ = root / "data" / entry.path().filename();
        fs::copy(shared_data() / "data" / data_.filename(), data_, fs::copy_options::recursive);
        fs::create_directories(root / "logs");
    }
    static Kit open_kit_here() {
        ::setenv("AUTORESEARCH_KIT", TEST_BINARY_DIR "/kit", 1);
        return open_kit();
    }

    /// One program of all attacks.
    std::string source() const {
        std::string text = read_text(TEST_SOURCE_DIR "/tests/redteam/attacks.h") + "namespace target {\n";
        const auto constant = [&](const char* name, const fs::path& value) {
            text += fmt::format("inline const std::string {} = \"{}\";\n", name, value.string());
        };
        constant("home", person_);
        constant("repository", fs::canonical(repository));
        constant("run", run_);
        constant("kit", fs::absolute(kit_.directory));
        constant("data", data_);
        constant("corpus", corpus());
        // In two pieces, as the program itself can be read.
        text +=
            "inline const std::string sentence = std::string(\"Base class for all \") + \"neural network "
            "modules.\";\n";
        constant("socket", servers_.path);
        text += fmt::format(
            "constexpr int port = {}, victim = {};\nconstexpr unsigned long address = {}UL;\n}}\n",
            servers_.all.port, victim_.pid(), reinterpret_cast<std::uintptr_t>(&memory_of_victim[0]));
        for (const std::string& name : attacks())
            text += read_text(TEST_SOURCE_DIR "/tests/redteam/" + name + ".cpp");
        std::string trainer = kTinyTrainer;
        trainer.replace(trainer.find("    autoresearch::Session"), 0, R"(    std::string seed;
    for (int i = 1; i + 1 < argc; ++i)
        if (std::string(argv[i]) == "--seed") seed = argv[i + 1];
    int number = std::stoi(seed);
    for (const auto& [name, attack] : attacks())
        if (--number == 0) {
            const bool through = attack();
            std::printf("attack %s %s: %s\n", name.c_str(), through ? "went through" : "failed", std::strerror(errno));
            std::fflush(stdout);
        }
)");
        return text + trainer;
    }
    /// In the order in which the program has them.
    static std::vector<std::string> attacks() {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(TEST_SOURCE_DIR "/tests/redteam"))
            if (entry.path().extension() == ".cpp") names.push_back(entry.path().stem());
        std::sort(names.begin(), names.end());
        return names;
    }
    /// The first of each class.
    static std::vector<std::string> one_of_each() {
        std::vector<std::string> names;
        for (const std::string& name : attacks())
            if (names.empty() ||
                name.substr(0, name.find('_')) != names.back().substr(0, names.back().find('_')))
                names.push_back(name);
        return names;
    }

    Trial trial(const Walls& walls, const fs::path& program, const std::string& attack) {
        const auto all = attacks();
        TrialRequest request{{}, program, home / "logs"};
        request.spec.seed =
            static_cast<std::uint64_t>(std::find(all.begin(), all.end(), attack) - all.begin()) + 1;
        if (attack.empty()) request.spec.seed = 1000;
        request.spec.budget = 0.3;
        request.spec.data = data_.filename();
        request.spec.memory_limit = 4;
        request.spec.startup_limit = 60;
        fs::remove(run_files::run_log(request.directory));
        return TrialRunner(data_, reporter_, stop_, walls).run(request);
    }
    std::string log() const { return try_read_file(run_files::run_log(home / "logs")).value_or(""); }

    fs::path build(const Walls& walls) {
        const auto built =
            TrainerBuilder(kit_.directory, 120, 0, stop_, walls).build(source(), home / "built");
        EXPECT_TRUE(built.ok()) << (built.ok() ? "" : built.failure().reason);
        return built.ok() ? built.value() : fs::path();
    }

    /// Names of processes that an attack left.
    static int survivors() {
        int count = 0;
        for (const pid_t pid : platform::all_processes()) {
            const std::string name = try_read_file("/proc/" + std::to_string(pid) + "/comm").value_or("");
            count += name.starts_with("rt-survivor") ? 1 : 0;
        }
        return count;
    }

    void attack_behind(BoxKind kind, const std::vector<std::string>& names) {
        if (!find_box(kind).ok()) GTEST_SKIP() << find_box(kind).failure().reason;
        const Walls walls{kind, kit_};
        const fs::path program = build(walls);
        ASSERT_FALSE(program.empty());
        const auto everything = [&] {
            auto picture = picture_of(home.path());
            for (const fs::path& folder : {kit_.directory}) picture.merge(picture_of(folder));
            std::erase_if(picture, [&](const auto& each) {
                return each.first.starts_with((home / "logs").string()) ||
                       each.first.starts_with((home / "stderr").string());
            });
            return picture;
        };
        const auto before = everything();
        const std::string victim = victim_.state();
        for (const std::string& name : names) {
            SCOPED_TRACE(name + " behind " + std::string(to_string(kind)));
            const Trial result = trial(walls, program, name);
            EXPECT_NE(result.ending, Ending::interrupted);
            EXPECT_LT(result.wall_seconds, 60) << result.reason;
            EXPECT_THAT(log(), Not(HasSubstr(kSecret)));
            EXPECT_THAT(log(), Not(HasSubstr("went through"))) << result.reason;
            EXPECT_THAT(log(), Not(HasSubstr("leak: found")));
            EXPECT_EQ(victim_.state(), victim);
            EXPECT_EQ(survivors(), 0);
            EXPECT_FALSE(fs::exists("/dev/shm/rt-survivor"));
            EXPECT_EQ(::shmget(0x72740001, 1, 0600), -1);
            EXPECT_EQ(servers_.all.visitors(), 0);
            EXPECT_EQ(everything(), before);
        }
        const Trial honest = trial(walls, program, "");
        EXPECT_EQ(honest.ending, Ending::ok) << honest.reason << log();
    }

    struct Listening {
        std::string path;
        Servers all;
    };

    fs::path person_, run_, data_;
    Kit kit_;
    fakes::FakeReporter reporter_;
    NeverStop stop_;
    const Victim victim_;
    const Listening servers_{home / "socket", Servers(home / "socket")};
};

TEST_F(RedTeam, OneOfEachClassFailsBehindNamespaces) {
    attack_behind(BoxKind::bubblewrap, one_of_each());
}
TEST_F(RedTeam, OneOfEachClassFailsBehindLandlock) {
    attack_behind(BoxKind::landlock, one_of_each());
}
TEST_F(RedTeam, SlowAllFailBehindNamespaces) {
    attack_behind(BoxKind::bubblewrap, attacks());
}
TEST_F(RedTeam, SlowAllFailBehindLandlock) {
    attack_behind(BoxKind::landlock, attacks());
}

/// Else these tests could not fail.
TEST_F(RedTeam, WithoutWallsTheyGoThrough) {
    const Walls none{BoxKind::none, kit_};
    const fs::path program = build(none);
    for (const char* name : {"read_secret", "write_ledger", "write_val", "net_connect", "survive_spawn"}) {
        trial(none, program, name);
        EXPECT_THAT(log(), HasSubstr("attack " + std::string(name) + " went through"));
    }
    EXPECT_THAT(read_text(run_ / "ledger.jsonl"), HasSubstr("9.29"));
    EXPECT_GT(servers_.all.visitors(), 0);
}

using WallsE2e = E2eTest;

TEST_F(WallsE2e, ARunSaysWhichWallsItHas) {
    if (!find_box(BoxKind::automatic).ok()) GTEST_SKIP() << find_box(BoxKind::automatic).failure().reason;
    const Output boxed = autoresearch(run_line("--agent tuner --experiments 1"));
    ASSERT_EQ(boxed.code, 0) << boxed.err;
    EXPECT_THAT(boxed.out, HasSubstr("walls around candidate, build and agent: "));
    EXPECT_EQ(ledger()[0]["box"], std::string(to_string(find_box(BoxKind::automatic).value())));
    EXPECT_EQ(ledger()[1]["verdict"]["ending"], "ok") << ledger()[1].dump();
    EXPECT_THAT(autoresearch("status").out, Not(HasSubstr("without walls")));
    const Output open = autoresearch(run_line("--agent tuner --experiments 2 --no-box"));
    ASSERT_EQ(open.code, 0) << open.err;
    EXPECT_THAT(open.out, HasSubstr("no walls (--no-box)"));
    EXPECT_EQ(ledger()[2]["box"], "none");
    EXPECT_THAT(autoresearch("status").out, HasSubstr("experiments without walls (--no-box): 1"));
}

TEST_F(WallsE2e, ADeviceThatTheWallsKeepAwayIsAnErrorWithTheWayOut) {
    const auto kind = find_box(BoxKind::automatic);
    if (!kind.ok()) GTEST_SKIP() << kind.failure().reason;
    ::setenv("AUTORESEARCH_KIT", TEST_BINARY_DIR "/kit", 1);
    Walls walls{kind.value(), open_kit()};
    Settings asked;
    asked.device = "cpu";
    EXPECT_EQ(measure_device(asked, walls).device, "cpu");
    walls.kit.torch = "/nowhere";  // as walls that hide what a driver needs
    try {
        measure_device(asked, walls);
        FAIL() << "no error";
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("behind walls (" + std::string(to_string(kind.value())) + ")"));
        EXPECT_THAT(error.hint(), HasSubstr("--no-box"));
    }
}

TEST_F(WallsE2e, NoneThatHoldIsAnErrorWithTheWayOut) {
    const Output none = autoresearch(run_line("--agent tuner --box seatbelt"));
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.err, HasSubstr("seatbelt is not of this system"));
    EXPECT_THAT(none.err, HasSubstr("--no-box"));
    EXPECT_FALSE(fs::exists(repository / ".autoresearch/e2e"));
}

TEST_F(WallsE2e, ANightBehindLandlock) {
    if (!find_box(BoxKind::landlock).ok()) GTEST_SKIP() << find_box(BoxKind::landlock).failure().reason;
    const Output run = autoresearch(run_line("--agent tuner --experiments 1 --box landlock"));
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(ledger()[1]["box"], "landlock");
    EXPECT_EQ(ledger()[1]["verdict"]["ending"], "ok") << ledger()[1].dump();
}

/// The compiler and the assembler read files, too, and what they say reaches the next prompt.
TEST_F(RedTeam, ABuildReadsNoPrivateFile) {
    const std::string secret = (person_ / ".ssh/id_ed25519").string();
    const std::string shard = (data_ / "val.bin").string(), text = (corpus() / "modules/module.py").string();
    const std::string sources[] = {
        "#include \"" + secret + "\"\n",
        "%:include \"" + secret + "\"\n",
        "#define WHERE \"" + secret + "\"\n#include WHERE\n",
        "#include \"" + text + "\"\n",
        "asm(\".incbin \\\"" + secret + "\\\"\");\n",
        "asm(\".section .rodata\\n.incbin \\\"" + shard + "\\\"\\n.text\");\n",
        "#if __has_include(\"" + secret + "\")\n#error it is there\n#endif\n",
        "#pragma GCC dependency \"" + secret + "\"\n",
        "#include \"/proc/self/environ\"\n",
    };
    for (const BoxKind kind : platform::kinds_of_box()) {
        if (!find_box(kind).ok()) continue;
        const Walls walls{kind, kit_};
        ::setenv("SOMEBODYS_KEY", kSecret, 1);
        for (const std::string& first : sources) {
            SCOPED_TRACE(first + " behind " + std::string(to_string(kind)));
            const auto built = TrainerBuilder(kit_.directory, 120, 0, stop_, walls)
                                   .build(first + kTinyTrainer, home / "built");
            const std::string said = try_read_file(run_files::build_log(home / "built")).value_or("");
            EXPECT_THAT(said, Not(HasSubstr(kSecret)));
            EXPECT_THAT(said, Not(HasSubstr("it is there")));
            EXPECT_THAT(said, Not(HasSubstr("Base class for all")));
            if (!built.ok()) continue;
            EXPECT_THAT(read_file(built.value()), Not(HasSubstr(kSecret)));
            EXPECT_LT(fs::file_size(built.value()), fs::file_size(data_ / "val.bin") + (1 << 20));
        }
        ::unsetenv("SOMEBODYS_KEY");
    }
}

}  // namespace
}  // namespace autoresearch
