#include "server/app/registry_options.h"

#include <algorithm>
#include <string>
#include <utility>

#include "profiles/quality/sample.h"
#include "server/batching/worker_pool.h"

namespace roberta::app {

namespace {

quality::Gate ToGate(const config::Gate& gate) {
  quality::Gate limits;
  if (gate.has_min_agreement()) limits.min_agreement = gate.min_agreement();
  if (gate.has_max_mean_abs_dp()) limits.max_mean_abs_dp = gate.max_mean_abs_dp();
  if (gate.has_max_accuracy_drop_points()) limits.max_accuracy_drop_points = gate.max_accuracy_drop_points();
  return limits;
}

}  // namespace

void SampleThreads::RunAll(size_t count, const std::function<void(size_t)>& task) const {
  const size_t threads = std::min(threads_.load(), count);
  if (threads <= 1) return quality::RunInTurn(count, task);
  batching::WorkerPool pool(threads);
  for (size_t i = 0; i < count; ++i) pool.Push([&task, i] { task(i); });
}  // the destructor of the pool runs all tasks

registry::RegistryOptions ToRegistryOptions(const config::ServerConfig& config,
                                            std::shared_ptr<const SampleThreads> sample_threads) {
  registry::RegistryOptions options;
  options.directory = config.model().directory();
  options.sample_file = config.model().sample_file();
  options.default_profile = config.default_profile();
  options.executors = config.execution().executors();
  options.run_all = [threads = std::move(sample_threads)](size_t count, const std::function<void(size_t)>& task) {
    threads->RunAll(count, task);
  };
  for (const config::Profile& profile : config.profiles()) {
    registry::ProfileSpec spec;
    spec.name = profile.name();
    spec.recipe = profile.recipe();
    spec.directory = profile.directory();
    if (profile.has_keep_macs()) spec.keep_macs = profile.keep_macs();
    spec.calibration_file = profile.calibration_file();
    spec.gate = ToGate(profile.gate());
    options.profiles.push_back(std::move(spec));
  }
  return options;
}

std::vector<config::KnownRecipe> KnownRecipes() {
  std::vector<config::KnownRecipe> recipes;
  for (const registry::Recipe& recipe : registry::BuiltInRecipes()) {
    recipes.push_back({recipe.name, recipe.prunes, recipe.smooths, recipe.is_loaded_by_default, recipe.always_pads});
  }
  return recipes;
}

std::vector<std::string> LoadOrder(const config::ServerConfig& config) {
  std::vector<std::string> order;
  const auto rank = [&](const config::Profile& profile) {
    if (profile.recipe() == registry::kBaseline && profile.directory().empty()) return 0;
    return profile.name() == config.default_profile() ? 1 : 2;
  };
  for (int wanted = 0; wanted <= 2; ++wanted) {
    for (const config::Profile& profile : config.profiles()) {
      if (profile.load() && rank(profile) == wanted) order.push_back(profile.name());
    }
  }
  return order;
}

}  // namespace roberta::app
