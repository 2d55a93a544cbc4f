#include "server/service/profile_info.h"

namespace roberta::service {

namespace {

v1::ProfileState ToProto(registry::ProfileState state) {
  switch (state) {
    case registry::ProfileState::kLoading:
      return v1::LOADING;
    case registry::ProfileState::kReady:
      return v1::READY;
    case registry::ProfileState::kFailed:
      return v1::FAILED;
    case registry::ProfileState::kUnloaded:
      break;
  }
  return v1::UNLOADED;
}

}  // namespace

v1::ProfileInfo ToProto(const registry::ProfileStatus& status) {
  v1::ProfileInfo info;
  info.set_name(status.name);
  info.set_recipe(status.recipe);
  info.set_is_default(status.is_default);
  info.set_state(ToProto(status.state));
  info.set_reason(status.reason);
  info.set_revision(status.revision);
  info.set_precision(status.description.precision);
  for (const std::string& kernel : status.description.kernels) info.add_kernels(kernel);
  info.set_weight_bytes(status.description.weight_bytes);
  info.set_load_seconds(status.load_seconds);
  for (const registry::LoadStep& step : status.steps) {
    v1::LoadStep* added = info.add_load_steps();
    added->set_name(step.name);
    added->set_seconds(step.seconds);
  }
  info.set_quality_reason(status.quality_reason);
  if (status.quality) {
    info.set_agreement(status.quality->agreement);
    info.set_mean_abs_dp(status.quality->mean_abs_dp);
    info.set_max_abs_dp(status.quality->max_abs_dp);
    info.set_examples(static_cast<uint32_t>(status.quality->examples));
    if (status.quality->accuracy) info.set_accuracy(*status.quality->accuracy);
    if (status.quality->baseline_accuracy) info.set_baseline_accuracy(*status.quality->baseline_accuracy);
  }
  if (status.expected_tokens_per_second) info.set_expected_tokens_per_second(*status.expected_tokens_per_second);
  return info;
}

}  // namespace roberta::service
