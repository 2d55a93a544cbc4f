#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

namespace roberta::cli {

/// Rows under a header, cells of valid UTF-8: two spaces between columns, each as wide as its widest cell, none after
/// the last. All rows have as many cells as the first.
std::string TableText(const std::vector<std::vector<std::string>>& rows);

/// Prints `message` as JSON on standard output, with the fields' own names; returns the exit code.
int PrintJson(const google::protobuf::Message& message);

}  // namespace roberta::cli
