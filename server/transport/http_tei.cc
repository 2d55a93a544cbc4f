#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "server/transport/http_compatible.h"
#include "server/transport/proto_json.h"
#include "server/transport/translation.h"

namespace roberta::transport {

using Json = nlohmann::json;
using Problems = std::vector<service::FieldProblem>;
using Texts = google::protobuf::RepeatedPtrField<std::string>;

namespace {

/// Checks that a body has no members but these.
absl::Status CheckMembers(const Json& body, std::initializer_list<std::string_view> known, Problems* problems) {
  for (const auto& [name, value] : body.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return FieldError(json::Escaped(name), "unknown field", problems);
  }
  return absl::OkStatus();
}

/// A member that is true or false, or null or absent, which is false.
absl::Status ReadSwitch(const Json& body, const char* name, Problems* problems, bool* value) {
  const auto member = body.find(name);
  if (member == body.end() || member->is_null()) return absl::OkStatus();
  if (!member->is_boolean()) return FieldError(name, "it must be true or false", problems);
  *value = member->get<bool>();
  return absl::OkStatus();
}

/// One text, or a text and its pair, as the item of a batch.
absl::Status AddTexts(const Json& texts, const std::string& field, internal::RawClassifyRequest* request,
                      Problems* problems) {
  Texts inputs;
  if (!texts.is_array()) return FieldError(field, "it must be an array of one text or two", problems);
  for (const Json& text : texts) {
    if (!text.is_string()) return FieldError(field, absl::StrCat(json::ShownValue(text), " is not a string"), problems);
    *inputs.Add() = text.get<std::string>();
  }
  return AddInputs(&inputs, field, request, problems);
}

/// A request to /predict: a text, a pair, or a batch of these.
class PredictBody {
 public:
  using Call = service::ClassifyCall;
  using Response = v1::ClassifyResponse;

  bool is_batch() const { return is_batch_; }

  absl::Status Read(Json body, Call* call) {
    Problems* problems = &call->outcome.problems;
    RETURN_IF_ERROR(CheckMembers(body, {"inputs", "raw_scores", "truncate", "truncation_direction"}, problems));
    RETURN_IF_ERROR(ReadSettings(body, &call->request, problems));
    const Json inputs = body.value("inputs", Json());
    if (inputs.is_string()) {
      call->request.add_items()->set_text(inputs.get<std::string>());
      return absl::OkStatus();
    }
    if (!inputs.is_array() || inputs.empty()) {
      return FieldError("inputs", "it must be a text, a text and its pair, or a batch of these", problems);
    }
    is_batch_ = inputs.front().is_array();
    is_list_ = true;
    if (!is_batch_) return AddTexts(inputs, "inputs", &call->request, problems);
    for (size_t i = 0; i < inputs.size(); ++i) {
      RETURN_IF_ERROR(AddTexts(inputs[i], absl::StrCat("inputs[", i, "]"), &call->request, problems));
    }
    return absl::OkStatus();
  }

  absl::Status Begin(Call* /*call*/) { return absl::OkStatus(); }

  /// Names fields as they are in the body.
  const Response* End(service::CallOutcome& outcome, Response* /*storage*/) const {
    const auto name = [this](const std::string& field) -> std::string {
      const auto item = ParseItemField(field);
      if (!item || !is_list_) return item ? "inputs" : field;
      const std::string of_text = absl::StrCat("[", item->is_pair ? 1 : 0, "]");
      return is_batch_ ? absl::StrCat("inputs[", item->item, "]", of_text) : absl::StrCat("inputs", of_text);
    };
    if (!outcome.status.ok()) RenameFields(name, &outcome.status, &outcome.problems);
    return &outcome.response;
  }

 private:
  static absl::Status ReadSettings(const Json& body, internal::RawClassifyRequest* request, Problems* problems) {
    internal::RawPredictRequest settings;
    bool truncate = false, raw_scores = false;
    RETURN_IF_ERROR(ReadSwitch(body, "truncate", problems, &truncate));
    RETURN_IF_ERROR(ReadSwitch(body, "raw_scores", problems, &raw_scores));
    settings.set_truncate(truncate);
    settings.set_raw_scores(raw_scores);
    const Json direction = body.value("truncation_direction", Json("right"));
    if (direction == "left" || direction == "Left") {
      settings.set_truncation_direction(tei::v1::TRUNCATION_DIRECTION_LEFT);
    } else if (direction != "right" && direction != "Right") {
      return FieldError("truncation_direction", "it must be left or right", problems);
    }
    return SetPredictSettings(settings, request, problems);
  }

  bool is_batch_ = false;
  bool is_list_ = false;  ///< the text, or a text and its pair, is in an array
};

void AppendPredictions(const v1::Classification& classification, std::string* json) {
  const char* separator = "[";
  for (const v1::Score& score : classification.scores()) {
    json->append(std::exchange(separator, ",")).append("{\"score\":");
    AppendJson(score.score(), json);
    json->append(",\"label\":");
    AppendJson(score.label(), json);
    json->push_back('}');
  }
  json->push_back(']');
}

http::Response PredictResponse(const v1::ClassifyResponse& classified, const PredictBody& body) {
  std::string json;
  const char* separator = "[";
  for (const v1::ItemResult& result : classified.results()) {
    if (body.is_batch()) json.append(std::exchange(separator, ","));
    AppendPredictions(result.classification(), &json);
  }
  if (body.is_batch()) json.push_back(']');
  return JsonResponse(200, std::move(json));
}

/// A request to /tokenize: a text, or several.
class TokenizeBody {
 public:
  using Call = service::TokenizeCall;
  using Response = service::TokenizedTexts;

