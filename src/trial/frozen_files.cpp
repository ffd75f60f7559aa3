#include "trial/frozen_files.h"

#include "autoresearch/error.h"
#include "util/file_digest.h"

namespace autoresearch {

void require_unchanged(const FrozenFiles& files) {
    for (const FrozenFile& file : files) {
        const std::string now = file_digest(file.path);
        if (!now.empty() && now != file.digest)
            throw UserError(file.path.string() + " is not what it was when the run began", file.mend);
    }
}

Result<std::filesystem::path> FrozenBuilder::build(const std::string& source,
                                                   const std::filesystem::path& directory) {
    require_unchanged(files_);
    auto program = builder_.build(source, directory);
    require_unchanged(files_);
    return program;
}

Trial FrozenRunner::run(const TrialRequest& request) {
    require_unchanged(files_);
    Trial trial = runner_.run(request);
    require_unchanged(files_);
    return trial;
}

}  // namespace autoresearch
