#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "cli/commands.h"
#include "plan/workspace.h"
#include "prepare/corpus/prepare.h"
#include "proc/signals.h"
#include "settings/places.h"
#include "util/text.h"

namespace autoresearch {
namespace {

std::vector<std::string> warnings(const PreparedData& data) {
    constexpr std::int64_t kEnough = 20;  // documents; the noise of their choice is then a few per cent
    std::vector<std::string> texts = data.notes;
    if (const std::int64_t few = data.meta.val_documents; few < kEnough)
        texts.push_back(
            fmt::format("only {} documents in validation, so val_bpb depends on which: {} need about {} "
                        "times as much text, or "
                        "shorter documents (--separator)",
                        few, kEnough, (kEnough + few - 1) / few));
    return texts;
}

nlohmann::json to_json(const PreparedData& data) {
    auto json = nlohmann::json::parse(read_file(data.directory / kMetaFile));
    json["directory"] = data.directory.string();
    json["was_ready"] = data.was_ready;
    json["replaced"] = data.replaced;
    json["seconds"] = data.seconds;
    json["warnings"] = warnings(data);
    return json;
}

/// "skipped: 3 not json, 12 other files"
std::string skipped_text(const DataMeta& meta) {
    std::string text;
    for (const auto& [why, count] : meta.skipped)
        text += fmt::format("{} {} {}", text.empty() ? "  skipped:" : ",", count, replace_all(why, "_", " "));
    return text.empty() ? "" : text + "; docs/data.md says what is read\n";
}

std::string for_people(const PreparedData& data) {
    const DataMeta& meta = data.meta;
    const auto millions = [](std::int64_t tokens) { return static_cast<double>(tokens) / 1e6; };
    std::string text =
        fmt::format("data set {} {} in {:.1f} s: corpus {}, vocabulary {}, {} tokens of context\n",
                    meta.fingerprint, data.was_ready ? "was ready, checked" : "prepared", data.seconds,
                    meta.corpus, meta.vocab_size, meta.seq_len);
    if (!data.replaced.empty()) text += fmt::format("  it replaces a damaged one: {}\n", data.replaced);
    text += fmt::format(
        "  train {} documents, {:.2f} M tokens; val {}, {:.2f} M; test {}, {:.2f} M; {} "
        "duplicates dropped\n  one evaluation reads {:.2f} M tokens; everything is in {}\n",
        meta.train_documents, millions(meta.train_tokens), meta.val_documents, millions(meta.val_tokens),
        meta.test_documents, millions(meta.test_tokens), meta.dropped_duplicates, millions(meta.eval_tokens),
        data.directory.string());
    return text + skipped_text(meta);
}

int prepare(const Arguments& arguments) {
    const bool json = arguments.json;
    const Kit kit = open_kit();
    const auto repository = repository_root_or_empty();
    const ResolvedSettings config = load_settings(arguments.settings, repository, kit.directory);
    const SignalStop stop;
    const bool shows = isatty(STDERR_FILENO) != 0 && !json;
    PrepareOptions options = prepare_options(config.values, repository, kit);
    options.progress = [&](const std::string& phase, double share) {
        if (stop.after_experiment()) throw std::runtime_error("interrupted");
        if (shows) std::fprintf(stderr, "\r\033[K%3.0f %% %s", 100 * share, phase.c_str());
    };
    const auto wipe = [&] { std::fputs(shows ? "\r\033[K" : "", stderr); };
    PreparedData data;
    try {
        data = prepare_data(options);
    } catch (const std::exception&) {
        wipe();
        if (!stop.after_experiment()) throw;
        throw std::runtime_error("interrupted; run the same command again to continue or start over");
    }
    wipe();
    for (const std::string& text : warnings(data)) std::cerr << "warning: " << text << "\n";
    std::cout << (json ? to_json(data).dump(2) + "\n" : for_people(data));
    return 0;
}

}  // namespace

void add_prepare(Commands& commands) {
    auto flags =
        commands.add("prepare", "turn text into tokens: train the tokenizer, write the shards", prepare);
    flags.json();
    flags.data_settings({"threads"});
    flags.examples({"autoresearch prepare", "autoresearch prepare --corpus ~/texts",
                    "autoresearch prepare --corpus climbmix --shards 10"});
}

}  // namespace autoresearch
