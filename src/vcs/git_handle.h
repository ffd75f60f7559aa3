#pragma once

#include <git2.h>

#include <memory>
#include <stdexcept>
#include <string>

// Owners for libgit2's objects. Only for the .cpp files of this folder.
namespace autoresearch::git {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};

template <class T, auto Free>
using Owner = std::unique_ptr<T, Freer<Free>>;

using Blob = Owner<git_blob, git_blob_free>;
using Commit = Owner<git_commit, git_commit_free>;
using Object = Owner<git_object, git_object_free>;
using Patch = Owner<git_patch, git_patch_free>;
using Reference = Owner<git_reference, git_reference_free>;
using Repository = Owner<git_repository, git_repository_free>;
using Signature = Owner<git_signature, git_signature_free>;
using Tree = Owner<git_tree, git_tree_free>;
using TreeEntry = Owner<git_tree_entry, git_tree_entry_free>;

/// What libgit2 says about its last failure.
inline std::string last_words() {
    const git_error* error = git_error_last();
    return error != nullptr && error->message != nullptr ? error->message : "unknown error";
}

/// Throws std::runtime_error for a negative code.
inline void check(int code, const std::string& what) {
    if (code < 0) throw std::runtime_error("git cannot " + what + ": " + last_words());
}

/// Calls `make(T** out)` and owns what it made; throws as check() does.
template <class Handle, class Make>
Handle own(const std::string& what, const Make& make) {
    typename Handle::pointer raw = nullptr;
    check(make(&raw), what);
    return Handle(raw);
}

inline std::string text(const git_oid& id) {
    std::string hex(GIT_OID_HEXSZ, '0');
    git_oid_fmt(hex.data(), &id);
    return hex;
}

}  // namespace autoresearch::git
