#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/checkpoint/config.h"
#include "profiles/encoder/profile.h"
#include "profiles/rows/rows.h"
#include "profiles/team/team.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::quality {

/// Name of the sample that belongs to a model, in its directory.
inline constexpr char kSampleFile[] = "sample.tsv";

struct Example {
  std::string text;  ///< UTF-8, not blank
  std::optional<std::string> pair;
  std::optional<int32_t> label;                ///< index in the model's labels
  std::optional<std::vector<int32_t>> labels;  ///< of a multi-label model, in ascending order; perhaps none
  std::optional<float> score;                  ///< of a model with a single score
  friend bool operator==(const Example&, const Example&) = default;
};

/// Texts that profiles are compared on. At least one; either all have a label (or labels, or a score) or none.
using Sample = std::vector<Example>;

inline bool HasLabels(const Sample& sample) {
  return sample.front().label || sample.front().labels || sample.front().score;
}

struct DataOptions {
  std::optional<rows::Format> format;  ///< by the file's name where absent; TSV where that says nothing
  bool skip_bad_rows = false;
  bool read_labels = true;  ///< else whatever a file says of labels is passed over
};

/// What was read of a file.
struct Data {
  Sample sample;
  size_t bad_rows = 0;                ///< that were skipped
  std::vector<std::string> problems;  ///< of the first kMostProblems of them, as errors have them
};

inline constexpr size_t kMostProblems = 5;

/// Parses examples in the dialect of rows::Format: text and, if wanted, label and text_pair. A label is a name out of
/// `config.labels`, else the index of one; of a multi-label model it is a list of them with commas, perhaps empty, and
/// of a model with a single score a number.
///
/// `file` is the name in errors. InvalidArgument, in one line, names file, line, column and value of a row that is bad:
/// what rows::Row has as a problem, a text that is blank, a label that the model does not have, or a label in some rows
/// only. `skip_bad_rows` passes over these, but not over a row after which nothing can be read. It is an error if no
/// row is good or there are more than 1,000,000, and if there are labels for a model that answers otherwise.
absl::StatusOr<Data> ParseData(std::string_view text, const checkpoint::ModelConfig& config, std::string_view file,
                               const DataOptions& options);

/// The same for a file of at most 64 MiB. Further errors: NotFound where it cannot be read.
absl::StatusOr<Data> ReadData(const std::string& path, const checkpoint::ModelConfig& config,
                              const DataOptions& options);

/// The examples of a file that profiles are compared on. Where a row is bad, or labels are not those of the model, the
/// good rows are read without labels, and `*warning` (unless it is nullptr) says what is wrong, in one line.
absl::StatusOr<Sample> ReadSample(const std::string& path, const checkpoint::ModelConfig& config,
                                  std::string* warning = nullptr);

/// A sample as the model reads it.
struct TokenizedSample {
  std::vector<int32_t> token_ids;  ///< of all examples, one after another
  std::vector<size_t> lengths;     ///< [examples], in tokens
  size_t truncated = 0;            ///< examples that were too long
};

/// Tokenizes every example; what is longer than the model takes loses its end. Errors are the tokenizer's.
absl::StatusOr<TokenizedSample> Tokenize(const Sample& sample, const tokenizer::Tokenizer& tokenizer,
                                         const checkpoint::ModelConfig& config);

/// Of the tokens, text by text; the same on every machine.
uint64_t HashOf(const TokenizedSample& sample);

/// Part of a sample that runs at once.
struct SampleBatch {
  size_t first_example = 0;
  size_t first_token = 0;
  size_t tokens = 0;
  std::vector<int32_t> cu_seqlens = {0};  ///< from first_token on

  size_t examples() const { return cu_seqlens.size() - 1; }
  /// Of the sample that it was formed of; both must outlive the view.
  encoder::PackedBatch View(const TokenizedSample& sample) const;
};

inline constexpr size_t kBatchTokens = 512;
inline constexpr size_t kAlone = 1;
/// Batches of several sizes up to kBatchTokens in turn, so that a run shows how large a batch should be.
inline constexpr size_t kSeveralSizes = 0;

/// All examples in their order, in batches of at most `batch_tokens` tokens, but one text at least: with kAlone each is
/// a batch of its own.
std::vector<SampleBatch> FormBatches(const TokenizedSample& sample, size_t batch_tokens = kBatchTokens);

/// A batch that ran on one thread.
struct TimedBatch {
  size_t tokens = 0;
  double tokens_per_second = 0;
};

/// The least tokens with which batches reach 97 % of the best rate. Of batches of about one size (see kSeveralSizes)
/// the fastest counts, because others of the machine only ever slow one down. Sizes of which fewer than three batches
/// ran do not count; nothing if the largest does not.
std::optional<size_t> EfficientBatchTokens(const std::vector<TimedBatch>& batches);

struct SampleRun {
  std::vector<float> logits;     ///< [examples, labels], all finite
  double tokens_per_second = 0;  ///< of one thread, in the median batch; with kSeveralSizes, of efficient ones
  std::optional<size_t> efficient_tokens;  ///< with kSeveralSizes: see EfficientBatchTokens
};

using team::RunAll;
using team::RunInTurn;

/// Runs `profile` over the batches of the sample (see FormBatches), which `run_all` puts on threads. Errors are the
/// profile's; Internal names the first example for which a logit is not a finite number.
absl::StatusOr<SampleRun> RunSample(const encoder::Profile& profile, const TokenizedSample& sample, size_t labels,
                                    const RunAll& run_all = RunInTurn, size_t batch_tokens = kBatchTokens);

}  // namespace roberta::quality
