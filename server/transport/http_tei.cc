#include <atomic>
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

/// The responses to the texts of one request to /tokenize: when the last one is there, it answers with all of them, or
/// with the first that is an error.
class TokenizedTexts {
 public:
  TokenizedTexts(http::Responder responder, size_t texts)
      : responder_(std::move(responder)), parts_(texts), left_(texts) {}

  void Put(size_t text, http::Response response) {
    parts_[text] = std::move(response);
    if (left_.fetch_sub(1) > 1) return;
    for (http::Response& part : parts_) {
      if (part.status != 200) return responder_.Respond(std::move(part));
    }
    std::string json = "[";
    for (const http::Response& part : parts_) json.append(json.size() > 1 ? "," : "").append(part.body);
    parts_.front().body = std::move(json.append("]"));
    responder_.Respond(std::move(parts_.front()));
  }

 private:
  http::Responder responder_;
  std::vector<http::Response> parts_;
  std::atomic<size_t> left_;
};

class ResponderToText final : public http::Responder::Exchange {
 public:
  ResponderToText(std::shared_ptr<TokenizedTexts> texts, size_t text) : texts_(std::move(texts)), text_(text) {}
  void Respond(http::Response response) override { texts_->Put(text_, std::move(response)); }
  void OnGone(std::function<void()> /*gone*/) override {}  // it would be over before

 private:
  const std::shared_ptr<TokenizedTexts> texts_;
  const size_t text_;
};

http::Response TokensResponse(const tei::v1::EncodeResponse& encoded) {
  std::string json;
  const char* separator = "[";
  for (const tei::v1::SimpleToken& token : encoded.tokens()) {
    json.append(std::exchange(separator, ","));
    AppendMessageJson(token, &json, JsonStyle::kPlain);
  }
  return JsonResponse(200, json.append(*separator == '[' ? "[]" : "]"));
}

/// The texts of a request to /tokenize, and in `*form` what is asked of each.
absl::Status ReadTokenize(const HttpServices& services, const http::Request& request, call::Head* head,
                          std::vector<std::string>* texts, internal::RawEncodeRequest* form, Problems* problems) {
  Json body;
  RETURN_IF_ERROR(ParseJsonObject(request.body, &body));
  RETURN_IF_ERROR(TakeTimeout(request, &body, head, problems));
  RETURN_IF_ERROR(CheckMembers(body, {"inputs", "add_special_tokens", "prompt_name"}, problems));
  bool special = true;
  RETURN_IF_ERROR(ReadSwitch(body, "add_special_tokens", problems, &special));
  form->set_add_special_tokens(special);
  if (!body.value("prompt_name", Json()).is_null()) {
    return FieldError("prompt_name", "the model has no prompts", problems);
  }
  const Json inputs = body.value("inputs", Json());
  for (const Json& text : inputs.is_string() ? Json::array({inputs}) : inputs) {
    if (!text.is_string()) return FieldError("inputs", "it must be a text or an array of texts", problems);
    texts->push_back(text.get<std::string>());
  }
  const size_t most = services.parts->limits.max_items;
  if (!texts->empty() && texts->size() <= most) return absl::OkStatus();
  return FieldError("inputs", absl::StrCat(texts->size(), " texts; at least 1 and at most ", most), problems);
}

}  // namespace

void Predict(const HttpServices& services, HttpCall&& call) {
  const auto read = [](const http::Request& request, PredictBody& predict, service::ClassifyCall* started) {
    Json body;
    absl::Status status = ParseJsonObject(request.body, &body);
    if (status.ok()) status = TakeTimeout(request, &body, started, &started->outcome.problems);
    return status.ok() ? predict.Read(std::move(body), started) : status;
  };
  StartHttpCall(std::move(call), PredictBody(), services.classification, &service::Classification::Start, read,
                PredictResponse);
}

void Tokenize(const HttpServices& services, HttpCall&& call) {
  std::vector<std::string> texts;
  internal::RawEncodeRequest form;
  Problems problems;
  if (call.status.ok()) call.status = ReadTokenize(services, call.request, &call.head, &texts, &form, &problems);
  if (!call.status.ok()) {
    // One call ends with what is wrong.
    const auto read = [&](const http::Request&, TokenizeTranslation&, service::TokenizeCall*) {
      return absl::OkStatus();
    };
    return StartHttpCall(std::move(call), TokenizeTranslation(services.parts->registry), services.tokenization,
                         &service::Tokenization::Start, read,
                         [](const auto& encoded, TokenizeTranslation&) { return TokensResponse(encoded); });
  }
  const auto all = std::make_shared<TokenizedTexts>(std::move(call.responder), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    HttpCall part = {.request = {.arrival = call.request.arrival},
                     .responder = http::Responder(std::make_unique<ResponderToText>(all, i)),
                     .head = call.head};
    const auto read = [&](const http::Request&, TokenizeTranslation& translation, service::TokenizeCall* started) {
      internal::RawEncodeRequest* request = translation.request(started);
      *request = form;
      request->set_inputs(std::move(texts[i]));
      return absl::OkStatus();
    };
    StartHttpCall(std::move(part), TokenizeTranslation(services.parts->registry), services.tokenization,
                  &service::Tokenization::Start, read,
                  [](const auto& encoded, TokenizeTranslation&) { return TokensResponse(encoded); });
  }
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
