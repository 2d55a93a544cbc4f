#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "profiles/checkpoint/checkpoint.h"
#include "profiles/encoder/profile.h"
#include "profiles/pruner/prune.h"
#include "profiles/quality/sample.h"

namespace roberta::libtorch {

using LoadedProfile = absl::StatusOr<std::unique_ptr<const encoder::Profile>>;

/// What computes with LibTorch. It is in a shared object of its own, roberta-libtorch.so, which a program loads when
/// one of these is asked for: LibTorch takes about a second to start and need not be installed.
struct Module {
  const char* version;  ///< version::kLong of the module; the other fields are valid where the program's is the same
  const char* libtorch_version;                                               ///< "1.13.0"
  LoadedProfile (*load_reference)(const checkpoint::Checkpoint& checkpoint);  ///< reference::LoadReferenceProfile
  absl::StatusOr<pruner::Pruned> (*prune)(const checkpoint::Checkpoint& checkpoint,  ///< pruner::Prune
                                          const quality::Sample& sample, const quality::TokenizedSample& tokenized,
                                          const pruner::PruneOptions& options, const quality::RunAll& run_all,
                                          const pruner::OnStep& on_step);
};

/// The one function that the shared object exports: `const Module* roberta_libtorch_module()`.
inline constexpr char kModuleFunction[] = "roberta_libtorch_module";

/// Where the shared object is expected: in $ROBERTA_MODULES, else in ../lib/roberta-serve relative to the program.
std::string ModuleFile();

/// OK if there is a file at ModuleFile(); it is not opened. FailedPrecondition names the file and says how to get it.
absl::Status FindModule();

/// Loads the shared object at ModuleFile(), once for the process, and never unloads it, which LibTorch does not
/// support. Threads: any; one that comes while another loads waits for it. A call after an error tries again.
/// FailedPrecondition names the file and the reason: it is not there, cannot be loaded (LibTorch is not installed, or
/// the file is damaged), or belongs to another version of the program.
absl::StatusOr<const Module*> LoadModule();

/// LoadModule for another file.
absl::StatusOr<const Module*> LoadModuleFrom(const std::string& file);

/// Module::load_reference of the module, which is loaded if that has not happened yet. Errors of both.
LoadedProfile LoadReference(const checkpoint::Checkpoint& checkpoint);

/// The version of LibTorch that the module was built with, known without loading it; "none" where it was not built.
const char* VersionBuiltWith();

}  // namespace roberta::libtorch