  explicit TokenizeBody(const service::Parts* parts) : parts_(parts) {}

  absl::Status Read(Json body, Call* call) {
    call_ = call;
    Problems* problems = &call->outcome.problems;
    RETURN_IF_ERROR(CheckMembers(body, {"inputs", "add_special_tokens", "prompt_name"}, problems));
    RETURN_IF_ERROR(ReadSwitch(body, "add_special_tokens", problems, &with_special_));
    if (!body.value("prompt_name", Json()).is_null()) {
      return FieldError("prompt_name", "the model has no prompts", problems);
    }
    Json inputs = body.value("inputs", Json());
    is_list_ = inputs.is_array();
    if (!is_list_) inputs = Json::array({inputs});
    const size_t most = parts_->limits.max_items;
    if (inputs.empty() || inputs.size() > most) {
      return FieldError("inputs", absl::StrCat(inputs.size(), " texts; at least 1 and at most ", most), problems);
    }
    for (const Json& text : inputs) {
      if (!text.is_string()) return FieldError("inputs", "it must be a text or an array of texts", problems);
      call->request.add_items()->set_text(text.get<std::string>());
    }
    return absl::OkStatus();
  }

  absl::Status Begin(Call* /*call*/) { return absl::OkStatus(); }

  /// Names fields as they are in the body.
  const Response* End(service::Outcome<Response>& outcome, Response* /*storage*/) const {
    const auto name = [this](const std::string& field) -> std::string {
      const auto item = ParseItemField(field);
      return !item ? field : is_list_ ? absl::StrCat("inputs[", item->item, "]") : "inputs";
    };
    if (!outcome.status.ok()) RenameFields(name, &outcome.status, &outcome.problems);
    return &outcome.response;
  }

  http::Response Write(const Response& texts) const {
    std::string json;
    const char* before_text = "[";
    for (size_t i = 0; i < texts.encodings.size(); ++i) {
      tei::v1::EncodeResponse encoded;
      FillTokens(parts_->registry->tokenizer(), call_->request.items(static_cast<int>(i)).text(), texts, i,
                 with_special_, encoded.mutable_tokens());
      json.append(std::exchange(before_text, ",")).append("[");
      const char* before_token = "";
      for (const tei::v1::SimpleToken& token : encoded.tokens()) {
        json.append(std::exchange(before_token, ","));
        AppendMessageJson(token, &json, JsonStyle::kPlain);
      }
      json.push_back(']');
    }
    return JsonResponse(200, json.append("]"));
  }

 private:
  const service::Parts* parts_;
  const Call* call_ = nullptr;
  bool with_special_ = true;
  bool is_list_ = false;  ///< the text is in an array
};

/// Reads what a body has for its call.
template <typename Body>
absl::Status ReadBody(const http::Request& request, Body& into, typename Body::Call* call) {
  Json body;
  RETURN_IF_ERROR(ParseJsonObject(request.body, &body));
  RETURN_IF_ERROR(TakeTimeout(request, &body, call, &call->outcome.problems));
  return into.Read(std::move(body), call);
}

}  // namespace

void Predict(const HttpServices& services, HttpCall&& call) {
  StartHttpCall(std::move(call), PredictBody(), services.classification, &service::Classification::Start,
                ReadBody<PredictBody>, PredictResponse);
}

void Tokenize(const HttpServices& services, HttpCall&& call) {
  StartHttpCall(std::move(call), TokenizeBody(services.parts), services.tokenization, &service::Tokenization::Start,
                ReadBody<TokenizeBody>,
                [](const service::TokenizedTexts& texts, TokenizeBody& body) { return body.Write(texts); });
}

void Info(const HttpServices& services, HttpCall&& call) {
  const tei::v1::InfoResponse info = MakeInfo(*services.parts, services.facts);
  std::string json;
  AppendMessageJson(info, &json, JsonStyle::kPlain);
  // Over HTTP the type of the model is an object, which has its labels.
  Json page = Json::parse(json);
  Json labels = Json::object(), ids = Json::object();
  const auto& names = services.parts->registry->checkpoint().config().labels;
  for (size_t i = 0; i < names.size(); ++i) {
    labels[absl::StrCat(i)] = names[i];
    ids[names[i]] = i;
  }
  page["model_type"] = {{"classifier", {{"id2label", labels}, {"label2id", ids}}}};
  page["max_batch_requests"] = nullptr;
  page["auto_truncate"] = false;
  Reply(std::move(call), JsonResponse(200, page.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

void Health(const HttpServices& services, HttpCall&& call) {
  services.page("/readyz", [held = std::make_shared<HttpCall>(std::move(call))](http::Response response) {
    Reply(std::move(*held), std::move(response));
  });
}

}  // namespace roberta::transport
