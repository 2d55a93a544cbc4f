#include "loadtest/record/run_record.h"

#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loadtest/record/cross_check.h"
#include "loadtest/record/fields.h"
#include "loadtest/record/json_values.h"

namespace roberta::record {

namespace {

constexpr int kFormat = 2;

/// Both directions go over one list of fields, so that neither can forget one.
class Writer {
 public:
  explicit Writer(Json* json) : json_(*json) {}
  template <typename T>
  void operator()(const char* name, const T& value);
  template <typename T>
  void Added(const char* name, const T& value) {
    (*this)(name, value);
  }

 private:
  Json& json_;
};

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}
  template <typename T>
  void operator()(const char* name, T& value);
  template <typename T>
  void Added(const char* name, T& value) {
    if (json_.contains(name)) (*this)(name, value);
  }

 private:
  const Json& json_;
};

template <typename Archive, typename T>
concept Listed = requires(Archive archive, T& value) {
  Fields(archive, value);
};

template <typename T>
Json ToValue(const T& value);
template <typename T>
void FromValue(const Json& json, T& value);

using record::Read;  // beside the ones below, which would hide them
using record::Write;

template <typename T>
Json Write(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(ToValue(value));
  return json;
}

template <typename T>
void Read(const Json& json, std::vector<T>& values) {
  for (const Json& one : json) FromValue(one, values.emplace_back());
}

template <typename T>
inline constexpr bool kPlain =
    std::is_arithmetic_v<T> || std::is_same_v<T, std::string> || std::is_same_v<T, std::map<std::string, int64_t>> ||
    std::is_same_v<T, std::map<std::string, double>>;

template <typename T>
Json ToValue(const T& value) {
  if constexpr (kPlain<T>) {
    return value;
  } else if constexpr (Listed<Writer, T>) {
    Json json = Json::object();
    Writer writer(&json);
    Fields(writer, const_cast<T&>(value));  // a writer only looks
    return json;
  } else {
    return Write(value);
  }
}

template <typename T>
void FromValue(const Json& json, T& value) {
  if constexpr (kPlain<T>) {
    value = json.get<T>();
  } else if constexpr (Listed<Reader, T>) {
    Reader reader(json);
    Fields(reader, value);
  } else {
    Read(json, value);
  }
}

template <typename T>
void Writer::operator()(const char* name, const T& value) {
  json_[name] = ToValue(value);
}

template <typename T>
void Reader::operator()(const char* name, T& value) {
  FromValue(json_.at(name), value);
}

Json ToValue(const std::optional<statistics::AccuracyDifference>& accuracy) {
  if (!accuracy) return nullptr;
  return {{"difference", accuracy->difference}, {"low", accuracy->interval.low}, {"high", accuracy->interval.high}};
}

/// What follows from the counts.
Json Derived(const runner::RunResult& result) {
  const stats::Tally total = result.Total();
  const double answered = static_cast<double>(total.Count(stats::Outcome::kAnswered));
  return {{"answered_per_second", result.RatePerSecond(result.answered_within)},
          {"good_per_second", result.RatePerSecond(result.good_within)},
          {"items_per_second", result.RatePerSecond(result.items_within)},
          {"tokens_per_second", result.RatePerSecond(result.tokens_within)},
          {"sent_per_second", result.RatePerSecond(total.sent)},
          {"goodput_ratio", total.sent > 0 ? static_cast<double>(total.good) / static_cast<double>(total.sent) : 0.0},
          {"mean_batch_items", answered > 0 ? static_cast<double>(total.batch_items) / answered : 0.0},
          {"valid", result.Faults().empty()},
          {"faults", result.Faults()}};
}

}  // namespace

std::optional<statistics::AccuracyDifference> AccuracyDifferenceOf(const Quality& quality) {
  if (quality.texts_paired <= 0) return std::nullopt;
  return statistics::CompareAccuracies({.texts = quality.texts_paired,
                                        .only_first_correct = quality.texts_only_baseline_correct,
                                        .only_second_correct = quality.texts_only_correct});
}

std::string ToJson(const Series& series) {
  Json runs = Json::array();
  for (const RunRecord& run : series.runs) {
    Json json = {{"derived", Derived(run.result)}};
    json["derived"]["total"] = ToValue(run.result.Total());
    json["derived"]["accuracy_difference"] = ToValue(AccuracyDifferenceOf(run.quality));
    json["derived"]["server_gaps"] = ServerGaps(run.result, run.counters);
    json.update(ToValue(run));
    runs.push_back(std::move(json));
  }
  const Json json = {{"format", kFormat}, {"runs", std::move(runs)}, {"searches", ToValue(series.searches)}};
  return json.dump(1) + "\n";
}

absl::StatusOr<Series> FromJson(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (const int format = json.at("format").get<int>(); format != kFormat) {
      return absl::InvalidArgumentError(absl::StrCat("format is ", format, "; this program reads ", kFormat));
    }
    Series series;
    Reader reader(json);
    reader("runs", series.runs);
    reader("searches", series.searches);
    return series;
  } catch (const std::exception& error) {  // nlohmann's, and ours above
    return absl::InvalidArgumentError(absl::StrCat("no record of runs: ", error.what()));
  }
}

}  // namespace roberta::record
