#include "server/transport/proto_json.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "server/call/failure_reason.h"
#include "server/transport/translation.h"

namespace roberta::transport {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::json;

namespace {

/// A whole number, which proto3's JSON may have as a number or in quotes.
template <typename Integer>
std::optional<Integer> IntegerOf(const Json& value) {
  Integer number = 0;
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
  }
  if (value.is_number_unsigned()) {
    const auto whole = value.get<uint64_t>();
    return std::in_range<Integer>(whole) ? std::optional(static_cast<Integer>(whole)) : std::nullopt;
  }
  if (value.is_number_integer()) {
    const auto whole = value.get<int64_t>();
    return std::in_range<Integer>(whole) ? std::optional(static_cast<Integer>(whole)) : std::nullopt;
  }
  // 1e3 is a whole number, too. Beyond 2^53 a double does not tell which.
  const double real = value.is_number_float() ? value.get<double>() : 0.5;
  if (real != std::floor(real) || std::abs(real) > 9007199254740992.0) return std::nullopt;
  const auto whole = static_cast<int64_t>(real);
  return std::in_range<Integer>(whole) ? std::optional(static_cast<Integer>(whole)) : std::nullopt;
}

std::optional<int32_t> EnumOf(const Json& value, const FieldDescriptor& shape) {
  if (!value.is_string()) return IntegerOf<int32_t>(value);
  const EnumValueDescriptor* named = shape.enum_type()->FindValueByName(value.get_ref<const std::string&>());
  return named == nullptr ? std::nullopt : std::optional(named->number());
}

std::string ExpectedOf(const FieldDescriptor& shape) {
  switch (shape.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "a string";
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return "an object";
    case FieldDescriptor::CPPTYPE_ENUM: {
      std::string names = "one of";
      for (int i = 0; i < shape.enum_type()->value_count(); ++i) {
        absl::StrAppend(&names, i == 0 ? " " : ", ", shape.enum_type()->value(i)->name());
      }
      return names;
    }
    default:
      return absl::StrCat("a whole number that fits ", shape.type_name());
  }
}

/// Reads one message; `path` is its own.
class MessageReader {
 public:
  MessageReader(const Descriptor& shape, Message* message, std::string path, std::vector<FieldProblem>* problems)
      : shape_(shape),
        message_(message),
        reflection_(*message->GetReflection()),
        path_(std::move(path)),
        problems_(problems) {}

