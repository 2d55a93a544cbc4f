#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "inference/grpc_service.pb.h"
#include "server/service/parts.h"
#include "server/service/profile_administration.h"
#include "server/service/unary_call.h"
#include "server/transport/tei.h"
#include "server/transport/translation.h"

// The Open Inference Protocol (version 2) with Triton's extensions, whatever carries it. Texts go through the same
// calls as those of Classify, so that scores are the same to the bit. Nothing here blocks; any thread may call.
//
// The checkpoint is a model, which stands for the default profile, and checkpoint@profile is one for each profile. All
// have the version "1".
namespace roberta::transport {

inline constexpr char kModelVersion[] = "1";

/// The profile that a model stands for: empty for the checkpoint itself, or "auto". `field` is the path of the name.
/// Failure reason: kUnknownModel.
absl::StatusOr<std::string> ProfileOfModel(const service::Parts& parts, const std::string& field,
                                           const std::string& name, const std::string& version);

/// The elements of a BYTES tensor of raw contents, each of which has its length before it as 4 bytes, the lowest first.
/// InvalidArgument unless they are exactly `elements` and fill `raw`; it names the byte where that shows.
absl::StatusOr<std::vector<std::string_view>> SplitRawBytes(std::string_view raw, size_t elements);

/// The elements of a tensor as they are in raw contents: those of the one field that has any.
std::string RawContents(const inference::InferTensorContents& contents);

/// Where a response has the elements of its outputs.
enum class OutputContents {
  kRaw,    ///< raw_output_contents, as Triton has it
  kTyped,  ///< in the field of the datatype
};

/// ModelInfer: one BYTES input of shape [N] or [N, 1] with N texts, or the inputs `text` and `text_pair`. Outputs,
/// where C is the number of labels: `scores` and `logits`, FP32 [N, C]; `label`, BYTES [N]; `index`, INT64 [N].
class InferTranslation {
 public:
  using Call = service::ClassifyCall;
  using Response = inference::ModelInferResponse;

  /// `parts` must outlive this.
  explicit InferTranslation(const service::Parts* parts, OutputContents contents = OutputContents::kRaw)
      : parts_(parts), contents_(contents) {}

  inference::ModelInferRequest* request(Call* /*call*/) { return &request_; }
  absl::Status Begin(Call* call);
  const Response* End(service::CallOutcome& outcome, Response* storage) const;

 protected:
  const std::string& id() const { return request_.id(); }

 private:
  struct Output {
    size_t row = 0;      ///< of the table of outputs
    size_t classes = 0;  ///< unless 0: so many "value:index:label" instead of the elements
  };
  using Problems = std::vector<service::FieldProblem>;

  absl::Status ReadParameters(Call* call);
  absl::Status ReadParameter(const std::string& field, const std::string& name, const inference::InferParameter& value,
                             Call* call);
  absl::Status ReadOutputs(Problems* problems);
  absl::Status ReadInputs(Call* call);
  absl::StatusOr<size_t> CheckInput(int input, Problems* problems) const;
  absl::Status MoveTexts(int input, bool is_pair, Call* call);
  bool Asks(std::string_view output) const;
  void FillOutput(const Output& output, const v1::ClassifyResponse& classified, Response* response) const;

  const service::Parts* parts_;
  const OutputContents contents_;
  inference::ModelInferRequest request_;
  std::vector<Output> outputs_;
  int text_input_ = 0;   ///< index of the input with the texts
  int pair_input_ = -1;  ///< and of that with their pairs; -1: none
};

/// One request of ModelStreamInfer. A failure is a response too, with its message.
class StreamInferTranslation : public InferTranslation {
 public:
  using Response = inference::ModelStreamInferResponse;
  using InferTranslation::InferTranslation;

  const Response* End(service::CallOutcome& outcome, Response* storage) const;
};

/// RepositoryModelLoad and RepositoryModelUnload: of the profile that a model stands for. One that does not load is a
/// kProfileNotReady.
template <typename ProfileCall, typename Message, typename Answer>
class ModelTranslation {
 public:
  using Call = ProfileCall;
  using Response = Answer;

  /// `parts` must outlive this.
  explicit ModelTranslation(const service::Parts* parts) : parts_(parts) {}

  Message* request(Call* /*call*/) { return &request_; }
  absl::Status Begin(Call* call);
  const Response* End(service::Outcome<typename Call::Response>& outcome, Response* storage) const;

 private:
  const service::Parts* parts_;
  Message request_;
};
using ModelLoadTranslation =
    ModelTranslation<service::LoadCall, inference::RepositoryModelLoadRequest, inference::RepositoryModelLoadResponse>;
using ModelUnloadTranslation = ModelTranslation<service::UnloadCall, inference::RepositoryModelUnloadRequest,
                                                inference::RepositoryModelUnloadResponse>;

// What is answered at once. Failure reasons: kUnknownModel, kBadField.
bool IsServing(const service::Parts& parts);
inference::ServerMetadataResponse ServerMetadata(const ServerFacts& facts);
absl::StatusOr<inference::ModelReadyResponse> ModelReady(const service::Parts& parts,
                                                         const inference::ModelReadyRequest& request);
absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(const service::Parts& parts,
                                                               const inference::ModelMetadataRequest& request);
absl::StatusOr<inference::ModelConfigResponse> ModelConfig(const service::Parts& parts,
                                                           const inference::ModelConfigRequest& request);
absl::StatusOr<inference::RepositoryIndexResponse> RepositoryIndex(const service::Parts& parts,
                                                                   const inference::RepositoryIndexRequest& request);
/// Of one model, or, where the request names none, of every profile.
absl::StatusOr<inference::ModelStatisticsResponse> ModelStatistics(const service::Parts& parts,
                                                                   const inference::ModelStatisticsRequest& request);

}  // namespace roberta::transport
