#include "propose/test_call.h"

#include "util/atomic_file.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr const char* kTrivial =
    "\n## This is only a test\n\nWhether you can work here is all that matters. Do not read or think long: "
    "add the comment `// test` at the end of train/train.cpp, write `test` to idea.txt, reply `test`, "
    "stop.\n";

}  // namespace

Answer make_test_call(AgentProposerOptions options, const std::string& source,
                      const std::filesystem::path& folder, const StopRequest& stop) {
    const std::filesystem::path program = folder / "program.md";
    write_file(program, read_file(options.desk.program) + kTrivial);
    options.desk.parent = folder / "desks";
    options.desk.program = program;
    options.desk.experiments = folder / "experiments";
    const Experiment baseline;
    return AgentProposer(std::move(options), stop).propose({1, baseline, source, {}, folder});
}

}  // namespace autoresearch
