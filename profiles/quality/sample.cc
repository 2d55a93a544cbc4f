#include "profiles/quality/sample.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "profiles/checkpoint/files.h"
#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"
#include "profiles/quality/agreement.h"
#include "profiles/tokenizer/utf8.h"

namespace roberta::quality {
namespace {

constexpr size_t kMostExamples = 1000000;
constexpr uintmax_t kLargestFileBytes = 64u << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// The sizes of kSeveralSizes. A batch of at least three quarters of a size counts as of that size.
constexpr std::array<size_t, 6> kBatchSizes = {64, 128, 192, 256, 384, kBatchTokens};
constexpr size_t kLeastBatchesOfSize = 3;
constexpr double kEfficient = 0.97;

using rows::Row;

class Parser {
 public:
  Parser(const checkpoint::ModelConfig& config, std::string_view file, const DataOptions& options)
      : config_(config), file_(file), options_(options) {}

  absl::StatusOr<Data> Parse(std::string_view text) {
    if (text.empty() || text == kByteOrderMark) return errors::InvalidArgument(file_, ": there is nothing in it");
    absl::StatusOr<rows::Format> format = rows::FormatOfFile(file_, rows::Format::kTsv);
    if (options_.format) format = *options_.format;
    RETURN_IF_ERROR(format.status());
    rows::RowParser rows({.format = *format});
    while (const std::optional<Row> row = rows.Take(&text, /*ended=*/true)) {
      RETURN_IF_ERROR(Take(*row));
    }
    if (data_.sample.empty()) return NoExample();
    return std::move(data_);
  }

 private:
  template <typename... What>
  absl::Status Wrong(size_t line, const What&... what) const {
    return errors::InvalidArgument(file_, ":", line, ": ", what...);
  }

  absl::Status NoExample() const {
    if (data_.bad_rows == 0) return Wrong(1, "there is no example after the header");
    return errors::InvalidArgument(data_.problems.front(), "; no other row is good either");
  }

  absl::Status Take(const Row& row) {
    if (options_.read_labels && row.values[rows::kLabel] && AgreementOf(config_) == Agreement::kClose &&
        config_.num_labels() > 1) {
      return Wrong(row.line, "column label: a text has one label, and the model ", config_.num_labels(), " scores");
    }
    Example example;
    const std::string problem = Read(row, &example);
    if (problem.empty()) return Keep(row.line, std::move(example));
    absl::Status bad = Wrong(row.line, problem);
    if (!options_.skip_bad_rows || row.is_last) return bad;
    ++data_.bad_rows;
    if (data_.problems.size() < kMostProblems) data_.problems.emplace_back(bad.message());
    return absl::OkStatus();
  }

  absl::Status Keep(size_t line, Example example) {
    if (data_.sample.size() == kMostExamples) return Wrong(line, "more than ", kMostExamples, " examples");
    data_.sample.push_back(std::move(example));
    return absl::OkStatus();
  }

  /// Fills `*example`, or returns what is wrong.
  std::string Read(const Row& row, Example* example) const {
    std::string problem = row.problem;
    for (const rows::Column column : {rows::kText, rows::kPair}) {
      if (problem.empty() && row.values[column] && tokenizer::IsBlank(*row.values[column])) {
        problem = absl::StrCat(std::string(rows::kColumnNames[column]), " is blank");
      }
    }
    if (!problem.empty()) return problem;
    example->text = *row.values[rows::kText];
    example->pair = row.values[rows::kPair];
    return options_.read_labels ? ReadLabel(row.values[rows::kLabel], example) : "";
  }

