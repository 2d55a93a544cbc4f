#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "server/transport/oip.h"

namespace roberta::transport {

using google::protobuf::Map;
using inference::InferParameter;
using inference::InferTensorContents;
using InputTensor = inference::ModelInferRequest::InferInputTensor;

namespace {

static_assert(std::endian::native == std::endian::little, "raw contents are memory as it is");

constexpr uint64_t kLongestTimeoutMicroseconds = 86'400'000'000;  // a day; a longer one is none
constexpr char kTextInput[] = "text";
constexpr char kPairInput[] = "text_pair";

/// The outputs. Elements are floats, whole numbers or bytes by the datatype.
struct OutputRow {
  const char* name;
  const char* datatype;
  bool per_label;  ///< [N, C], else [N]
};
constexpr OutputRow kOutputs[] = {
    {"scores", "FP32", true}, {"logits", "FP32", true}, {"label", "BYTES", false}, {"index", "INT64", false}};

/// Parameters whose value is one of some words, in the order of their numbers in ClassifyRequest.
struct WordParameter {
  const char* name;
  void (internal::RawClassifyRequest::*set)(int32_t);
  std::vector<const char*> words;
};
const std::vector<WordParameter>& WordParameters() {
  static const std::vector<WordParameter> rows = {
      {"truncation", &internal::RawClassifyRequest::set_truncation, {"error", "right", "left"}},
      {"function_to_apply",
       &internal::RawClassifyRequest::set_function_to_apply,
       {"auto", "softmax", "sigmoid", "none"}}};
  return rows;
}

/// Parameters that change nothing here: which form contents have over HTTP, and for models that keep a state.
bool ChangesNothing(std::string_view name) {
  constexpr std::string_view kNames[] = {"binary_data",
                                         "binary_data_output",
                                         "binary_data_size",
                                         "sequence_id",
                                         "sequence_start",
                                         "sequence_end",
                                         "triton_enable_empty_final_response"};
  return std::ranges::find(kNames, name) != std::end(kNames);
}

std::optional<uint64_t> WholeNumber(const InferParameter& value) {
  if (value.has_uint64_param()) return value.uint64_param();
  if (value.has_int64_param() && value.int64_param() >= 0) return static_cast<uint64_t>(value.int64_param());
  return std::nullopt;
}

/// Triton's priorities: 1 is the most urgent one, 0 the default.
v1::Priority PriorityOf(uint64_t level) {
  if (level == 1) return v1::PRIORITY_HIGH;
  return level > 2 ? v1::PRIORITY_LOW : v1::PRIORITY_NORMAL;
}

std::string UnknownParameter(std::string_view name) {
  return name.starts_with("shared_memory") ? "shared memory is not offered: send the contents"
                                           : "unknown parameter, which may be meant to change the result";
}

/// Floats and whole numbers as they are in memory.
template <typename Number>
std::string RawOf(const google::protobuf::RepeatedField<Number>& numbers) {
  return std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number));
}

std::string RawOf(const google::protobuf::RepeatedPtrField<std::string>& elements) {
  std::string raw;
  for (const std::string& element : elements) {
    const auto length = static_cast<uint32_t>(element.size());
    raw.append(reinterpret_cast<const char*>(&length), sizeof length).append(element);
  }
  return raw;
}

/// Triton's classes: "value:index:label" of the `classes` largest values, the largest first.
void AddClasses(const std::vector<float>& values, const std::vector<std::string>& labels, size_t classes,
                InferTensorContents* contents) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(classes), order.end(),
                    [&](size_t a, size_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
  for (size_t i = 0; i < classes; ++i) {
    contents->add_bytes_contents(absl::StrFormat("%f:%d:%s", values[order[i]], order[i], labels[order[i]]));
  }
}

/// [labels], in the model's order.
std::vector<float> ScoresOf(const v1::Classification& classification, size_t labels) {
  std::vector<float> scores(labels);
  for (const v1::Score& score : classification.scores()) scores[static_cast<size_t>(score.index())] = score.score();
  return scores;
}

}  // namespace

std::string RawContents(const InferTensorContents& contents) {
  if (!contents.fp32_contents().empty()) return RawOf(contents.fp32_contents());
  if (!contents.int64_contents().empty()) return RawOf(contents.int64_contents());
  return RawOf(contents.bytes_contents());
}

