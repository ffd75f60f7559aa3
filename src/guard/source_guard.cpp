#include "guard/source_guard.h"

#include <algorithm>
#include <regex>
#include <vector>

#include "util/hash.h"
#include "util/source_tokens.h"
#include "util/text.h"

namespace autoresearch {
namespace {

using Tokens = std::vector<SourceToken>;
using Reason = std::optional<std::string>;

struct WordRule {
    std::string_view words;  // separated by one space
    std::string_view reason;
    bool only_calls = false;  // the word is also a common name: count only `word(`, unless a member call
};

constexpr std::string_view kNoFile = "a trainer must not open files: data comes from session.train_batches()";

constexpr WordRule kWordRules[] = {
    {"asm __asm __asm__", "inline assembly is not allowed"},
    {"fork vfork system popen posix_spawn posix_spawnp execl execlp execle execv execvp execvpe execve "
     "fexecve",
     "a trainer must not start other processes"},
    {"dlopen dlmopen dlsym dlclose LoadLibrary", "a trainer must not load libraries by hand"},
    {"syscall ptrace mprotect prctl", "a trainer must not make system calls by hand"},
    {"fopen freopen fdopen openat creat ifstream ofstream fstream basic_ifstream basic_ofstream "
     "basic_fstream filebuf mmap filesystem from_file pickle_load",
     kNoFile},
    {"open", kNoFile, true},
    {"write pwrite writev dprintf dup dup2 dup3 fcntl close",
     "descriptors belong to the session: print with std::printf", true},
    {"socket connect", "a trainer must not use the network", true},
    {"getenv secure_getenv environ setenv putenv unsetenv",
     "settings come from the session, not from the environment"},
    {"random_device", "randomness must follow the session's seed, or a result cannot be repeated"},
    {"clock_gettime gettimeofday settimeofday", "the clock belongs to the session: use session.progress()"},
};

constexpr std::string_view kSeededWords =
    "manual_seed manual_seed_all set_current_seed createCPUGenerator make_generator seed_seq srand mt19937 "
    "mt19937_64 default_random_engine minstd_rand minstd_rand0 ranlux24 ranlux48 knuth_b";

constexpr std::string_view kFiles[] = {"train.bin", "val.bin", "test.bin",     "meta.json",   ".tiktoken",
                                       "/proc/",    "/dev/",   "events.jsonl", "ledger.jsonl"};

constexpr std::string_view kCHeaders =
    "assert.h ctype.h errno.h float.h inttypes.h limits.h math.h stdbool.h stddef.h stdint.h stdio.h "
    "stdlib.h "
    "string.h time.h";

constexpr std::string_view kDirectives =
    "\n include define undef if ifdef ifndef elif else endif error warning pragma";

/// Whether a list, separated by single spaces, contains the word.
bool listed(std::string_view list, std::string_view word) {
    return (" " + std::string(list) + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

std::string at_line(const SourceToken& token, std::string_view reason) {
    return "line " + std::to_string(token.line) + ": " + std::string(reason);
}

std::string_view text_at(const Tokens& tokens, std::size_t i) {
    return i < tokens.size() ? tokens[i].text : "";
}

bool allowed_header(const std::string& include) {
    static const std::regex project(R"(["<]autoresearch/.*)"), libraries("<(torch|ATen|c10)/.*");
    // Only standard headers have neither a folder nor an extension.
    static const std::regex standard("<([a-z0-9_]+)>"), of_c(R"(<([a-z]+\.h)>)");
    std::smatch name;
    // std::regex uses stack for every character.
    if (include.size() > 100 || include.find("..") != std::string::npos) return false;
    if (std::regex_match(include, project) || std::regex_match(include, libraries)) return true;
    if (std::regex_match(include, name, of_c)) return listed(kCHeaders, name.str(1));
    return std::regex_match(include, name, standard) && !listed("fstream filesystem csignal", name.str(1));
}

/// `i` is the directive's '#'.
Reason broken_directive(const Tokens& tokens, std::size_t i) {
    const std::string_view name = text_at(tokens, i + 1);
    if (!listed(kDirectives, name))
        return at_line(tokens[i], std::string("#").append(name) + " is not allowed");
    if (name != "include") return std::nullopt;
    std::string header;
    for (std::size_t j = i + 2; j < tokens.size() && tokens[j].kind != TokenKind::end_of_line; ++j)
        header += tokens[j].text;
    if (allowed_header(header)) return std::nullopt;
    return at_line(tokens[i],
                   "#include " + clean_line(header, 80) +
                       " is not allowed: only <autoresearch/...>, <torch/...>, <ATen/...>, <c10/...> "
                       "and standard headers except those for files and signals");
}

/// A seed written as a number: manual_seed(1), std::mt19937 rng(1), std::mt19937 rng{1}.
bool literal_seed(const Tokens& tokens, std::size_t i) {
    if (!listed(kSeededWords, tokens[i].text)) return false;
    const std::size_t open = i + (i + 1 < tokens.size() && tokens[i + 1].kind == TokenKind::word ? 2 : 1);
    return listed("( {", text_at(tokens, open)) && open + 1 < tokens.size() &&
           tokens[open + 1].kind == TokenKind::number;
}

Reason broken_word(const Tokens& tokens, std::size_t i) {
    const SourceToken& token = tokens[i];
    const std::string_view before = i > 0 ? tokens[i - 1].text : "", after = text_at(tokens, i + 1);
    const bool call = after == "(" && before != "." && before != "->";
    for (const WordRule& rule : kWordRules) {
        if (listed(rule.words, token.text) && (call || !rule.only_calls))
            return at_line(token, std::string(token.text) + ": " + std::string(rule.reason));
    }
    if (literal_seed(tokens, i))
        return at_line(
            token,
            "a literal seed: torch is already seeded; seed a generator of your own with session.seed()");
    const bool of_torch = before == "::" && i >= 2 && tokens[i - 2].text == "torch";
    if (of_torch && listed("load save jit serialize", token.text))
        return at_line(token, "a trainer must not read or write files");
    if (token.text == "namespace" && after == "autoresearch" && before != "using")
        return at_line(token, "namespace autoresearch belongs to the fixed half");
    return std::nullopt;
}

Reason broken_literal(const SourceToken& token) {
    for (const std::string_view file : kFiles) {
        if (token.text.find(file) != std::string_view::npos)
            return at_line(token,
                           std::string(file) + ": a trainer reads data only from session.train_batches()");
    }
    return std::nullopt;
}

/// Characters that turn the direction of text, so that a reader sees other code than is compiled
/// ("Trojan Source", Boucher and Anderson 2021).
Reason turned_text(std::string_view source) {
    constexpr std::string_view kTurns[] = {"\u202A", "\u202B", "\u202C", "\u202D", "\u202E",
                                           "\u2066", "\u2067", "\u2068", "\u2069"};
    for (const std::string_view turn : kTurns) {
        const std::size_t at = source.find(turn);
        if (at == std::string_view::npos) continue;
        const std::string_view before = source.substr(0, at);
        const auto line = std::count(before.begin(), before.end(), '\n') + 1;
        return "line " + std::to_string(line) + ": a character that turns the direction of text: remove it";
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> broken_source_rule(std::string_view source) {
    if (source.size() > kLargestSource) {
        return "the source has " + std::to_string(source.size() >> 10) + " KiB; at most " +
               std::to_string(kLargestSource >> 10) + " are allowed";
    }
    if (source.find('\0') != std::string_view::npos) return "the source has a NUL byte";
    if (to_valid_utf8(source) != source) return "the source is not UTF-8";
    if (auto reason = turned_text(source)) return reason;
    const Tokens tokens = source_tokens(source);
    if (tokens.empty()) return "the source is empty";
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool first_of_line = i == 0 || tokens[i - 1].line < tokens[i].line;
        Reason reason;
        if (tokens[i].text == "#" && first_of_line) reason = broken_directive(tokens, i);
        if (tokens[i].kind == TokenKind::word) reason = broken_word(tokens, i);
        if (tokens[i].kind == TokenKind::literal) reason = broken_literal(tokens[i]);
        if (reason) return reason;
    }
    return std::nullopt;
}

Status SourceGuard::review(const Proposal& proposal, const std::vector<Experiment>& history) {
    if (auto reason = broken_source_rule(proposal.source)) return Failure{Ending::refused, *reason};
    const std::string hash = normalized_source_hash(proposal.source);
    for (const Experiment& earlier : history) {
        // An experiment without a proposal carries its parent's source and never ran; nothing is known about
        // an unjudged one.
        if (earlier.verdict.ending == Ending::no_proposal || earlier.source_hash != hash ||
            earlier.verdict.decision == Decision::unjudged)
            continue;
        const std::string which = earlier.commit == proposal.parent ? " (the incumbent)" : "";
        return Failure{Ending::refused,
                       "same source as experiment " + std::to_string(earlier.number) + which};
    }
    return {};
}

}  // namespace autoresearch
