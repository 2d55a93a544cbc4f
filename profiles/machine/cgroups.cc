#include "profiles/machine/cgroups.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace roberta::machine {
namespace {

/// The line of this process in /proc/self/cgroup.
struct Membership {
  std::string controllers;  ///< separated by commas; of version 2: none
  std::string path;         ///< empty: there is no such line
};

/// The lines are "number:controllers:path".
Membership MembershipOf(const std::string& text, const std::string& controller) {
  std::istringstream lines(text);
  for (std::string number, controllers, path; std::getline(lines, number, ':');) {
    if (!std::getline(lines, controllers, ':') || !std::getline(lines, path)) break;
    if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) return {controllers, path};
  }
  return {};
}

/// Adds the group `path` ("/a/b") and those that it is in, below `mount`.
void AddGroups(const std::string& mount, std::string path, std::vector<std::string>* groups) {
  std::error_code error;
  if (!path.starts_with('/') || path.find("/..") != std::string::npos) path.clear();
  while (!path.empty() && !std::filesystem::is_directory(mount + path, error)) path.erase(0, path.find('/', 1));
  for (; path.size() > 1; path.resize(path.rfind('/'))) groups->push_back(mount + path);
  groups->push_back(mount);
}

}  // namespace

std::vector<std::string> GroupsOf(const KernelFiles& files, const std::string& controller) {
  const std::string memberships = ReadStart(files.proc + "/self/cgroup");
  std::vector<std::string> groups;
  const Membership v2 = MembershipOf(memberships, "");
  AddGroups(files.cgroups, v2.path, &groups);
  std::error_code error;
  const std::string beside_v1 = files.cgroups + "/unified";
  if (std::filesystem::is_directory(beside_v1, error)) AddGroups(beside_v1, v2.path, &groups);
  const Membership v1 = MembershipOf(memberships, controller);
  for (const std::string& name : {controller, v1.controllers}) {
    const std::string mount = files.cgroups + "/" + name;
    if (name.empty() || !std::filesystem::is_directory(mount, error)) continue;
    AddGroups(mount, v1.path, &groups);
    break;
  }
  return groups;
}

std::string ReadStart(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "";
  std::string text(64 << 10, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

std::optional<uint64_t> NumberIn(const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || (stop != end && *stop != ' ' && *stop != '\n')) return std::nullopt;
  return number;
}

std::optional<uint64_t> NumberOf(const std::string& text, const std::string& key) {
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') continue;
    const size_t number = text.find_first_not_of(" \t", at + key.size());
    if (number != std::string::npos && number > at + key.size()) return NumberIn(text.substr(number, 24));
  }
  return std::nullopt;
}

}  // namespace roberta::machine