absl::StatusOr<std::vector<std::string_view>> SplitRawBytes(std::string_view raw, size_t elements) {
  std::vector<std::string_view> split;
  split.reserve(std::min(elements, raw.size() / sizeof(uint32_t)));
  size_t at = 0;
  while (at < raw.size() && split.size() < elements) {
    uint32_t length = 0;
    if (raw.size() - at < sizeof length) {
      return errors::InvalidArgument("byte ", at, " begins a length, of which 4 bytes are not there");
    }
    std::copy_n(raw.data() + at, sizeof length, reinterpret_cast<char*>(&length));
    if (length > raw.size() - at - sizeof length) {
      return errors::InvalidArgument("the element at byte ", at, " has ", length, " bytes, of which ",
                                     raw.size() - at - sizeof length, " are there");
    }
    split.push_back(raw.substr(at + sizeof length, length));
    at += sizeof length + length;
  }
  if (split.size() < elements) return errors::InvalidArgument(split.size(), " elements; the shape has ", elements);
  if (at < raw.size()) return errors::InvalidArgument("the ", elements, " elements of the shape end at byte ", at);
  return split;
}

absl::Status InferTranslation::Begin(Call* call) {
  Problems* problems = &call->outcome.problems;
  ASSIGN_OR_RETURN(std::string profile,
                   ProfileOfModel(*parts_, "model_name", request_.model_name(), request_.model_version()));
  call->request.set_profile(std::move(profile));
  RETURN_IF_ERROR(ReadParameters(call));
  RETURN_IF_ERROR(ReadOutputs(problems));
  RETURN_IF_ERROR(ReadInputs(call));
  call->request.set_return_logits(Asks("logits"));
  if (!Asks("scores")) call->request.set_top_k(1);
  return absl::OkStatus();
}

bool InferTranslation::Asks(std::string_view output) const {
  return std::ranges::any_of(outputs_, [&](const Output& asked) { return kOutputs[asked.row].name == output; });
}

absl::Status InferTranslation::ReadParameters(Call* call) {
  for (const auto& [name, value] : request_.parameters()) {
    RETURN_IF_ERROR(ReadParameter(absl::StrCat("parameters[", service::Quote(name), "]"), name, value, call));
  }
  return absl::OkStatus();
}

absl::Status InferTranslation::ReadParameter(const std::string& field, const std::string& name,
                                             const InferParameter& value, Call* call) {
  Problems* problems = &call->outcome.problems;
  if (name == "profile") {
    if (!value.has_string_param()) return FieldError(field, "it must be a string", problems);
    call->request.set_profile(value.string_param());
    return absl::OkStatus();
  }
  if (name == "priority" || name == "timeout") {
    const std::optional<uint64_t> number = WholeNumber(value);
    if (!number) return FieldError(field, "it must be a whole number, not negative", problems);
    if (name == "priority") {
      call->request.set_priority(PriorityOf(*number));
    } else if (*number > 0 && *number <= kLongestTimeoutMicroseconds) {
      const auto end = std::chrono::system_clock::now() + std::chrono::microseconds(*number);
      call->deadline = std::min(call->deadline, end);
    }
    return absl::OkStatus();
  }
  for (const WordParameter& row : WordParameters()) {
    if (name != row.name) continue;
    const auto word = std::ranges::find(row.words, value.string_param());
    if (word == row.words.end()) {
      return FieldError(field, absl::StrCat("it must be one of ", absl::StrJoin(row.words, ", ")), problems);
    }
    (call->request.*row.set)(static_cast<int32_t>(word - row.words.begin()));
    return absl::OkStatus();
  }
  return ChangesNothing(name) ? absl::OkStatus() : FieldError(field, UnknownParameter(name), problems);
}

