#include "client/cli/command.h"

#include <google/protobuf/util/json_util.h>

#include <csignal>
#include <cstdio>

#include "client/client.h"

namespace roberta::cli {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void RequestStop(int) {
  stop_requested = 1;
}

}  // namespace

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

void CatchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = RequestStop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // without SA_RESTART
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool StopRequested() {
  return stop_requested != 0;
}

}  // namespace roberta::cli
