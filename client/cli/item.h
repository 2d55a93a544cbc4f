#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace roberta::cli {

/// One text to classify, or a piece of input that is none.
struct Item {
  uint64_t index = 0;  ///< in the input, from 0; bad items count
  std::string place;   ///< for messages: "reviews.tsv:12"
  std::string text;    ///< valid UTF-8
  std::optional<std::string> text_pair;
  std::string id;
  std::string expected_label;  ///< from labelled input; empty: none
  uint64_t end_bytes = 0;      ///< where it ends in its file
  absl::Status problem;        ///< why it cannot be sent; OK if it can
};

}  // namespace roberta::cli
