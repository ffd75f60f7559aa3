#include "trial/walls.h"

#include "util/home.h"
#include "util/tree.h"

namespace autoresearch {
namespace {

namespace fs = std::filesystem;

/// Of torch, the sources are the default corpus: nobody may read them.
void show_torch(const Walls& walls, Box& box) {
    box.places.push_back({walls.kit.torch, Access::hidden});
    box.places.push_back({walls.kit.torch / "lib", Access::read});
    const fs::path wheels = walls.kit.torch.parent_path();  // what its CUDA build brings along
    for (const char* name : {"nvidia", "torch.libs"}) box.places.push_back({wheels / name, Access::read});
}

Box begin(const Walls& walls) {
    Box box;
    box.kind = walls.kind;
    for (const fs::path& place : walls.hidden) box.places.push_back({place, Access::hidden});
    box.places.push_back({walls.kit.directory, Access::read});
    show_torch(walls, box);
    return box;
}

Box box_of_trainer(const Walls& walls, bool gpu, const fs::path& program, const fs::path& work) {
    Box box = begin(walls);
    box.gpu = gpu;
    box.scratch_mb = 256;
    box.places.push_back({program, Access::read});
    box.places.push_back({work, Access::scratch});
    return box;
}

void settle_in(const fs::path& work, Box box, ProcessSpec& process) {
    box.watched = {work};
    process.directory = work;
    process.bare_environment = true;
    process.environment["TMPDIR"] = process.environment["HOME"] = work.string();
    process.box = std::move(box);
}

}  // namespace

void box_build(const Walls& walls, const fs::path& work, ProcessSpec& process) {
    if (walls.kind == BoxKind::none) return;
    Box box = begin(walls);
    box.new_processes = true;
    box.places.push_back({walls.kit.torch / "include", Access::read});
    box.places.push_back({work, Access::write});
    const fs::path home = fs::weakly_canonical(expand_home("~"));
    // Where a compiler brings its own headers and programs, by its name and where that leads.
    for (const fs::path& compiler :
         {fs::path(walls.kit.compiler), fs::weakly_canonical(walls.kit.compiler)}) {
        const fs::path folder = compiler.parent_path().parent_path();
        if (!is_within(home, folder))
            box.places.push_back({folder, Access::read});
        else if (is_within(compiler, home))  // ~/bin
            box.places.push_back({compiler, Access::read});
    }
    process.environment["CCACHE_DISABLE"] = "1";
    settle_in(work, std::move(box), process);
}

void box_trial(const Walls& walls, const TrialSpec& spec, const fs::path& program, const fs::path& data,
               const fs::path& trace, const fs::path& work, ProcessSpec& process) {
    if (walls.kind == BoxKind::none) return;
    Box box = box_of_trainer(walls, spec.device == "cuda", program, work);
    const std::string evaluated = std::string(to_string(spec.split)) + ".bin";
    for (const std::string& name :
         {std::string("meta.json"), std::string("tokenizer.tiktoken"), std::string("train.bin"), evaluated})
        box.places.push_back({data / name, Access::read});
    if (!trace.empty()) box.places.push_back({trace, Access::read});
    settle_in(work, std::move(box), process);
}

void box_probe(const Walls& walls, const fs::path& program, const fs::path& work, ProcessSpec& process) {
    if (walls.kind == BoxKind::none) return;
    settle_in(work, box_of_trainer(walls, true, program, work), process);
}

}  // namespace autoresearch
