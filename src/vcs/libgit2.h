#pragma once

#include <git2.h>

#include <stdexcept>
#include <string>
#include <utility>

// What our files of this folder share: libgit2's objects and errors.
namespace autoresearch {

/// Owns one libgit2 object, or none.
template <class T, void (*Free)(T*)>
class Handle {
  public:
    Handle() = default;
    Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Handle& operator=(Handle&&) = delete;
    ~Handle() { Free(object_); }

    T** out() { return &object_; }  // for a function that creates one
    T* get() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

  private:
    T* object_ = nullptr;
};

using Blob = Handle<git_blob, git_blob_free>;
using Commit = Handle<git_commit, git_commit_free>;
using Config = Handle<git_config, git_config_free>;
using Object = Handle<git_object, git_object_free>;
using Patch = Handle<git_patch, git_patch_free>;
using Reference = Handle<git_reference, git_reference_free>;
using References = Handle<git_reference_iterator, git_reference_iterator_free>;
using Repository = Handle<git_repository, git_repository_free>;
using Signature = Handle<git_signature, git_signature_free>;
using Tree = Handle<git_tree, git_tree_free>;
using TreeEntry = Handle<git_tree_entry, git_tree_entry_free>;

/// What libgit2 says about its last failure.
inline std::string last_words() {
    const git_error* error = git_error_last();
    return error != nullptr && error->message != nullptr ? error->message : "unknown error";
}

/// Throws std::runtime_error for a negative code.
inline void check(int code, const std::string& what) {
    if (code < 0) throw std::runtime_error("git cannot " + what + ": " + last_words());
}

// libgit2 stays initialised until the program ends: owners may be destroyed at any time before.
inline void start_libgit2() {
    [[maybe_unused]] static const bool started = [] {
        check(git_libgit2_init(), "start");
        // A ledger line must never name a commit that a power cut takes away.
        git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
        // What sparse checkouts and partial clones turn on; older versions of libgit2 refuse all that they do
        // not know, but none of these changes how a commit is read or written.
        const char* extensions[] = {"worktreeconfig", "partialclone", "preciousobjects"};
        git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, std::size(extensions));
        return true;
    }();
}

}  // namespace autoresearch
