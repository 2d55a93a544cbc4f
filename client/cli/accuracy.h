#pragma once

#include <cstdint>
#include <string>

#include "roberta/v1/classifier.pb.h"

namespace roberta::cli {

/// Counts how often the model's label is the one that was expected, by name or by index.
class Accuracy {
 public:
  /// `expected` empty: not counted.
  void Add(const std::string& expected, const v1::Classification& classification);

  uint64_t labelled() const { return labelled_; }
  /// "accuracy 88.30 % (770 of 872)"
  std::string Text() const;

 private:
  uint64_t labelled_ = 0;
  uint64_t correct_ = 0;
};

}  // namespace roberta::cli
