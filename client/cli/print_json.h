#pragma once

#include <google/protobuf/message.h>

namespace roberta::cli {

/// Prints `message` as JSON on standard output, with the fields' own names; returns the exit code.
int PrintJson(const google::protobuf::Message& message);

}  // namespace roberta::cli
