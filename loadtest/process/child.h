#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roberta::loadtest::process {

/// What a child process is made of.
struct ChildPlan {
  std::string program;
  std::vector<std::string> arguments;  ///< without the program's name
  int output = -1;                     ///< becomes its standard output and error
  int inherited = -1;                  ///< a descriptor that it keeps under its number; -1: none
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
