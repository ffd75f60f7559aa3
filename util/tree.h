#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <string>

#include "util/fd.h"

// Folders in which somebody else could make anything: links, folders deeper than a path may be long, folders
// without rights. Everything goes from one folder to the next, never by a whole path, and through no link.
namespace autoresearch {

/// A folder by its name in another (AT_FDCWD: by its path); none where it is a link, or cannot be read.
Fd open_folder(int in, const std::string& name);

/// Gets each file and folder by its path below the root, with its own status (a link's, not that of what it
/// leads to), a folder before what is in it. Says whether to go into it, and so how deep: each level holds a
/// descriptor.
using Visit = std::function<bool(const std::string& name, const struct stat& status)>;
void walk_tree(const std::filesystem::path& root, const Visit& visit);

/// Removes what is there, if anything, with all that is in it. False if something is left: it belongs to
/// somebody else.
bool remove_tree(const std::filesystem::path& path);

/// Removes what is at the place of a file and is none: a named pipe would keep its writer waiting, a link
/// would lead it elsewhere.
void make_way(const std::filesystem::path& file);

/// Its absolute path without links and without a slash at the end, as far as it exists; the path as it is if
/// that cannot be found out.
std::filesystem::path real_path(const std::filesystem::path& path);

/// Whether the path is this folder or below it, by its name.
bool is_within(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace autoresearch
