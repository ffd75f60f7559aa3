// A red team on the agent's side: each script of tests/redteam/agent is the agent, behind each kind of box
// that holds here. Whatever it tries, afterwards nothing outside its desk and its state has changed, nothing
// that it is judged by was read, nothing is left, and the next agent works.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "behind_walls.h"
#include "picture.h"
#include "proc/platform.h"
#include "util/fd.h"

namespace autoresearch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr const char* kSecret = "4711-private-4711";

/// The scripts, and the one that goes without.
std::vector<std::string> attacks() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(TEST_SOURCE_DIR "/tests/redteam/agent"))
        names.push_back(entry.path().stem());
    std::sort(names.begin(), names.end());
    return names;
}

class AgentRedTeam : public AgentBehindWalls {
  protected:
    void SetUp() override {
        AgentBehindWalls::SetUp();
        if (IsSkipped()) return;
        victim_ = ::fork();
        if (victim_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::setenv("SOMEBODYS_WORD", kSecret, 1);
            ::execlp("sleep", "sleep", "600", nullptr);
            ::_exit(1);
        }
        for (const char* file : {"repository/train/train.cpp", "repository/.git/config", "corpus/text.txt",
                                 "repository/.autoresearch/night/ledger.jsonl", "cache/data/1234/val.bin",
                                 "repository/.autoresearch/night/experiments/0001/run.log"})
            directory_.write(file, std::string(kSecret) + ", a sentence of the corpus");
        directory_.write("home/.ssh/id", "key of the person");
        for (const char* folder : {"repository/.git/hooks", "cache/desks"})
            fs::create_directories(at(folder));
        options_.walls.hidden.push_back(at("corpus"));
        listen();
    }
    void TearDown() override {
        if (victim_ > 0) {
            ::kill(victim_, SIGKILL);
            ::waitpid(victim_, nullptr, 0);
        }
        AgentBehindWalls::TearDown();
    }
    void listen() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        ASSERT_LT(at("socket").string().size(), sizeof address.sun_path);
        at("socket").string().copy(address.sun_path, sizeof address.sun_path - 1);
        service_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        ASSERT_EQ(::bind(service_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_EQ(::listen(service_.get(), 9), 0);
    }

    std::string attack(const std::string& name) {
        const std::string file = TEST_SOURCE_DIR "/tests/redteam/agent/" + name + ".sh";
        return say("AGENT_AT=" + shell_quote(at("").string()) + " AGENT_VICTIM=" + std::to_string(victim_) +
                   " AGENT_SOCKET=" + shell_quote(at("socket").string()) + " AGENT_MARK=" + mark() +
                   "; through() { echo 'it went through'; }; . " + shell_quote(file) + "; echo 'it ended'");
    }
    /// Everything but its state and what the harness keeps of the call.
    std::map<std::string, std::string> everything() const {
        auto picture = picture_of(directory_.path());
        std::erase_if(picture, [&](const auto& each) {
            for (const char* own : {"proposal", "home/.agent", "home/.local/share/agent", "cache/desks"})
                if (each.first.starts_with(at(own).string())) return true;
            return false;
        });
        return picture;
    }
    std::string victim() const {
        int status = 0;
        if (::waitpid(victim_, &status, WNOHANG | WUNTRACED) != 0) return "ended or stopped";
        return std::to_string(::getpriority(PRIO_PROCESS, static_cast<id_t>(victim_)));
    }
    static std::string mark() { return "rt-survivor-" + std::to_string(::getpid()); }
    /// Processes, and System V's memory, semaphores and queues.
    static std::size_t survivors() {
        std::size_t count = 0;
        for (const char* kind : {"shm", "sem", "msg"})
            count += split_lines(try_read_file(std::string("/proc/sysvipc/") + kind).value_or("")).size();
        for (const pid_t pid : platform::all_processes()) {
            const std::string line = try_read_file("/proc/" + std::to_string(pid) + "/cmdline").value_or("");
            count += line.find(mark()) != std::string::npos ? 1 : 0;
        }
        return count;
    }

    pid_t victim_ = -1;
    Fd service_;
};

TEST_P(AgentRedTeam, Fails) {
    const auto before = everything();
    const std::string victim_before = victim();
    const std::size_t survivors_before = survivors();
    const bool signals =
        open_ends(GetParam()).find("signals") != std::string::npos;  // an old Landlock says so
    for (const std::string& name : attacks()) {
        SCOPED_TRACE(name);
        if (signals && name == "process_kill") continue;
        const std::string said = attack(name);
        EXPECT_THAT(said, HasSubstr("it ended"));
        EXPECT_THAT(said, Not(HasSubstr("went through")));
        EXPECT_THAT(said, Not(HasSubstr(kSecret)));
        EXPECT_THAT(said, Not(HasSubstr("key-of-the-agent")));
        EXPECT_LT(said.size(), 64U << 20);
        if (answer_.status.ok()) {
            for (const std::string& text : {answer_.proposal.source, answer_.proposal.idea}) {
                EXPECT_THAT(text, Not(HasSubstr(kSecret)));
                EXPECT_THAT(text, Not(HasSubstr("key of the person")));
                EXPECT_THAT(text, Not(HasSubstr("key-of-the-agent")));
            }
            EXPECT_EQ(answer_.proposal.idea, clean_line(answer_.proposal.idea, 200));
            EXPECT_THAT(answer_.proposal.idea, Not(HasSubstr("\n")));
        }
        EXPECT_EQ(everything(), before);
        EXPECT_EQ(victim(), victim_before);
        EXPECT_EQ(survivors(), survivors_before);
        EXPECT_FALSE(fs::exists("/dev/shm/" + mark()));
        EXPECT_EQ(::accept(service_.get(), nullptr, nullptr), -1);
    }
    say("echo '// more' >> train/train.cpp; echo 'an idea' > idea.txt");
    EXPECT_TRUE(answer_.status.ok()) << answer_.status.failure().reason;
    EXPECT_EQ(answer_.proposal.source, "int main() {}\n// more\n");
}

class AgentWithoutWalls : public AgentRedTeam {};

/// Else these tests could not fail.
TEST_P(AgentWithoutWalls, GoesThrough) {
    EXPECT_THAT(attack("read_repository"), HasSubstr(kSecret));
    EXPECT_THAT(attack("read_shard"), HasSubstr("went through"));
    EXPECT_THAT(attack("net_socket_file"), HasSubstr("went through"));
    const auto before = everything();
    for (const char* name : {"write_ledger", "write_repository", "write_kit", "write_data"}) attack(name);
    const auto after = everything();
    for (const char* file : {"repository/.autoresearch/night/ledger.jsonl", "repository/.git/config",
                             "repository/kit/build-trainer"})
        EXPECT_NE(after.at(at(file).string()), before.at(at(file).string())) << file;
    EXPECT_TRUE(fs::exists(at("cache/data/5678")));
}

INSTANTIATE_TEST_SUITE_P(Here, AgentWithoutWalls, ::testing::Values(BoxKind::none),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });
INSTANTIATE_TEST_SUITE_P(Here, AgentRedTeam, ::testing::ValuesIn(platform::kinds_of_box()),
                         [](const auto& kind) { return std::string(to_string(kind.param)); });

}  // namespace
}  // namespace autoresearch
