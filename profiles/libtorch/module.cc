// The entry of roberta-libtorch.so.
#include "profiles/libtorch/libtorch.h"
#include "profiles/reference/reference_profile.h"
#include "version/version.h"

extern "C" __attribute__((visibility("default"))) const roberta::libtorch::Module* roberta_libtorch_module() {
  static const roberta::libtorch::Module module = {.version = roberta::version::kLong,
                                                   .libtorch_version = roberta::reference::LibTorchVersion(),
                                                   .load_reference = &roberta::reference::LoadReferenceProfile,
                                                   .prune = &roberta::pruner::Prune};
  return &module;
}
