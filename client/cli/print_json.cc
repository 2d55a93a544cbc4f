#include "client/cli/print_json.h"

#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <string>

#include "client/cli/exit_codes.h"

namespace roberta::cli {

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