absl::Status InferTranslation::ReadOutputs(Problems* problems) {
  if (request_.outputs().empty()) {
    for (size_t row = 0; row < std::size(kOutputs); ++row) outputs_.push_back({.row = row});
    return absl::OkStatus();
  }
  const auto labels = static_cast<uint64_t>(parts_->registry->checkpoint().config().num_labels());
  for (int i = 0; i < request_.outputs_size(); ++i) {
    const auto& asked = request_.outputs(i);
    const std::string field = absl::StrCat("outputs[", i, "]");
    const OutputRow* const row =
        std::ranges::find_if(kOutputs, [&](const OutputRow& r) { return r.name == asked.name(); });
    if (row == std::end(kOutputs)) {
      return FieldError(
          field,
          absl::StrCat(service::Quote(asked.name()), " is unknown; the outputs are scores, logits, label and index"),
          problems);
    }
    if (Asks(row->name)) return FieldError(field, absl::StrCat(row->name, " is there twice"), problems);
    Output output = {.row = static_cast<size_t>(row - kOutputs)};
    for (const auto& [name, value] : asked.parameters()) {
      const std::string parameter = absl::StrCat(field, ".parameters[", service::Quote(name), "]");
      if (name == "classification") {
        const std::optional<uint64_t> classes = WholeNumber(value);
        if (!classes || !row->per_label) {
          return FieldError(parameter, "it must be a whole number, not negative, and goes with scores and logits only",
                            problems);
        }
        output.classes = std::min(*classes, labels);
      } else if (!ChangesNothing(name)) {
        return FieldError(parameter, UnknownParameter(name), problems);
      }
    }
    outputs_.push_back(output);
  }
  return absl::OkStatus();
}

absl::Status InferTranslation::ReadInputs(Call* call) {
  Problems* problems = &call->outcome.problems;
  const int inputs = request_.inputs_size();
  const int raw = request_.raw_input_contents_size();
  if (inputs < 1 || inputs > 2) {
    return FieldError("inputs", absl::StrCat(inputs, " of them; there must be one, or text and text_pair"), problems);
  }
  if (raw != 0 && raw != inputs) {
    return FieldError("raw_input_contents", absl::StrCat(raw, " of them for ", inputs, " inputs"), problems);
  }
  if (inputs == 2) {
    text_input_ = request_.inputs(0).name() == kTextInput ? 0 : 1;
    pair_input_ = 1 - text_input_;
    if (request_.inputs(text_input_).name() != kTextInput || request_.inputs(pair_input_).name() != kPairInput) {
      return FieldError("inputs", "of two, one must be text, the other one text_pair", problems);
    }
  } else if (request_.inputs(0).name() == kPairInput) {
    return FieldError("inputs", "text_pair goes with text", problems);
  }
  ASSIGN_OR_RETURN(const size_t texts, CheckInput(text_input_, problems));
  RETURN_IF_ERROR(MoveTexts(text_input_, false, call));
  if (pair_input_ < 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const size_t pairs, CheckInput(pair_input_, problems));
  if (pairs == texts) return MoveTexts(pair_input_, true, call);
  return FieldError("inputs", absl::StrCat(texts, " elements of text, but ", pairs, " of text_pair"), problems);
}

/// Checks all but the contents. Returns the number of texts, which is not more than a call may have.
absl::StatusOr<size_t> InferTranslation::CheckInput(int input, Problems* problems) const {
  const InputTensor& tensor = request_.inputs(input);
  const std::string field = absl::StrCat("inputs[", input, "]");
  if (tensor.datatype() != "BYTES") {
    return FieldError(field + ".datatype", absl::StrCat(service::Quote(tensor.datatype()), "; it must be BYTES"),
                      problems);
  }
  for (const auto& [name, value] : tensor.parameters()) {
    if (ChangesNothing(name)) continue;
    return FieldError(absl::StrCat(field, ".parameters[", service::Quote(name), "]"), UnknownParameter(name), problems);
  }
  const bool is_list = tensor.shape_size() == 1 || (tensor.shape_size() == 2 && tensor.shape(1) == 1);
  if (!is_list || tensor.shape(0) < 1) {
    const std::string shape =
        absl::StrJoin(tensor.shape().begin(), tensor.shape().begin() + std::min(tensor.shape_size(), 8), ", ");
    return FieldError(field + ".shape", absl::StrCat("[", shape, "]; it must be [N] or [N, 1] for N texts, at least 1"),
                      problems);
  }
  const auto texts = static_cast<uint64_t>(tensor.shape(0));
  if (const size_t most = parts_->limits.max_items; texts > most) {
    return FieldError(field + ".shape", absl::StrCat(texts, " texts; at most ", most), problems,
                      call::FailureReason::kTooManyItems);
  }
  return texts;
}

