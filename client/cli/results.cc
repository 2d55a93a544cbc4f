#include "client/cli/results.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/terminal/terminal.h"

namespace roberta::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The double that prints with a float's own digits: 0.9, not 0.8999999761581421.
double WithFloatDigits(float value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits - 1, value).ptr;
  *end = '\0';
  return std::strtod(digits, nullptr);
}

Json Number(float value) {
  return WithFloatDigits(value);
}

class JsonLinesWriter final : public ResultWriter {
 public:
  explicit JsonLinesWriter(std::FILE* stream) : ResultWriter(stream) {}

  void Write(const Item& item, const v1::Classification& classification, std::string_view profile) override {
    Json object = Begin(item);
    object["label"] = classification.label();
    object["score"] = Number(classification.score());
    Json scores = Json::array();
    for (const v1::Score& score : classification.scores()) {
      scores.push_back({{"label", score.label()}, {"score", Number(score.score())}});
    }
    object["scores"] = std::move(scores);
    if (!classification.logits().empty()) {
      Json logits = Json::array();
      for (const float logit : classification.logits()) logits.push_back(Number(logit));
      object["logits"] = std::move(logits);
    }
    object["tokens"] = classification.token_count();
    object["truncated"] = classification.truncated();
    object["profile"] = profile;
    End(object);
  }

  void WriteFailure(const Item& item, const absl::Status& status) override {
    Json object = Begin(item);
    object["error"] = {{"code", absl::StatusCodeToString(status.code())}, {"message", std::string(status.message())}};
    End(object);
  }

 private:
  static Json Begin(const Item& item) {
    Json object = {{"index", item.index}};
    if (!item.id.empty()) object["id"] = item.id;
    return object;
  }
  void End(const Json& object) { WriteLine(object.dump(-1, ' ', false, Json::error_handler_t::replace)); }
};

class TableWriter final : public ResultWriter {
 public:
  TableWriter(std::FILE* stream, size_t text_columns) : ResultWriter(stream), text_columns_(text_columns) {}

  void Write(const Item& item, const v1::Classification& classification, std::string_view profile) override {
    WriteHeaderOnce();
    Row(item, Padded(classification.label(), kLabelColumns), absl::StrFormat("%8.4f", classification.score()),
        absl::StrCat(Padded(profile, kProfileColumns), "  ", absl::StrFormat("%6d", classification.token_count()),
                     classification.truncated() ? " cut" : ""));
  }

  void WriteFailure(const Item& item, const absl::Status& status) override {
    WriteHeaderOnce();
    Row(item, Padded("-", kLabelColumns), "       -", absl::StatusCodeToString(status.code()));
  }

 private:
  static constexpr size_t kLabelColumns = 12;
  static constexpr size_t kProfileColumns = 10;

  /// Longer than `columns` if it has to be: a label is not cut.
  static std::string Padded(std::string_view text, size_t columns) {
    return terminal::FitToColumns(text, std::max(columns, terminal::ColumnsOf(text)));
  }

  void WriteHeaderOnce() {
    if (header_written_) return;
    header_written_ = true;
    WriteLine(absl::StrCat(Padded("text", text_columns_), "  ", Padded("label", kLabelColumns), "  ", "   score", "  ",
                           Padded("profile", kProfileColumns), "  ", "tokens"));
  }

  void Row(const Item& item, const std::string& label, const std::string& score, const std::string& rest) {
    const std::string text = item.text_pair ? absl::StrCat(item.text, " | ", *item.text_pair) : item.text;
    WriteLine(absl::StrCat(terminal::FitToColumns(text, text_columns_), "  ", label, "  ", score, "  ", rest));
  }

  const size_t text_columns_;
  bool header_written_ = false;
};

constexpr char kNothing[] = "-";

std::string Percent(bool measured, double share) {
  return measured ? absl::StrFormat("%.2f %%", share * 100) : kNothing;
}

std::vector<std::string> Row(const v1::ProfileInfo& profile) {
  const bool loaded = profile.weight_bytes() > 0;
  return {absl::StrCat(profile.name(), profile.is_default() ? " (default)" : ""),
          v1::ProfileState_Name(profile.state()),
          profile.recipe(),
          profile.precision().empty() ? kNothing : profile.precision(),
          loaded ? absl::StrFormat("%.1f MiB", static_cast<double>(profile.weight_bytes()) / (1 << 20)) : kNothing,
          Percent(profile.has_accuracy(), profile.accuracy()),
          Percent(profile.has_agreement(), profile.agreement()),
          profile.has_expected_tokens_per_second() ? absl::StrFormat("%.0f", profile.expected_tokens_per_second())
                                                   : kNothing,
          profile.kernels().empty() ? kNothing : absl::StrJoin(profile.kernels(), ", ")};
}

