#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "server/transport/http_compatible.h"
#include "server/transport/oip.h"
#include "server/transport/proto_json.h"

namespace roberta::transport {

using inference::InferParameter;
using inference::InferTensorContents;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using Json = nlohmann::json;
using Problems = std::vector<service::FieldProblem>;

namespace {

constexpr char kHeaderLength[] = "Inference-Header-Content-Length";

absl::Status WrongValue(const std::string& field, const Json& value, std::string_view expected, Problems* problems) {
  return FieldError(field, absl::StrCat(json::ShownValue(value), " is not ", errors::Piece(expected)), problems);
}

/// A parameter of a request, an input or an output.
absl::Status ReadParameter(const std::string& field, const Json& value, InferParameter* parameter, Problems* problems) {
  if (value.is_boolean()) {
    parameter->set_bool_param(value.get<bool>());
  } else if (value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
    parameter->set_uint64_param(value.get<uint64_t>());
  } else if (value.is_number_integer()) {
    parameter->set_int64_param(value.get<int64_t>());
  } else if (value.is_number()) {
    parameter->set_double_param(value.get<double>());
  } else if (value.is_string()) {
    parameter->set_string_param(value.get<std::string>());
  } else {
    return WrongValue(field, value, "a value of a parameter", problems);
  }
  return absl::OkStatus();
}

template <typename Target>
absl::Status ReadParameters(const std::string& field, const Json& object, Target* target, Problems* problems) {
  if (!object.is_object()) return WrongValue(field, object, "an object", problems);
  for (const auto& [name, value] : object.items()) {
    const std::string path = absl::StrCat(field, "[", json::Quoted(name), "]");
    RETURN_IF_ERROR(ReadParameter(path, value, &(*target->mutable_parameters())[name], problems));
  }
  return absl::OkStatus();
}

/// Reads a body in JSON, with Triton's extension for binary data, which follows the JSON.
class InferReader {
 public:
  InferReader(ModelInferRequest* request, Problems* problems) : request_(request), problems_(problems) {}

  absl::Status Read(const Json& body, std::string_view binary) {
    binary_ = binary;
    for (const auto& [name, value] : body.items()) RETURN_IF_ERROR(ReadMember(name, value));
    if (!binary_.empty()) {
      return FieldError("inputs", absl::StrCat(binary_.size(), " bytes of binary data are of no input"), problems_);
    }
    has_binary_ ? MakeAllRaw() : request_->clear_raw_input_contents();
    return absl::OkStatus();
  }

 private:
  absl::Status ReadMember(const std::string& name, const Json& value) {
    if (name == "parameters") return ReadParameters(name, value, request_, problems_);
    if (name == "id") {
      if (!value.is_string()) return WrongValue(name, value, "a string", problems_);
      request_->set_id(value.get<std::string>());
      return absl::OkStatus();
    }
    if (name != "inputs" && name != "outputs") return FieldError(json::Escaped(name), "unknown field", problems_);
    if (!value.is_array()) return WrongValue(name, value, "an array", problems_);
    for (size_t i = 0; i < value.size(); ++i) {
      const std::string field = absl::StrCat(name, "[", i, "]");
      if (!value[i].is_object()) return WrongValue(field, value[i], "an object", problems_);
      RETURN_IF_ERROR(name == "inputs" ? ReadInput(field, value[i]) : ReadOutput(field, value[i]));
    }
    return absl::OkStatus();
  }