  std::string ReadLabel(const std::optional<std::string>& label, Example* example) const {
    if (!data_.sample.empty() && HasLabels(data_.sample) != label.has_value()) {
      return label ? "there is a label, and rows before it have none" : "label is missing; rows before it have one";
    }
    if (!label) return "";
    if (AgreementOf(config_) == Agreement::kClose) {
      float score = 0;
      if (!absl::SimpleAtof(*label, &score) || !std::isfinite(score)) {
        return absl::StrCat("label ", json::Quoted(*label), " is not a number, as the model's score is");
      }
      example->score = score;
      return "";
    }
    std::set<int32_t> indices;
    std::vector<std::string> names = {*label};
    // A name may hold a comma: the whole is tried first.
    const bool is_list = AgreementOf(config_) == Agreement::kSameLabels && !FindLabel(*label);
    if (is_list) names = absl::StrSplit(*label, ',', absl::SkipWhitespace());
    for (const std::string& name : names) {
      const std::string stripped(absl::StripAsciiWhitespace(name));
      const std::optional<int32_t> index = FindLabel(is_list ? stripped : name);
      if (!index) {
        return absl::StrCat("label ", json::Quoted(name), " is neither a label of the model nor the index of one");
      }
      indices.insert(*index);
    }
    if (AgreementOf(config_) == Agreement::kSameLabels) {
      example->labels.emplace(indices.begin(), indices.end());
    } else {
      example->label = *indices.begin();
    }
    return "";
  }

  std::optional<int32_t> FindLabel(const std::string& name) const {
    const auto named = std::ranges::find(config_.labels, name);
    int32_t index = static_cast<int32_t>(named - config_.labels.begin());
    const bool is_label =
        named != config_.labels.end() || (absl::SimpleAtoi(name, &index) && index >= 0 && index < config_.num_labels());
    return is_label ? std::optional<int32_t>(index) : std::nullopt;
  }

  const checkpoint::ModelConfig& config_;
  const std::string file_;
  const DataOptions options_;
  Data data_;
};

}  // namespace

absl::StatusOr<Data> ParseData(std::string_view text, const checkpoint::ModelConfig& config, std::string_view file,
                               const DataOptions& options) {
  return Parser(config, file, options).Parse(text);
}

absl::StatusOr<Data> ReadData(const std::string& path, const checkpoint::ModelConfig& config,
                              const DataOptions& options) {
  std::error_code failure;
  const bool is_file = std::filesystem::is_regular_file(path, failure);
  std::ifstream file(path, std::ios::binary);
  if (!is_file || !file) return errors::NotFound(path, ": no such file, or not readable");
  const uintmax_t bytes = std::filesystem::file_size(path, failure);
  if (failure || bytes > kLargestFileBytes) {
    return errors::InvalidArgument(path, ": ", bytes, " bytes; a file of examples has at most ", kLargestFileBytes);
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseData(text.view(), config, path, options);
}

absl::StatusOr<Sample> ReadSample(const std::string& path, const checkpoint::ModelConfig& config,
                                  std::string* warning) {
  auto data = ReadData(path, config, {});
  if (absl::IsInvalidArgument(data.status())) {
    const absl::Status problem = data.status();
    data = ReadData(path, config, {.skip_bad_rows = true, .read_labels = false});
    if (data.ok() && warning != nullptr) {
      *warning = absl::StrCat(problem.message(), "; the ", data->sample.size(), " good rows are read without labels");
    }
  }
  if (!data.ok()) return data.status();
  return std::move(data->sample);
}

absl::StatusOr<TokenizedSample> Tokenize(const Sample& sample, const tokenizer::Tokenizer& tokenizer,
                                         const checkpoint::ModelConfig& config) {
  const auto max_tokens = static_cast<size_t>(config.max_tokens());
  TokenizedSample tokenized;
  tokenizer::Encoding encoding;
  for (const Example& example : sample) {
    std::optional<std::string_view> pair;
    if (example.pair) pair = *example.pair;
    RETURN_IF_ERROR(tokenizer.Encode(
        example.text, pair, {.max_tokens = max_tokens, .truncation = tokenizer::Truncation::kRight}, &encoding));
    tokenized.token_ids.insert(tokenized.token_ids.end(), encoding.ids.begin(), encoding.ids.end());
    tokenized.lengths.push_back(encoding.ids.size());
    tokenized.truncated += encoding.tokens_dropped > 0 ? 1 : 0;
  }
  return tokenized;
}

uint64_t HashOf(const TokenizedSample& sample) {
  const std::string_view ids(reinterpret_cast<const char*>(sample.token_ids.data()),
                             sample.token_ids.size() * sizeof(int32_t));
  uint64_t hash = checkpoint::ContentHash(ids, 0);
  for (const size_t length : sample.lengths) hash = checkpoint::ContentHash(absl::StrCat(length, " "), hash);
  return hash;
}

std::vector<SampleBatch> FormBatches(const TokenizedSample& sample, size_t batch_tokens) {
  std::vector<SampleBatch> batches;
  size_t token = 0, most = batch_tokens;
  for (size_t example = 0; example < sample.lengths.size(); ++example) {
    const size_t length = sample.lengths[example];
    if (batches.empty() || batches.back().tokens + length > most) {
      if (batch_tokens == kSeveralSizes) most = kBatchSizes[batches.size() % kBatchSizes.size()];
      batches.push_back({.first_example = example, .first_token = token});
    }
    SampleBatch& batch = batches.back();
    batch.tokens += length;
    batch.cu_seqlens.push_back(static_cast<int32_t>(batch.tokens));
    token += length;
  }
  return batches;
}

encoder::PackedBatch SampleBatch::View(const TokenizedSample& sample) const {
  return {absl::MakeConstSpan(sample.token_ids).subspan(first_token, tokens), cu_seqlens};
}

std::optional<size_t> EfficientBatchTokens(const std::vector<TimedBatch>& batches) {
  std::array<size_t, kBatchSizes.size()> counts = {};
  std::array<double, kBatchSizes.size()> rates = {};
  for (const TimedBatch& batch : batches) {
    const auto size = std::ranges::lower_bound(kBatchSizes, batch.tokens);
    if (size == kBatchSizes.end() || batch.tokens * 4 < *size * 3) continue;
    const auto i = static_cast<size_t>(size - kBatchSizes.begin());
    ++counts[i];
    rates[i] = std::max(rates[i], batch.tokens_per_second);
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] < kLeastBatchesOfSize) rates[i] = 0;
  }
  if (rates.back() == 0) return std::nullopt;
  const double enough = kEfficient * *std::ranges::max_element(rates);
  const auto least = std::ranges::find_if(rates, [&](double rate) { return rate >= enough; });
  return kBatchSizes[static_cast<size_t>(least - rates.begin())];
}