  absl::Status Read(const Json& object) {
    std::set<int> seen;
    for (const auto& [name, value] : object.items()) {
      const FieldDescriptor* shape = shape_.FindFieldByCamelcaseName(name);
      if (shape == nullptr) shape = shape_.FindFieldByName(name);
      if (shape == nullptr) return Wrong(PathOf(name), "unknown field");
      if (!seen.insert(shape->number()).second) return Wrong(PathOf(name), "came twice, under two names");
      if (value.is_null()) continue;
      RETURN_IF_ERROR(ReadField(value, *shape, *message_->GetDescriptor()->FindFieldByNumber(shape->number())));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadField(const Json& value, const FieldDescriptor& shape, const FieldDescriptor& field) {
    const std::string path = PathOf(shape.name());
    if (!shape.is_repeated()) return ReadValue(value, shape, field, path);
    if (!value.is_array()) return Wrong(path, absl::StrCat(json::ShownValue(value), " is not an array"));
    size_t index = 0;
    for (const Json& element : value) {
      RETURN_IF_ERROR(ReadValue(element, shape, field, absl::StrCat(path, "[", index++, "]")));
    }
    return absl::OkStatus();
  }

  absl::Status ReadValue(const Json& value, const FieldDescriptor& shape, const FieldDescriptor& field,
                         const std::string& path) {
    if (shape.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && value.is_object()) {
      Message* inner =
          field.is_repeated() ? reflection_.AddMessage(message_, &field) : reflection_.MutableMessage(message_, &field);
      return MessageReader(*shape.message_type(), inner, path, problems_).Read(value);
    }
    if (SetScalar(value, shape, field)) return absl::OkStatus();
    return Wrong(path, absl::StrCat(json::ShownValue(value), " is not ", ExpectedOf(shape)));
  }

  /// Returns false for a value of another type.
  bool SetScalar(const Json& value, const FieldDescriptor& shape, const FieldDescriptor& field) {
    const bool repeated = field.is_repeated();
    // Sets or adds what there is a value for.
    const auto put = [&](const auto& number, auto set, auto add) {
      if (!number) return false;
      repeated ? (reflection_.*add)(message_, &field, *number) : (reflection_.*set)(message_, &field, *number);
      return true;
    };
    switch (shape.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return put(IntegerOf<int32_t>(value), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return put(IntegerOf<int64_t>(value), &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return put(IntegerOf<uint32_t>(value), &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return put(IntegerOf<uint64_t>(value), &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return put(value.is_number() ? std::optional(value.get<double>()) : std::nullopt, &Reflection::SetDouble,
                   &Reflection::AddDouble);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return put(value.is_number() ? std::optional(value.get<float>()) : std::nullopt, &Reflection::SetFloat,
                   &Reflection::AddFloat);
      case FieldDescriptor::CPPTYPE_BOOL:
        return put(value.is_boolean() ? std::optional(value.get<bool>()) : std::nullopt, &Reflection::SetBool,
                   &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_ENUM:
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
          return put(EnumOf(value, shape), &Reflection::SetEnumValue, &Reflection::AddEnumValue);
        }
        return put(EnumOf(value, shape), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_STRING:
        return put(value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt, &Reflection::SetString,
                   &Reflection::AddString);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return false;
    }
    return false;
  }

  std::string PathOf(std::string_view name) const {
    const std::string shown = json::Escaped(name.substr(0, kLongestShownName));
    return path_.empty() ? shown : absl::StrCat(path_, ".", shown);
  }
  absl::Status Wrong(const std::string& path, std::string_view what) const { return FieldError(path, what, problems_); }

  static constexpr size_t kLongestShownName = 100;

  const Descriptor& shape_;
  Message* const message_;
  const Reflection& reflection_;
  const std::string path_;
  std::vector<FieldProblem>* const problems_;
};

template <typename Number>
void AppendNumber(Number number, std::string* json) {
  char buffer[40];
  json->append(buffer, std::to_chars(buffer, std::end(buffer), number).ptr);
}

template <typename Real>
void AppendReal(Real value, std::string* json) {
  if (value == 0 && std::signbit(value)) return void(json->append("-0.0"));  // -0 would be read as a whole number
  if (std::isfinite(value)) return AppendNumber(value, json);
  json->append(std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/// A value of a field; `index` counts only if it is repeated.
void AppendField(const Message& message, const FieldDescriptor& field, int index, JsonStyle style, std::string* json) {
  const Reflection& reflection = *message.GetReflection();
  const auto get = [&](auto single, auto repeated) {
    return field.is_repeated() ? (reflection.*repeated)(message, &field, index) : (reflection.*single)(message, &field);
  };
  const auto append_64_bits = [&](auto number) {
    if (style == JsonStyle::kPlain) return AppendNumber(number, json);
    json->push_back('"');
    AppendNumber(number, json);
    json->push_back('"');
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return AppendNumber(get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32), json);
    case FieldDescriptor::CPPTYPE_INT64:
      return append_64_bits(get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
    case FieldDescriptor::CPPTYPE_UINT32:
      return AppendNumber(get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32), json);
    case FieldDescriptor::CPPTYPE_UINT64:
      return append_64_bits(get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return AppendReal(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), json);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return AppendReal(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat), json);
    case FieldDescriptor::CPPTYPE_BOOL:
      json->append(get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false");
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      return AppendJson(get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum)->name(), json);
    case FieldDescriptor::CPPTYPE_STRING:
      return AppendJson(get(&Reflection::GetString, &Reflection::GetRepeatedString), json);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return AppendMessageJson(field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, index)
                                                   : reflection.GetMessage(message, &field),
                               json, style);
  }
}

/// The entries of a map, whose keys are strings.
void AppendMap(const Message& message, const FieldDescriptor& field, JsonStyle style, std::string* json) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& key = *field.message_type()->map_key();
  json->push_back('{');
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    if (i > 0) json->push_back(',');
    AppendJson(entry.GetReflection()->GetString(entry, &key), json);
    json->push_back(':');
    AppendField(entry, *field.message_type()->map_value(), 0, style, json);
  }
  json->push_back('}');
}

void AppendFieldValues(const Message& message, const FieldDescriptor& field, JsonStyle style, std::string* json) {
  if (field.is_map()) return AppendMap(message, field, style, json);
  if (!field.is_repeated()) return AppendField(message, field, 0, style, json);
  json->push_back('[');
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    if (i > 0) json->push_back(',');
    AppendField(message, field, i, style, json);
  }
  json->push_back(']');
}

}  // namespace

absl::Status ParseJsonObject(std::string_view body, nlohmann::json* object) {
  auto parsed = json::ParseStrictJson(body);
  if (parsed.ok() && parsed->is_object()) {
    *object = *std::move(parsed);
    return absl::OkStatus();
  }
  return call::MakeStatus(call::FailureReason::kMalformedMessage,
                          absl::StrCat("the body: ", parsed.ok() ? "is not an object" : parsed.status().message()));
}

absl::Status MessageFromJson(const nlohmann::json& object, const Descriptor& shape, Message* message,
                             std::vector<FieldProblem>* problems) {
  return MessageReader(shape, message, "", problems).Read(object);
}

void AppendMessageJson(const Message& message, std::string* json, JsonStyle style) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  const char* separator = "{";
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.has_presence() && !reflection.HasField(message, &field)) continue;
    json->append(separator);
    separator = ",";
    AppendJson(style == JsonStyle::kPlain ? field.name() : field.json_name(), json);
    json->push_back(':');
    AppendFieldValues(message, field, style, json);
  }
  json->append(*separator == '{' ? "{}" : "}");
}

void AppendJson(std::string_view text, std::string* json) {
  json->append("\"").append(json::Escaped(text)).append("\"");
}

void AppendJson(float value, std::string* json) {
  AppendReal(value, json);
}

void AppendJson(double value, std::string* json) {
  AppendReal(value, json);
}

void AppendJson(int64_t value, std::string* json) {
  AppendNumber(value, json);
}

}  // namespace roberta::transport
