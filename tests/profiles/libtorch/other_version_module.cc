#include "profiles/libtorch/libtorch.h"

extern "C" const roberta::libtorch::Module* roberta_libtorch_module() {
  static const roberta::libtorch::Module module = {.version = "0.0.0 (of yesterday, Release)"};
  return &module;
}
