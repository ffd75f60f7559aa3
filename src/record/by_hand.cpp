#include "record/by_hand.h"

#include <algorithm>
#include <vector>

#include "contract/run_files.h"
#include "util/time.h"

namespace autoresearch {

namespace fs = std::filesystem;

fs::path by_hand_directory(const fs::path& repository, const std::string& name) {
    constexpr std::size_t kKept = 10;
    const fs::path parent = run_files::by_hand(repository);
    const fs::path created = parent / (utc_now("%Y%m%d-%H%M%S-") + name);
    fs::create_directories(created);
    std::vector<fs::path> all(fs::directory_iterator(parent), {});
    std::sort(all.begin(), all.end());  // the names begin with the time
    for (std::size_t i = 0; i + kKept < all.size(); ++i) fs::remove_all(all[i]);
    return created;
}

}  // namespace autoresearch