absl::StatusOr<SampleRun> RunSample(const encoder::Profile& profile, const TokenizedSample& sample, size_t labels,
                                    const RunAll& run_all, size_t batch_tokens) {
  SampleRun run;
  run.logits.resize(sample.lengths.size() * labels);
  const std::vector<SampleBatch> batches = FormBatches(sample, batch_tokens);
  std::vector<absl::Status> statuses(batches.size());
  std::vector<TimedBatch> timed(batches.size());
  run_all(batches.size(), [&](size_t i) {
    const SampleBatch& batch = batches[i];
    const auto start = std::chrono::steady_clock::now();
    statuses[i] =
        profile.Run(batch.View(sample),
                    absl::MakeSpan(run.logits).subspan(batch.first_example * labels, batch.examples() * labels));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    timed[i] = {batch.tokens, static_cast<double>(batch.tokens) / std::max(seconds.count(), 1e-9)};
  });
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  const auto wrong =
      std::find_if(run.logits.begin(), run.logits.end(), [](float value) { return !std::isfinite(value); });
  if (wrong != run.logits.end()) {
    const size_t example = static_cast<size_t>(wrong - run.logits.begin()) / labels;
    return absl::InternalError(absl::StrCat("a logit of example ", example + 1, " of the sample is not finite"));
  }
  if (batch_tokens == kSeveralSizes) run.efficient_tokens = EfficientBatchTokens(timed);
  std::vector<double> rates;
  for (const TimedBatch& batch : timed) {
    if (batch.tokens * 4 >= run.efficient_tokens.value_or(0) * 3) rates.push_back(batch.tokens_per_second);
  }
  run.tokens_per_second = statistics::Quantile(std::move(rates), 0.5);
  return run;
}

}  // namespace roberta::quality
