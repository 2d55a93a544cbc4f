#include "profiles/libtorch/libtorch.h"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string_view>
#include <system_error>

#include "absl/strings/match.h"
#include "profiles/errors/errors.h"
#include "version/version.h"

namespace roberta::libtorch {
namespace {

constexpr char kFileName[] = "roberta-libtorch.so";
constexpr char kDirectoryVariable[] = "ROBERTA_MODULES";
constexpr char kHowToGetIt[] =
    "the profile reference and pruning need LibTorch: install the package libtorch-dev (deploy/install_packages "
    "reference) and build again";

absl::Status Unusable(const std::string& file, std::string_view reason) {
  return errors::FailedPrecondition(file, ": ", std::string(reason));
}

absl::Status Find(const std::string& file) {
  std::error_code failure;
  if (std::filesystem::exists(file, failure)) return absl::OkStatus();
  return Unusable(file, absl::StrCat("there is no such file; ", kHowToGetIt));
}

/// OK if `file` is an ELF file with all its bytes. dlopen maps what the headers describe, and a process that reads
/// beyond the end of the file is killed by SIGBUS.
absl::Status CheckIsComplete(const std::string& file) {
  ElfW(Ehdr) header = {};
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(&header), sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return Unusable(file, "is not a shared object: it has no ELF header");
  }
  std::error_code failure;
  const uintmax_t bytes = std::filesystem::file_size(file, failure);
  const uintmax_t section_headers = uintmax_t{header.e_shnum} * header.e_shentsize;  // the last part of the file
  if (failure || header.e_shoff > bytes || section_headers > bytes - header.e_shoff) {
    return Unusable(file,
                    absl::StrCat("is cut short: it has ", failure ? 0 : bytes, " bytes; build or install it again"));
  }
  return absl::OkStatus();
}

/// Of dlopen's error: it begins with the module's own path, or with the name of a library that the module needs.
absl::Status CannotLoad(const std::string& file, const std::string& error) {
  if (absl::StartsWith(error, file)) return absl::FailedPreconditionError(error);
  return Unusable(file, absl::StrCat("cannot be loaded: ", error, "; ", kHowToGetIt));
}

}  // namespace

std::string ModuleFile() {
  if (const char* directory = std::getenv(kDirectoryVariable); directory != nullptr && *directory != '\0') {
    return absl::StrCat(directory, "/", kFileName);
  }
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  return (program.parent_path().parent_path() / "lib/roberta-serve" / kFileName).string();
}

absl::Status FindModule() {
  return Find(ModuleFile());
}

absl::StatusOr<const Module*> LoadModuleFrom(const std::string& file) {
  RETURN_IF_ERROR(Find(file));
  RETURN_IF_ERROR(CheckIsComplete(file));
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return CannotLoad(file, dlerror());
  void* const symbol = dlsym(handle, kModuleFunction);
  if (symbol == nullptr)
    return Unusable(file, absl::StrCat("is not a module of roberta-serve: it has no ", kModuleFunction));
  const Module* const module = reinterpret_cast<const Module* (*)()>(symbol)();
  if (std::string_view(module->version) != version::kLong) {
    return Unusable(file, absl::StrCat("is of version ", module->version, " and this program of version ",
                                       version::kLong, "; build or install both together"));
  }
  return module;
}

absl::StatusOr<const Module*> LoadModule() {
  static std::mutex mutex;
  static const Module* loaded = nullptr;  // guarded by mutex
  const std::lock_guard lock(mutex);
  if (loaded != nullptr) return loaded;
  auto module = LoadModuleFrom(ModuleFile());
  if (module.ok()) loaded = *module;
  return module;
}

LoadedProfile LoadReference(const checkpoint::Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(const auto module, LoadModule());
  return module->load_reference(checkpoint);
}

const char* VersionBuiltWith() {
  return ROBERTA_LIBTORCH_VERSION;
}

}  // namespace roberta::libtorch
