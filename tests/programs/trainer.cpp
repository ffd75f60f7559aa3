// A stand-in for a trainer. It behaves as the value of --data says, and speaks to the descriptor of
// --events-fd.

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <stdexcept>
#include <string>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace {

std::map<std::string, std::string> flags;
void* volatile kept;  // so that the compiler does not leave out what nobody reads

double budget() {
    return std::stod(flags["--budget"]);
}

void wait(double seconds) {
    ::usleep(static_cast<useconds_t>(seconds * 1e6));
}

void hang() {
    while (true) ::pause();
}

void die(int signal) {
    ::signal(signal, SIG_DFL);  // a sanitizer has a handler of its own
    ::raise(signal);
}

void send(const std::string& text) {
    const std::string line = text + "\n";
    if (::write(std::stoi(flags["--events-fd"]), line.data(), line.size()) < 0) std::abort();
}

std::string flag(const std::string& name, const std::string& otherwise) {
    return flags.count(name) != 0 ? flags[name] : otherwise;
}

void hello(const std::string& protocol = "2", const std::string& other_data = "", int more_threads = 0) {
    const std::string path = flags["--data"];
    const std::string data = path.find('/') == std::string::npos ? "d" : path.substr(path.rfind('/') + 1);
    send(R"({"event":"hello","protocol":)" + protocol + R"(,"device":")" + flags["--device"] +
         R"(","seed":)" + flags["--seed"] + R"(,"budget":)" + flags["--budget"] + R"(,"clock":")" +
         flag("--clock", "wall") + R"(","threads":)" +
         std::to_string(std::stoi(flags["--threads"]) + more_threads) + R"(,"split":")" +
         flag("--split", "val") + R"(","data":")" + (other_data.empty() ? data : other_data) + "\"}");
}

void step(int number) {
    const std::string line = std::to_string(number) + ",0.01,0.5,5.25," + flags["--seed"] + "\n";
    if (::write(std::stoi(flags["--curve-fd"]), line.data(), line.size()) < 0) std::abort();
    send(R"({"event":"step","step":)" + std::to_string(number) +
         R"(,"seconds":0.01,"progress":0.5,"loss":5.25,"tokens":64})");
}

void train(double share = 1) {
    hello();
    step(1);
    wait(budget() * share);
    step(2);
    send(R"({"event":"evaluating","step":2,"seconds":1})");
}

std::string result_line(const std::string& val_bpb, double training_seconds, int steps) {
    char line[400];
    std::snprintf(
        line, sizeof line,
        R"({"event":"result","val_bpb":%s,"training_seconds":%.3f,"total_seconds":1.5,"peak_vram_mb":123.5,)"
        R"("mfu_percent":12.5,"total_tokens_M":0.25,"num_steps":%d,"num_params_M":3.5,"depth":4})",
        val_bpb.c_str(), training_seconds, steps);
    return line;
}

void result(const std::string& val_bpb = "1.75") {
    send(result_line(val_bpb, budget(), 2));
}

void summary() {
    std::puts("---\nval_bpb:          0.100000\ntraining_seconds: 300.0\nnum_steps:        953");
    std::fflush(stdout);
}

