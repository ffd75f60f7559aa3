// meta.json of a prepared data set.

#include "fuzz.h"
#include "prepare/data/files.h"

namespace autoresearch {

void read_foreign(const std::string& bytes) {
    static const bool made = [] {
        for (const char* name : {kTrainFile, kValFile, kTestFile}) {
            ShardWriter shard(scratch() / name, 300);
            shard.append(std::vector<std::uint32_t>{256, 1, 2});
            shard.finish(1);
        }
        scratch().write(kTokenizerFile, "");
        return true;
    }();
    must(made, "there are shards");
    scratch().write(kMetaFile, bytes);
    is_read([] {
        const DataMeta meta = read_meta(scratch().path());
        write_meta(meta, scratch().path());
        const std::string once = read_text(scratch() / kMetaFile);
        write_meta(read_meta(scratch().path(), true), scratch().path());
        must(read_text(scratch() / kMetaFile) == once, "what is written reads back");
    });
}

}  // namespace autoresearch
