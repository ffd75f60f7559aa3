#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <stdexcept>

#include "cli/commands.h"
#include "cli/workspace.h"
#include "prepare/data/prepare.h"
#include "proc/signals.h"

namespace autoresearch {
namespace {

nlohmann::json to_json(const PreparedData& data) {
    const DataMeta& meta = data.meta;
    return {{"directory", data.directory.string()},
            {"fingerprint", meta.fingerprint},
            {"corpus", meta.corpus},
            {"vocab_size", meta.vocab_size},
            {"seq_len", meta.seq_len},
            {"eval_tokens", meta.eval_tokens},
            {"train", {{"documents", meta.train_documents}, {"tokens", meta.train_tokens}}},
            {"val", {{"documents", meta.val_documents}, {"tokens", meta.val_tokens}}},
            {"test", {{"documents", meta.test_documents}, {"tokens", meta.test_tokens}}},
            {"dropped_duplicates", meta.dropped_duplicates},
            {"was_ready", data.was_ready},
            {"replaced", data.replaced},
            {"seconds", data.seconds}};
}

void print_for_people(const PreparedData& data) {
    const DataMeta& meta = data.meta;
    const auto millions = [](std::int64_t tokens) { return static_cast<double>(tokens) / 1e6; };
    std::printf("data set %s %s in %.1f s: corpus %s, vocabulary %d, %d tokens of context\n",
                meta.fingerprint.c_str(), data.was_ready ? "was ready, checked" : "prepared", data.seconds,
                meta.corpus.c_str(), meta.vocab_size, meta.seq_len);
    if (!data.replaced.empty()) std::printf("  it replaces a damaged one: %s\n", data.replaced.c_str());
    std::printf(
        "  train %lld documents, %.2f M tokens; val %lld, %.2f M; test %lld, %.2f M; %lld duplicates "
        "dropped\n",
        static_cast<long long>(meta.train_documents), millions(meta.train_tokens),
        static_cast<long long>(meta.val_documents), millions(meta.val_tokens),
        static_cast<long long>(meta.test_documents), millions(meta.test_tokens),
        static_cast<long long>(meta.dropped_duplicates));
    std::printf("  one evaluation reads %.2f M tokens; all in %s\n", millions(meta.eval_tokens),
                data.directory.c_str());
}

int prepare(const FlagValues& flags, bool json) {
    const Kit kit = open_kit();
    const auto repository = repository_root_or_empty();
    const ResolvedConfig config = load_config(flags, repository, kit.directory);
    PrepareOptions options;
    options.request = data_request(config.values);
    options.data_root = data_root();
    options.torch_sources = kit.torch;
    options.corpora = shipped_file(repository, kit, "configs/corpora.json");
    options.parquet_reader = kit.directory / "read-parquet";
    options.threads = config.values.threads;
    const SignalStop stop;
    const bool terminal = isatty(STDERR_FILENO) != 0;
    options.progress = [&](const std::string& phase, double share) {
        if (stop.after_experiment()) throw std::runtime_error("interrupted");
        if (terminal && !json) std::fprintf(stderr, "\r\033[K%3.0f %% %s", 100 * share, phase.c_str());
    };
    PreparedData data;
    try {
        data = prepare_data(options);
    } catch (const std::exception&) {
        if (terminal && !json) std::fprintf(stderr, "\r\033[K");
        if (!stop.after_experiment()) throw;
        throw std::runtime_error("interrupted; the same command goes on or starts again");
    }
    if (terminal && !json) std::fprintf(stderr, "\r\033[K");
    if (json) {
        std::cout << to_json(data).dump(2) << "\n";
    } else {
        print_for_people(data);
    }
    return 0;
}

}  // namespace

void add_prepare_command(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("prepare", "text to tokens: train the tokenizer, write the shards");
    const auto flags = add_setting_flags(*command, data_keys({"threads"}));
    const auto json = add_json_flag(*command);
    command->callback([=, &exit_code] { exit_code = prepare(*flags, *json); });
}

}  // namespace autoresearch
