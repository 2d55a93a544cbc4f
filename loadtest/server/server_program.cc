#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "loadtest/process/child.h"
#include "loadtest/server/server_process.h"

namespace roberta::server {

namespace {

using process::FindOnPath;
using process::IsProgram;

constexpr char kProgram[] = "roberta-server";

std::string BesideThisProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::string() : (self.parent_path() / kProgram).string();
}

}  // namespace

absl::StatusOr<std::string> FindServerProgram(const std::string& named) {
  if (!named.empty()) {
    if (IsProgram(named)) return named;
    if (named.find('/') == std::string::npos) {
      if (const std::string found = FindOnPath(named); !found.empty()) return found;
    }
    return absl::NotFoundError(absl::StrCat(named, ": no program"));
  }
  const std::string beside = BesideThisProgram();
  if (IsProgram(beside)) return beside;
  if (std::string found = FindOnPath(kProgram); !found.empty()) return found;
  return absl::NotFoundError(absl::StrCat("there is no ", kProgram, " beside this program (", beside, ") nor on PATH"));
}

absl::StatusOr<std::vector<int>> ParseCpus(const std::string& text) {
  std::vector<int> cpus;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const size_t dash = std::min(part.find('-'), part.size());
    const absl::string_view end = dash < part.size() ? part.substr(dash + 1) : part;
    int first = 0, last = 0;
    if (!absl::SimpleAtoi(part.substr(0, dash), &first) || !absl::SimpleAtoi(end, &last) || first < 0 || last < first ||
        last >= CPU_SETSIZE) {
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no list of cores such as 0,2-3"));
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace roberta::server
