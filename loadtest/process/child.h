#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::loadtest::process {

/// A descriptor that is closed with this; -1: none.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  /// How a child that keeps it can open it.
  std::string path() const;

 private:
  int fd_;
};

/// A file without a name that holds `text`: none is left behind whatever becomes of this process. -1, with errno, if
/// there is no room for it.
Descriptor MemoryFile(const std::string& text);

/// What a child process is made of.
struct ChildPlan {
  std::string program;
  std::vector<std::string> arguments;  ///< without the program's name
  int output = -1;                     ///< becomes its standard output and error
  std::vector<int> inherited;          ///< descriptors that it keeps under their numbers
  std::vector<int> cpus;               ///< cores that it may use; empty: those of this process
};

/// Runs a program in a process group of its own, with nothing to read, signals as they are by default, and killed by
/// the kernel when the calling thread ends. NotFound, with the system's reason, if it cannot be run, InvalidArgument
/// if none of the cores is there.
absl::StatusOr<pid_t> StartChild(const ChildPlan& plan);

/// Whether `path` is a file that this process may execute.
bool IsProgram(const std::string& path);

/// The program called `name` in the first folder of PATH that has one; empty if none has.
std::string FindOnPath(const std::string& name);

}  // namespace roberta::loadtest::process