  absl::Status ReadOutput(const std::string& field, const Json& object) {
    auto* output = request_->add_outputs();
    for (const auto& [name, value] : object.items()) {
      const std::string path = absl::StrCat(field, ".", json::Escaped(name));
      if (name == "parameters") {
        RETURN_IF_ERROR(ReadParameters(path, value, output, problems_));
      } else if (name == "name" && value.is_string()) {
        output->set_name(value.get<std::string>());
      } else {
        return WrongValue(path, value, "what an output has", problems_);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadInput(const std::string& field, const Json& object) {
    auto* input = request_->add_inputs();
    for (const auto& [name, value] : object.items()) {
      const std::string path = absl::StrCat(field, ".", json::Escaped(name));
      if (name == "parameters") {
        RETURN_IF_ERROR(ReadParameters(path, value, input, problems_));
      } else if (name == "name" && value.is_string()) {
        input->set_name(value.get<std::string>());
      } else if (name == "datatype" && value.is_string()) {
        input->set_datatype(value.get<std::string>());
      } else if (name == "shape") {
        RETURN_IF_ERROR(ReadShape(path, value, input));
      } else if (name == "data") {
        RETURN_IF_ERROR(ReadData(path, value, input->mutable_contents()));
      } else {
        return WrongValue(path, value, "what an input has", problems_);
      }
    }
    return TakeBinary(field, input);
  }

  absl::Status ReadShape(const std::string& field, const Json& shape, ModelInferRequest::InferInputTensor* input) {
    if (!shape.is_array()) return WrongValue(field, shape, "an array", problems_);
    for (const Json& length : shape) {
      const bool fits = length.is_number_unsigned() && length.get<uint64_t>() < (uint64_t{1} << 62);
      if (!fits) return WrongValue(field, length, "a length", problems_);
      input->add_shape(length.get<int64_t>());
    }
    return absl::OkStatus();
  }

  /// The texts of an array, of whatever shape, in row-major order.
  absl::Status ReadData(const std::string& field, const Json& data, InferTensorContents* contents) {
    if (!data.is_array()) return WrongValue(field, data, "an array", problems_);
    for (const Json& element : data) {
      if (element.is_array()) {
        RETURN_IF_ERROR(ReadData(field, element, contents));
      } else if (element.is_string()) {
        contents->add_bytes_contents(element.get<std::string>());
      } else {
        return WrongValue(field, element, "a string, as BYTES has them", problems_);
      }
    }
    return absl::OkStatus();
  }

  /// Takes the input's part of the binary data, if it has one.
  absl::Status TakeBinary(const std::string& field, ModelInferRequest::InferInputTensor* input) {
    const auto size = input->parameters().find("binary_data_size");
    request_->add_raw_input_contents();
    if (size == input->parameters().end()) return absl::OkStatus();
    has_binary_ = true;
    const int64_t bytes = size->second.int64_param();
    if (!size->second.has_int64_param() || bytes < 0 || static_cast<uint64_t>(bytes) > binary_.size()) {
      return FieldError(
          field + ".parameters[\"binary_data_size\"]",
          absl::StrCat("it must be a whole number, at most ", binary_.size(), ", as many bytes as are left"),
          problems_);
    }
    if (input->has_contents()) return FieldError(field, "data is there beside binary data", problems_);
    request_->mutable_raw_input_contents()->rbegin()->assign(binary_.substr(0, static_cast<size_t>(bytes)));
    binary_.remove_prefix(static_cast<size_t>(bytes));
    return absl::OkStatus();
  }

  /// Either all inputs have raw contents, or none has.
  void MakeAllRaw() {
    for (int i = 0; i < request_->inputs_size(); ++i) {
      auto* input = request_->mutable_inputs(i);
      if (!input->has_contents()) continue;
      *request_->mutable_raw_input_contents(i) = RawContents(input->contents());
      input->clear_contents();
    }
  }

  ModelInferRequest* const request_;
  Problems* const problems_;
  std::string_view binary_;  ///< what no input has taken
  bool has_binary_ = false;
};

/// Divides a body into JSON and what follows it.
absl::Status SplitBody(const http::Request& request, std::string_view* json, std::string_view* binary) {
  const std::string_view body = request.body;
  const auto length = request.Header("inference-header-content-length");
  size_t bytes = body.size();
  if (length) {
    const char* const end = length->data() + length->size();
    const auto [parsed, error] = std::from_chars(length->data(), end, bytes);
    if (error != std::errc() || parsed != end || bytes > body.size()) {
      return call::MakeStatus(
          call::FailureReason::kBadField,
          absl::StrCat(kHeaderLength, ": not a number of bytes of the body, which has ", body.size()));
    }
  }
  *json = body.substr(0, bytes);
  *binary = body.substr(bytes);
  return absl::OkStatus();
}

bool IsSet(const google::protobuf::Map<std::string, InferParameter>& parameters, const char* name, bool otherwise) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? otherwise : found->second.bool_param();
}

/// Whether an output of a response is wanted as binary data.
bool IsBinary(const ModelInferRequest& request, int output) {
  const bool all = IsSet(request.parameters(), "binary_data_output", false);
  return output < request.outputs_size() ? IsSet(request.outputs(output).parameters(), "binary_data", all) : all;
}

template <typename Elements>
void AppendArray(const Elements& elements, std::string* json) {
  const char* separator = "[";
  for (const auto& element : elements) {
    json->append(std::exchange(separator, ","));
    AppendJson(element, json);
  }
  json->append(*separator == '[' ? "[]" : "]");
}

void AppendOutput(const ModelInferResponse::InferOutputTensor& output, std::string* binary, bool is_binary,
                  std::string* json) {
  const InferTensorContents& contents = output.contents();
  json->append("{\"name\":");
  AppendJson(output.name(), json);
  json->append(",\"datatype\":");
  AppendJson(output.datatype(), json);
  json->append(",\"shape\":");
  AppendArray(output.shape(), json);
  if (is_binary) {
    const std::string raw = RawContents(contents);
    absl::StrAppend(json, ",\"parameters\":{\"binary_data_size\":", raw.size(), "}}");
    binary->append(raw);
    return;
  }
  json->append(",\"data\":");
  if (!contents.fp32_contents().empty()) {
    AppendArray(contents.fp32_contents(), json);
  } else if (!contents.int64_contents().empty()) {
    AppendArray(contents.int64_contents(), json);
  } else {
    AppendArray(contents.bytes_contents(), json);
  }
  json->push_back('}');
}

http::Response InferResponse(const ModelInferResponse& answer, InferTranslation& translation) {
  const ModelInferRequest& request = *translation.request(nullptr);
  std::string json = "{\"model_name\":", binary;
  AppendJson(answer.model_name(), &json);
  json.append(",\"model_version\":");
  AppendJson(answer.model_version(), &json);
  if (!answer.id().empty()) {
    json.append(",\"id\":");
    AppendJson(answer.id(), &json);
  }
  json.append(",\"parameters\":{\"profile\":");
  AppendJson(answer.parameters().at("profile").string_param(), &json);
  json.append("},\"outputs\":[");
  for (int i = 0; i < answer.outputs_size(); ++i) {
    if (i > 0) json.push_back(',');
    AppendOutput(answer.outputs(i), &binary, IsBinary(request, i), &json);
  }
  json.append("]}");
  const size_t length = json.size();
  http::Response response = JsonResponse(200, json.append(binary));
  if (length == response.body.size()) return response;
  response.content_type = "application/octet-stream";
  response.headers.emplace_back(kHeaderLength, absl::StrCat(length));
  return response;
}

}  // namespace

void Infer(const HttpServices& services, HttpCall&& call) {
  const std::vector<std::string> path = call.path;
  const auto read = [path](const http::Request& request, InferTranslation& translation,
                           service::ClassifyCall* started) -> absl::Status {
    std::string_view text, binary;
    Json body;
    Problems* problems = &started->outcome.problems;
    RETURN_IF_ERROR(SplitBody(request, &text, &binary));
    RETURN_IF_ERROR(ParseJsonObject(text, &body));
    RETURN_IF_ERROR(TakeTimeout(request, &body, started, problems));
    ModelInferRequest* message = translation.request(started);
    message->set_model_name(path[0]);
    if (path.size() > 1) message->set_model_version(path[1]);
    return InferReader(message, problems).Read(body, binary);
  };
  StartHttpCall(std::move(call), InferTranslation(services.parts, OutputContents::kTyped), services.classification,
                &service::Classification::Start, read, InferResponse);
}

}  // namespace roberta::transport