std::vector<std::string> Row(const v1::ProfileComparison& comparison, bool is_baseline) {
  const std::string name = absl::StrCat(comparison.profile(), is_baseline ? " (baseline)" : "");
  if (!comparison.has_classification()) {
    const auto code = static_cast<absl::StatusCode>(comparison.status().code());
    return {name, absl::StatusCodeToString(code), kNothing, kNothing, kNothing, kNothing};
  }
  const v1::Classification& classification = comparison.classification();
  const bool moved = comparison.has_same_label() && !comparison.same_label();
  return {name,
          absl::StrCat(classification.label(), moved ? " (!)" : ""),
          absl::StrFormat("%.4f", classification.score()),
          absl::StrFormat("%.3f", static_cast<double>(comparison.infer_ns()) * 1e-6),
          comparison.has_time_ratio() ? absl::StrFormat("%.2f", comparison.time_ratio()) : kNothing,
          comparison.has_max_abs_dp() ? absl::StrFormat("%.4f", comparison.max_abs_dp()) : kNothing};
}

}  // namespace

void Accuracy::Add(const std::string& expected, const v1::Classification& classification) {
  if (expected.empty()) return;
  ++labeled_;
  correct_ += expected == classification.label() || expected == std::to_string(classification.index());
}

std::string Accuracy::Text() const {
  const double percent = labeled_ > 0 ? 100.0 * static_cast<double>(correct_) / static_cast<double>(labeled_) : 0;
  return absl::StrFormat("accuracy %.2f %% (%d of %d)", percent, correct_, labeled_);
}

void PhaseMeans::Add(const v1::Phases& phases, uint64_t calls) {
  sums_.set_tokenize_ns(sums_.tokenize_ns() + phases.tokenize_ns());
  sums_.set_queue_ns(sums_.queue_ns() + phases.queue_ns());
  sums_.set_form_ns(sums_.form_ns() + phases.form_ns());
  sums_.set_infer_ns(sums_.infer_ns() + phases.infer_ns());
  sums_.set_post_ns(sums_.post_ns() + phases.post_ns());
  sums_.set_total_ns(sums_.total_ns() + phases.total_ns());
  calls_ += calls;
}

std::string PhaseMeans::Text() const {
  const auto mean_ms = [&](int64_t sum_ns) {
    return calls_ > 0 ? static_cast<double>(sum_ns) * 1e-6 / static_cast<double>(calls_) : 0;
  };
  return absl::StrFormat("tokenize %.3f  queue %.3f  form %.3f  infer %.3f  post %.3f  total %.3f",
                         mean_ms(sums_.tokenize_ns()), mean_ms(sums_.queue_ns()), mean_ms(sums_.form_ns()),
                         mean_ms(sums_.infer_ns()), mean_ms(sums_.post_ns()), mean_ms(sums_.total_ns()));
}

void ResultWriter::WriteLine(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stream_);
  std::fputc('\n', stream_);
}

bool ResultWriter::Flush() {
  return std::fflush(stream_) == 0 && std::ferror(stream_) == 0;
}

std::unique_ptr<ResultWriter> ResultWriter::JsonLines(std::FILE* stream) {
  return std::make_unique<JsonLinesWriter>(stream);
}

std::unique_ptr<ResultWriter> ResultWriter::Table(std::FILE* stream, size_t text_columns) {
  return std::make_unique<TableWriter>(stream, text_columns);
}

std::string ProfilesText(const v1::ListProfilesResponse& response) {
  std::vector<std::vector<std::string>> rows = {
      {"profile", "state", "recipe", "precision", "weights", "accuracy", "agreement", "tokens/s", "kernels"}};
  std::string notes;
  for (const v1::ProfileInfo& profile : response.profiles()) {
    rows.push_back(Row(profile));
    const std::string why = profile.reason().empty() && !profile.has_agreement()
                                ? absl::StrCat("quality not measured: ", profile.quality_reason())
                                : profile.reason();
    if (!why.empty()) absl::StrAppend(&notes, profile.name(), ": ", terminal::Shown(why), "\n");
  }
  return absl::StrCat(terminal::TableText(rows), notes.empty() ? "" : "\n", notes, "\nmodel ",
                      terminal::Shown(response.model()), ", revision ", response.model_revision(), ", at most ",
                      response.max_tokens(),
                      " tokens, labels: ", terminal::Shown(absl::StrJoin(response.labels(), ", ")), "\n");
}

std::string ComparisonText(const v1::CompareResponse& response) {
  std::vector<std::vector<std::string>> rows = {{"profile", "label", "score", "ms", "x baseline", "|dp|"}};
  std::string notes;
  for (const v1::ProfileComparison& comparison : response.comparisons()) {
    rows.push_back(Row(comparison, comparison.profile() == response.baseline_profile()));
    if (!comparison.has_classification()) absl::StrAppend(&notes, terminal::Shown(comparison.status().message()), "\n");
  }
  return absl::StrCat(terminal::TableText(rows), notes.empty() ? "" : "\n", notes);
}

}  // namespace roberta::cli
