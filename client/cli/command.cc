#include "client/cli/command.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>

#include "client/client.h"

namespace roberta::cli {

int ReportFailure(const ConnectionOptions& connection, const absl::Status& status) {
  std::string message(status.message());
  if (const std::string id = client::RequestId(status); !id.empty()) message += " (request " + id + ")";
  if (absl::IsUnavailable(status)) {
    std::fprintf(stderr, "roberta-client: cannot reach %s: %s\n", connection.address.c_str(), message.c_str());
    return kServerUnreachable;
  }
  std::fprintf(stderr, "roberta-client: %s: %s\n", absl::StatusCodeToString(status.code()).c_str(), message.c_str());
  return kSomethingFailed;
}

int PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    std::fprintf(stderr, "roberta-client: the response is not valid UTF-8\n");
    return kSomethingFailed;
  }
  std::fputs(json.c_str(), stdout);
  return kAllWell;
}

}  // namespace roberta::cli
