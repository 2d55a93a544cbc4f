#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/service/request_validation.h"

// Our messages in proto3's JSON mapping (https://protobuf.dev/programming-guides/json), and what every body in JSON
// has.
namespace roberta::transport {

using service::FieldProblem;

/// Parses a body as an object. Failure reason: kMalformedMessage; see json::ParseStrictJson for what it refuses.
absl::Status ParseJsonObject(std::string_view body, nlohmann::json* object);

/// Reads an object as proto3's JSON for messages of the type `shape`. `*message` has the fields of that type by number,
/// but strings may be bytes there and enumerations int32, as in roberta.internal. Names may be those of the .proto file
/// or in camel case. An error, see FieldError, names the path of the field: it is unknown, came twice or has a value of
/// another type; `*message` is then half filled.
absl::Status MessageFromJson(const nlohmann::json& object, const google::protobuf::Descriptor& shape,
                             google::protobuf::Message* message, std::vector<FieldProblem>* problems);

enum class JsonStyle {
  kProto3,  ///< names in camel case, numbers of 64 bits in quotes
  kPlain,   ///< names as in the .proto file and numbers as they are: the Open Inference Protocol
};
/// Appends `message`, with all fields that have no presence. Floats read back equal.
void AppendMessageJson(const google::protobuf::Message& message, std::string* json,
                       JsonStyle style = JsonStyle::kProto3);

// Parts of JSON.
void AppendJson(std::string_view text, std::string* json);  ///< in quotes; U+FFFD for what is not UTF-8
void AppendJson(float value, std::string* json);            ///< the shortest that reads back equal; "NaN" in quotes
void AppendJson(double value, std::string* json);
void AppendJson(int64_t value, std::string* json);

}  // namespace roberta::transport
