#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/cli/items.h"
#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"

namespace roberta::cli {

/// Counts how often the model's label is the one that was expected, by name or by index.
class Accuracy {
 public:
  /// An item whose `expected` is empty is not counted.
  void Add(const std::string& expected, const v1::Classification& classification);

  uint64_t labeled() const { return labeled_; }
  /// "accuracy 88.30 % (770 of 872)"
  std::string Text() const;

 private:
  uint64_t labeled_ = 0;
  uint64_t correct_ = 0;
};

/// Sums of phase times over calls, or over the parts of a stream.
class PhaseMeans {
 public:
  /// Adds those of one call, or the sums of several.
  void Add(const v1::Phases& phases, uint64_t calls = 1);
  void Add(const PhaseMeans& other) { Add(other.sums_, other.calls_); }
  uint64_t calls() const { return calls_; }
  /// "tokenize 0.14  queue 0.02  form 0.00  infer 8.41  post 0.05  total 8.62", in milliseconds.
  std::string Text() const;

 private:
  v1::Phases sums_;
  uint64_t calls_ = 0;
};

/// Writes results to a stream in the order of the calls. One thread.
class ResultWriter {
 public:
  virtual ~ResultWriter() = default;

  virtual void Write(const Item& item, const v1::Classification& classification, std::string_view profile) = 0;
  virtual void WriteFailure(const Item& item, const absl::Status& status) = 0;

  /// Hands everything to the system. False if that or an earlier write failed; errno says why.
  bool Flush();

  /// Objects, one a line: index, id (if the item has one), label, score, scores, logits (if the result has them),
  /// tokens, truncated, profile; for a failed item index, id, error{code, message}. `stream` must outlive it.
  static std::unique_ptr<ResultWriter> JsonLines(std::FILE* stream);
  /// A table for people; texts are cut to `text_columns`.
  static std::unique_ptr<ResultWriter> Table(std::FILE* stream, size_t text_columns);

 protected:
  explicit ResultWriter(std::FILE* stream) : stream_(stream) {}
  void WriteLine(std::string_view line);

 private:
  std::FILE* const stream_;
};

/// A row for each profile: state, recipe, precision, kernels, size of the weights, accuracy and agreement on the
/// sample, and the tokens a second that the server expects. Notes below say why profiles are not READY or not measured.
std::string ProfilesText(const v1::ListProfilesResponse& response);

/// A row for each profile: label, score, time, and how these compare with the baseline's. Notes below say why profiles
/// gave no answer.
std::string ComparisonText(const v1::CompareResponse& response);

}  // namespace roberta::cli
