#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

namespace roberta::tool {

/// Which profiles a command runs, and on how many threads.
struct ProfileFlags {
  std::vector<std::string> names = {"all"};
  size_t threads = 0;

  /// What was asked for, each once, in that order; "all" is every recipe of the registry.
  std::vector<std::string> Names() const;
};

/// Adds --profiles and --threads (by default every usable core). `flags` must outlive the command.
void AddProfileFlags(CLI::App* command, ProfileFlags* flags);

}  // namespace roberta::tool