const std::map<std::string, std::function<void()>> behaviours = {
    {"good", [] { train(), result(); }},
    {"environment",
     [] {
         for (char** entry = environ; *entry != nullptr; ++entry) std::puts(*entry);
         train(), result();
     }},
    {"flood",
     [] {
         const std::string line(1000, 'x');
         for (int i = 0; i < 60000; ++i) std::puts(line.c_str());
         train(), result();
     }},
    {"hang_at_start", [] { hello(), hang(); }},
    {"other_protocol", [] { hello("99"), hang(); }},
    {"other_data", [] { hello("2", "another"), hang(); }},
    {"other_threads", [] { hello("2", "", 1), hang(); }},
    {"no_hello", [] { step(1), hang(); }},
    {"two_hellos", [] { hello(), hello(), hang(); }},
    {"hang_in_training", [] { hello(), step(1), hang(); }},
    {"hang_in_evaluation", [] { train(), hang(); }},
    {"hang_at_exit", [] { train(), result(), hang(); }},
    {"ignore_term", [] { ::signal(SIGTERM, SIG_IGN), hello(), hang(); }},
    {"segfault", [] { hello(), step(1), std::puts("step 1 loss 5.25"), std::fflush(stdout), die(SIGSEGV); }},
    {"throw", [] { throw std::runtime_error("shape [3, 4] does not fit\nframe #0: somewhere"); }},
    {"exit3", [] { std::puts("layer 7 has no gradient\n"), std::exit(3); }},
    {"result_then_exit1", [] { train(), result(), std::exit(1); }},
    {"killed", [] { hello(), ::raise(SIGKILL); }},
    {"memory", [] { throw std::bad_alloc(); }},
    {"runaway",
     [] {
         hello(), step(1);
         for (int i = 0; i < 400; ++i) kept = std::memset(std::malloc(10 << 20), 1, 10 << 20), wait(0.01);
     }},
    {"memory_words",
     [] { std::puts("RuntimeError: MPS backend out of memory (MPS allocated: 9 GB)"), std::exit(1); }},
    {"quiet", [] {}},
    {"summary_only", [] { train(), summary(); }},
    {"summary_without_training", [] { summary(); }},
    {"early", [] { train(0), result(); }},
    {"early_and_honest", [] { train(0), send(result_line("1.75", budget() * 0.3, 2)); }},
    {"overstated", [] { train(), send(result_line("1.75", budget() + 500, 2)); }},
    {"waited", [] { train(3), result(); }},
    {"no_training", [] { hello(), result(); }},
    {"no_steps", [] { train(), send(result_line("1.75", budget(), 0)); }},
    {"nan", [] { train(), result("NaN"); }},
    {"null", [] { train(), result("null"); }},
    {"huge", [] { train(), result("1e999"); }},
    {"text", [] { train(), result("\"1.75\""); }},
    {"zero", [] { train(), result("0.0"); }},
    {"negative", [] { train(), result("-1.0"); }},
    {"enormous", [] { train(), result("1e200"); }},
    {"incomplete", [] { train(), send(R"({"event":"result","val_bpb":1.75})"); }},
    {"two_results", [] { train(), result("0.5"), result(); }},
    {"garbage",
     [] {
         send("not json"), send("[1,2]"), send("{\"event\":7}"), send(std::string(3 << 20, 'y'));
         train(), result();
     }},
    {"not_finite",
     [] {
         train(), send(R"({"event":"invalid","kind":"not_finite","reason":"loss is nan at step 12"})"),
             std::exit(1);
     }},
    {"broken_rule",
     [] {
         train(), send(R"({"event":"invalid","kind":"broken_rule","reason":"it looks ahead"})"), std::exit(1);
     }},
    {"invalid_then_result",
     [] {
         train(), send(R"({"event":"invalid","kind":"broken_rule","reason":"it looks ahead"})"), result();
     }},
    {"device_memory",
     [] {
         hello(), send(R"({"event":"invalid","kind":"out_of_memory","reason":"MPS is full"})"), std::exit(1);
     }},
};

/// In the place of a program that was built from a train.cpp: that stands behind this program's own bytes,
/// and val_bpb in it.
void act_built(const std::string& program) {
    std::ifstream source(program);
    std::string word, number = "2.0";
    while (source >> word) {
        if (word == "kValBpb") source >> word >> number;
    }
    train(), result(std::to_string(std::stod(number)));
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
    const std::string data = flags["--data"];
    const auto found = behaviours.find(data.substr(data.rfind('/') + 1));
    if (found == behaviours.end() && data.find('/') != std::string::npos) return act_built(argv[0]), 0;
    if (found == behaviours.end()) {
        std::fprintf(stderr, "no such behaviour: %s\n", data.c_str());
        return 2;
    }
    found->second();
    return 0;
}