/// Makes items of the texts, or gives the items their pairs. The request keeps none: it lives as long as the call,
/// whose refusal may have to wait.
absl::Status InferTranslation::MoveTexts(int input, bool is_pair, Call* call) {
  Problems* problems = &call->outcome.problems;
  InputTensor* const tensor = request_.mutable_inputs(input);
  const auto texts = static_cast<size_t>(tensor->shape(0));
  const auto put = [&](size_t i, auto&& text) {
    internal::RawItem* const item =
        is_pair ? call->request.mutable_items(static_cast<int>(i)) : call->request.add_items();
    is_pair ? item->set_text_pair(std::forward<decltype(text)>(text))
            : item->set_text(std::forward<decltype(text)>(text));
  };
  if (request_.raw_input_contents().empty()) {
    auto* const elements = tensor->mutable_contents()->mutable_bytes_contents();
    if (static_cast<size_t>(elements->size()) != texts) {
      return FieldError(absl::StrCat("inputs[", input, "].contents"),
                        absl::StrCat(elements->size(), " elements of bytes_contents; the shape has ", texts), problems);
    }
    for (size_t i = 0; i < texts; ++i) put(i, std::move(*elements->Mutable(static_cast<int>(i))));
    InferTensorContents().Swap(tensor->mutable_contents());
    return absl::OkStatus();
  }
  if (tensor->has_contents()) {
    return FieldError(absl::StrCat("inputs[", input, "].contents"), "it must not be there beside raw_input_contents",
                      problems);
  }
  const auto split = SplitRawBytes(request_.raw_input_contents(input), texts);
  if (!split.ok()) {
    return FieldError(absl::StrCat("raw_input_contents[", input, "]"), std::string(split.status().message()), problems);
  }
  for (size_t i = 0; i < texts; ++i) put(i, std::string((*split)[i]));
  std::string().swap(*request_.mutable_raw_input_contents(input));
  return absl::OkStatus();
}

const InferTranslation::Response* InferTranslation::End(service::CallOutcome& outcome, Response* storage) const {
  if (!outcome.status.ok()) {
    const auto name = [this](const std::string& field) {
      const auto item = ParseItemField(field);
      return item ? absl::StrCat("inputs[", item->is_pair ? pair_input_ : text_input_, "][", item->item, "]") : field;
    };
    RenameFields(name, &outcome.status, &outcome.problems);
    return storage;
  }
  storage->set_model_name(request_.model_name());
  storage->set_model_version(kModelVersion);
  storage->set_id(request_.id());
  (*storage->mutable_parameters())["profile"].set_string_param(outcome.response.profile_used());
  for (const Output& output : outputs_) FillOutput(output, outcome.response, storage);
  return storage;
}

void InferTranslation::FillOutput(const Output& output, const v1::ClassifyResponse& classified,
                                  Response* response) const {
  const std::vector<std::string>& labels = parts_->registry->checkpoint().config().labels;
  const OutputRow& row = kOutputs[output.row];
  const std::string_view name = row.name;
  auto* const tensor = response->add_outputs();
  tensor->set_name(row.name);
  tensor->set_datatype(output.classes > 0 ? "BYTES" : row.datatype);
  tensor->add_shape(classified.results_size());
  if (row.per_label) tensor->add_shape(static_cast<int64_t>(output.classes > 0 ? output.classes : labels.size()));
  InferTensorContents contents;
  for (const v1::ItemResult& result : classified.results()) {
    const v1::Classification& classification = result.classification();
    if (name == "label") {
      contents.add_bytes_contents(classification.label());
    } else if (name == "index") {
      contents.add_int64_contents(classification.index());
    } else {
      const std::vector<float> values =
          name == "scores" ? ScoresOf(classification, labels.size())
                           : std::vector<float>(classification.logits().begin(), classification.logits().end());
      if (output.classes > 0) {
        AddClasses(values, labels, output.classes, &contents);
      } else {
        contents.mutable_fp32_contents()->Add(values.begin(), values.end());
      }
    }
  }
  if (contents_ == OutputContents::kRaw) {
    response->add_raw_output_contents(RawContents(contents));
  } else {
    tensor->mutable_contents()->Swap(&contents);
  }
}

const StreamInferTranslation::Response* StreamInferTranslation::End(service::CallOutcome& outcome,
                                                                    Response* storage) const {
  inference::ModelInferResponse* const response = storage->mutable_infer_response();
  InferTranslation::End(outcome, response);
  if (!outcome.status.ok()) {
    storage->set_error_message(std::string(outcome.status.message()));
    response->set_id(id());
    outcome.status = absl::OkStatus();
  }
  (*response->mutable_parameters())["triton_final_response"].set_bool_param(true);  // a request has one response
  return storage;
}

}  // namespace roberta::transport
