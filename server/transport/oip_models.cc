#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "server/service/profile_selection.h"
#include "server/transport/oip.h"

namespace roberta::transport {

using registry::ProfileState;
using registry::ProfileStatus;

namespace {

constexpr char kPlatform[] = "roberta_serve";

absl::Status UnknownModel(const std::string& field, const std::string& what) {
  return call::MakeStatus(call::FailureReason::kUnknownModel, absl::StrCat(field, ": ", what));
}

std::string ModelOf(const service::Parts& parts, const std::string& profile) {
  return absl::StrCat(parts.model_name, "@", profile);
}

/// The state of the profile that a model stands for; of `auto` that of the default.
absl::StatusOr<ProfileStatus> StatusOfModel(const service::Parts& parts, const std::string& name,
                                            const std::string& version) {
  ASSIGN_OR_RETURN(const std::string profile, ProfileOfModel(parts, "name", name, version));
  const bool is_default = profile.empty() || profile == service::kAutoProfile;
  return parts.registry->StatusOf(is_default ? parts.registry->default_profile() : profile);
}

struct TensorRow {
  const char* name;
  inference::DataType type;
  const char* datatype;
  bool optional = false;
};
constexpr TensorRow kInputRows[] = {{"text", inference::TYPE_STRING, "BYTES"},
                                    {"text_pair", inference::TYPE_STRING, "BYTES", true}};
constexpr TensorRow kLabelRows[] = {{"scores", inference::TYPE_FP32, "FP32"}, {"logits", inference::TYPE_FP32, "FP32"}};
constexpr TensorRow kItemRows[] = {{"label", inference::TYPE_STRING, "BYTES"},
                                   {"index", inference::TYPE_INT64, "INT64"}};

const char* StateName(ProfileState state) {
  return state == ProfileState::kReady ? "READY" : state == ProfileState::kLoading ? "LOADING" : "UNAVAILABLE";
}

}  // namespace

absl::StatusOr<std::string> ProfileOfModel(const service::Parts& parts, const std::string& field,
                                           const std::string& name, const std::string& version) {
  if (!version.empty() && version != kModelVersion) {
    return UnknownModel("version",
                        absl::StrCat(service::Quote(version), " is unknown; the only one is ", kModelVersion));
  }
  if (name == parts.model_name) return "";
  const std::vector<std::string>& profiles = parts.registry->names();
  if (const std::string prefix = ModelOf(parts, ""); name.starts_with(prefix)) {
    const std::string profile = name.substr(prefix.size());
    if (profile == service::kAutoProfile || std::ranges::find(profiles, profile) != profiles.end()) return profile;
  }
  return UnknownModel(field, absl::StrCat(service::Quote(name), " is unknown; the models are ", parts.model_name,
                                          " and, for each profile, ", ModelOf(parts, ""), "PROFILE; the profiles are ",
                                          absl::StrJoin(profiles, ", ")));
}

template <typename ProfileCall, typename Message, typename Answer>
absl::Status ModelTranslation<ProfileCall, Message, Answer>::Begin(Call* call) {
  ASSIGN_OR_RETURN(std::string profile, ProfileOfModel(*parts_, "model_name", request_.model_name(), ""));
  for (const auto& [name, value] : request_.parameters()) {
    if (name == "unload_dependents") continue;  // there are none
    return FieldError(absl::StrCat("parameters[", service::Quote(name), "]"),
                      "the config and the files of a model are the server's", &call->outcome.problems);
  }
  if (profile == service::kAutoProfile)
    return UnknownModel("model_name", absl::StrCat(service::Quote(request_.model_name()), " is no profile of its own"));
  call->request.set_name(profile.empty() ? parts_->registry->default_profile() : profile);
  return absl::OkStatus();
}

template <typename ProfileCall, typename Message, typename Answer>
const Answer* ModelTranslation<ProfileCall, Message, Answer>::End(service::Outcome<typename Call::Response>& outcome,
                                                                  Answer* storage) const {
  if constexpr (requires { outcome.response.failure(); }) {
    const std::string& failure = outcome.response.failure();
    if (outcome.status.ok() && !failure.empty()) {
      outcome.status = call::MakeStatus(call::FailureReason::kProfileNotReady, failure);
    }
  }
  return storage;
}

template class ModelTranslation<service::LoadCall, inference::RepositoryModelLoadRequest,
                                inference::RepositoryModelLoadResponse>;
template class ModelTranslation<service::UnloadCall, inference::RepositoryModelUnloadRequest,
                                inference::RepositoryModelUnloadResponse>;

bool IsServing(const service::Parts& parts) {
  return parts.metrics->readiness() == metrics::Readiness::kServing;
}

inference::ServerMetadataResponse ServerMetadata(const ServerFacts& facts) {
  inference::ServerMetadataResponse response;
  response.set_name("roberta-server");
  response.set_version(facts.version);
  for (const char* extension : {"classification", "model_configuration", "model_repository",
                                "model_repository(unload_dependents)", "schedule_policy", "statistics"}) {
    response.add_extensions(extension);
  }
  return response;
}

absl::StatusOr<inference::ModelReadyResponse> ModelReady(const service::Parts& parts,
                                                         const inference::ModelReadyRequest& request) {
  ASSIGN_OR_RETURN(const ProfileStatus status, StatusOfModel(parts, request.name(), request.version()));
  inference::ModelReadyResponse response;
  response.set_ready(IsServing(parts) && status.state == ProfileState::kReady);
  return response;
}

absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(const service::Parts& parts,
                                                               const inference::ModelMetadataRequest& request) {
  RETURN_IF_ERROR(ProfileOfModel(parts, "name", request.name(), request.version()).status());
  const checkpoint::Checkpoint& checkpoint = parts.registry->checkpoint();
  inference::ModelMetadataResponse response;
  response.set_name(request.name());
  response.add_versions(kModelVersion);
  response.set_platform(kPlatform);
  const auto fill = [](const TensorRow& row, int64_t columns,
                       inference::ModelMetadataResponse::TensorMetadata* tensor) {
    tensor->set_name(row.name);
    tensor->set_datatype(row.datatype);
    tensor->add_shape(-1);
    if (columns > 0) tensor->add_shape(columns);
  };
  for (const TensorRow& row : kInputRows) fill(row, 1, response.add_inputs());
  for (const TensorRow& row : kLabelRows) fill(row, checkpoint.config().num_labels(), response.add_outputs());
  for (const TensorRow& row : kItemRows) fill(row, 0, response.add_outputs());
  (*response.mutable_properties())["model_revision"] = checkpoint.revision();
  (*response.mutable_properties())["max_tokens"] = absl::StrCat(checkpoint.config().max_tokens());
  return response;
}

absl::StatusOr<inference::ModelConfigResponse> ModelConfig(const service::Parts& parts,
                                                           const inference::ModelConfigRequest& request) {
  ASSIGN_OR_RETURN(const ProfileStatus status, StatusOfModel(parts, request.name(), request.version()));
  const checkpoint::ModelConfig& model = parts.registry->checkpoint().config();
  inference::ModelConfigResponse response;
  inference::ModelConfig* config = response.mutable_config();
  config->set_name(request.name());
  config->set_platform(kPlatform);
  config->set_backend(kPlatform);
  config->set_max_batch_size(static_cast<int32_t>(parts.limits.max_items));
  for (const TensorRow& row : kInputRows) {
    inference::ModelInput* input = config->add_input();
    input->set_name(row.name);
    input->set_data_type(row.type);
    input->add_dims(1);
    input->set_optional(row.optional);
  }
  const auto add_output = [&](const TensorRow& row) {
    inference::ModelOutput* output = config->add_output();
    output->set_name(row.name);
    output->set_data_type(row.type);
    return output;
  };
  for (const TensorRow& row : kLabelRows) add_output(row)->add_dims(model.num_labels());
  for (const TensorRow& row : kItemRows) add_output(row);
  config->mutable_dynamic_batching()->set_priority_levels(3);
  config->mutable_dynamic_batching()->set_default_priority_level(2);
  (*config->mutable_parameters())["profile"].set_string_value(status.name);
  (*config->mutable_parameters())["labels"].set_string_value(absl::StrJoin(model.labels, "\n"));
  return response;
}

absl::StatusOr<inference::RepositoryIndexResponse> RepositoryIndex(const service::Parts& parts,
                                                                   const inference::RepositoryIndexRequest& request) {
  if (const std::string& repository = request.repository_name(); !repository.empty()) {
    return UnknownModel("repository_name",
                        absl::StrCat(service::Quote(repository), " is unknown; the only one has no name"));
  }
  inference::RepositoryIndexResponse response;
  const auto add = [&](const std::string& name, const ProfileStatus& status) {
    if (request.ready() && status.state != ProfileState::kReady) return;
    auto* model = response.add_models();
    model->set_name(name);
    model->set_version(kModelVersion);
    model->set_state(StateName(status.state));
    model->set_reason(status.reason);
  };
  const std::vector<ProfileStatus> profiles = parts.registry->List();
  for (const ProfileStatus& status : profiles) {
    if (status.is_default) add(parts.model_name, status);
  }
  for (const ProfileStatus& status : profiles) add(ModelOf(parts, status.name), status);
  return response;
}

absl::StatusOr<inference::ModelStatisticsResponse> ModelStatistics(const service::Parts& parts,
                                                                   const inference::ModelStatisticsRequest& request) {
  inference::ModelStatisticsResponse response;
  const auto add = [&](const std::string& name, const std::string& profile) {
    const metrics::CallTotals calls = parts.metrics->calls().TotalsOf(profile);
    inference::ModelStatistics* model = response.add_model_stats();
    model->set_name(name);
    model->set_version(kModelVersion);
    model->set_last_inference(calls.last_ms);
    model->set_inference_count(parts.metrics->items().Answered(profile));
    model->set_execution_count(parts.metrics->batches().Counted(profile));
    inference::InferStatistics* stats = model->mutable_inference_stats();
    const auto set = [](uint64_t count, uint64_t ns, inference::StatisticDuration* duration) {
      duration->set_count(count);
      duration->set_ns(ns);
    };
    const auto spent = [&](call::Phase phase) { return calls.phase_ns[static_cast<size_t>(phase)]; };
    set(calls.succeeded, calls.succeeded_ns, stats->mutable_success());
    set(calls.failed, calls.failed_ns, stats->mutable_fail());
    set(calls.succeeded, spent(call::Phase::kQueue), stats->mutable_queue());
    set(calls.succeeded, spent(call::Phase::kTokenize) + spent(call::Phase::kForm), stats->mutable_compute_input());
    set(calls.succeeded, spent(call::Phase::kInfer), stats->mutable_compute_infer());
    set(calls.succeeded, spent(call::Phase::kPost), stats->mutable_compute_output());
  };
  if (request.name().empty() && request.version().empty()) {
    for (const std::string& profile : parts.registry->names()) add(ModelOf(parts, profile), profile);
    return response;
  }
  ASSIGN_OR_RETURN(const ProfileStatus status, StatusOfModel(parts, request.name(), request.version()));
  add(request.name(), status.name);
  return response;
}

}  // namespace roberta::transport
