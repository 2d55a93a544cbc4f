#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace roberta::machine {

/// Where the kernel says what a process may use.
struct KernelFiles {
  std::string cgroups = "/sys/fs/cgroup";  ///< where version 2 is mounted, or the hierarchies of version 1, or both
  std::string proc = "/proc";
};

/// Directories of the groups that limit this process by `controller`, "cpu" or "memory": of version 2, then of version
/// 1, each with the group that the process is in first, and then those that this one is in, up to the mount. Of the
/// mount alone where there is no such group below it: a path as another namespace has it, the host's, for example,
/// begins with groups that are not there, or with "..".
std::vector<std::string> GroupsOf(const KernelFiles& files, const std::string& controller);

/// The start of a file, at most 64 KiB; empty where it cannot be read.
std::string ReadStart(const std::string& path);

/// The whole number that the text begins with, or that stands behind the line's first word `key`. nullopt for anything
/// else, such as "max", a negative number, or one of more than 64 bits.
std::optional<uint64_t> NumberIn(const std::string& text);
std::optional<uint64_t> NumberOf(const std::string& text, const std::string& key);

}  // namespace roberta::machine
