#include "loadtest/workload/workload.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "profiles/errors/errors.h"
#include "profiles/rows/row_file.h"

namespace roberta::loadtest::workload {

namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerMs = 1e6;
constexpr double kLongestMs = 3'600'000;

std::vector<Request> RequestsOf(const RequestClass& made_of, size_t index, size_t first_text) {
  std::vector<Request> requests;
  const size_t step = made_of.items_per_request;
  for (size_t first = 0; first < made_of.items.size(); first += step) {
    v1::ClassifyRequest request = made_of.settings;
    // The last one is filled up from the front, so that all carry as many.
    std::vector<uint32_t> texts;
    for (size_t i = first; i < first + step; ++i) {
      const size_t item = i % made_of.items.size();
      *request.add_items() = made_of.items[item];
      texts.push_back(static_cast<uint32_t>(first_text + item));
    }
    requests.push_back({index, request.SerializeAsString(), std::move(texts)});
  }
  return requests;
}

constexpr int kSpecialTokens = 2;
constexpr int kFewestTokens = kSpecialTokens + 1;
constexpr int kMostTokens = 100'000;

// The commonest words of English; each, with the blank before it, is one token of every vocabulary that was learned on
// it.
constexpr std::array kWords = {"the", "of", "and", "to", "a", "in", "is", "it", "that", "for", "with", "as"};

/// Hands every row of a file but empty ones to `take`, which returns what is wrong with it; empty: nothing.
absl::Status ForEachRow(const std::string& file, rows::Format format,
                        const std::function<std::string(rows::Row&)>& take) {
  using Outcome = rows::RowFile::Outcome;
  ASSIGN_OR_RETURN(const auto opened, rows::RowFile::Open(file, {.format = format}));
  rows::Row row;
  for (Outcome outcome; (outcome = opened->Next(std::chrono::hours(1), &row)) != Outcome::kEnd;) {
    if (outcome == Outcome::kNothingYet) continue;
    if (outcome == Outcome::kFailed) return opened->error();
    if (format == rows::Format::kText && row.values[rows::kText] == "") continue;
    const std::string problem = row.problem.empty() ? take(row) : row.problem;
    if (!problem.empty()) return errors::InvalidArgument(opened->name(), ":", row.line, ": ", problem);
  }
  return absl::OkStatus();
}

v1::Item ItemOf(std::string text) {
  v1::Item item;
  item.set_text(std::move(text));
  return item;
}

}  // namespace

Arrivals ConstantArrivals(double rate) {
  // From the count, so that rounding does not add up.
  return
      [rate, next = uint64_t{0}]() mutable { return std::llround(static_cast<double>(next++) * kNsPerSecond / rate); };
}

Arrivals PoissonArrivals(double rate, uint64_t seed) {
  return [random = std::mt19937_64(seed), distance = std::exponential_distribution<double>(rate),
          seconds = 0.0]() mutable { return std::llround((seconds += distance(random)) * kNsPerSecond); };
}

Arrivals RecordedArrivals(std::vector<int64_t> intervals_ns) {
  return [intervals_ns = std::move(intervals_ns), next = size_t{0},
          now_ns = int64_t{0}]() mutable -> std::optional<int64_t> {
    if (next == intervals_ns.size()) return std::nullopt;
    return now_ns += intervals_ns[next++];
  };
}

absl::StatusOr<std::vector<int64_t>> ReadIntervals(const std::string& file) {
  std::vector<int64_t> intervals_ns;
  RETURN_IF_ERROR(ForEachRow(file, rows::Format::kText, [&](rows::Row& row) -> std::string {
    double ms = -1;
    if (!absl::SimpleAtod(*row.values[rows::kText], &ms) || !(ms >= 0 && ms <= kLongestMs)) {
      return absl::StrCat("not a number of milliseconds from 0 to ", kLongestMs);
    }
    intervals_ns.push_back(static_cast<int64_t>(std::llround(ms * kNsPerMs)));
    return "";
  }));
  if (intervals_ns.empty()) return errors::InvalidArgument(file, ": no intervals");
  return intervals_ns;
}

absl::StatusOr<RequestMix> RequestMix::Make(std::vector<RequestClass> classes, uint64_t seed) {
  if (classes.empty()) return absl::InvalidArgumentError("a mix of no classes");
  for (const RequestClass& one : classes) {
    if (!(one.share > 0) || !std::isfinite(one.share)) {
      return errors::InvalidArgument("class ", one.name, ": share ", one.share, " is not positive");
    }
    if (one.items.empty() || one.items_per_request == 0) {
      return errors::InvalidArgument("class ", one.name, " has no items");
    }
    if (!one.labels.empty() && one.labels.size() != one.items.size()) {
      return errors::InvalidArgument("class ", one.name, ": ", one.labels.size(), " labels for ", one.items.size(),
                                     " items");
    }
  }
  return RequestMix(std::move(classes), seed);
}

RequestMix::RequestMix(std::vector<RequestClass> classes, uint64_t seed) : next_(classes.size()), random_(seed) {
  std::vector<double> shares;
  size_t first_text = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    names_.push_back(classes[i].name);
    shares.push_back(classes[i].share);
    requests_.push_back(RequestsOf(classes[i], i, first_text));
    first_text += classes[i].items.size();
    std::shuffle(requests_.back().begin(), requests_.back().end(), random_);
  }
  pick_ = std::discrete_distribution<size_t>(shares.begin(), shares.end());
}

const Request& RequestMix::Next() {
  const size_t index = pick_(random_);
  const std::vector<Request>& requests = requests_[index];
  return requests[next_[index]++ % requests.size()];
}

absl::StatusOr<Texts> ReadTexts(const std::string& file) {
  ASSIGN_OR_RETURN(const rows::Format format, rows::FormatOfFile(file, rows::Format::kText));
  Texts texts;
  bool labelled = false;
  RETURN_IF_ERROR(ForEachRow(file, format, [&](rows::Row& row) -> std::string {
    texts.items.push_back(ItemOf(*std::move(row.values[rows::kText])));
    if (row.values[rows::kPair]) texts.items.back().set_text_pair(*row.values[rows::kPair]);
    texts.labels.push_back(std::move(row.values[rows::kLabel]).value_or(""));
    labelled = labelled || !texts.labels.back().empty();
    return "";
  }));
  if (texts.items.empty()) return errors::InvalidArgument(file, ": no texts");
  if (!labelled) texts.labels.clear();
  return texts;
}

std::string TextOfTokens(int tokens, size_t variant) {
  std::string text;
  for (int i = 0; i < tokens - kSpecialTokens; ++i) {
    absl::StrAppend(&text, " ", kWords[variant % kWords.size()]);
    variant = variant / kWords.size() + static_cast<size_t>(i) + 1;
  }
  return text;
}

absl::StatusOr<std::vector<v1::Item>> TextsOfLengths(const std::string& file) {
  std::vector<v1::Item> items;
  RETURN_IF_ERROR(ForEachRow(file, rows::Format::kText, [&](rows::Row& row) -> std::string {
    int tokens = 0;
    if (!absl::SimpleAtoi(*row.values[rows::kText], &tokens) || tokens < kFewestTokens || tokens > kMostTokens) {
      return absl::StrCat("not a number of tokens from ", kFewestTokens, " to ", kMostTokens);
    }
    items.push_back(ItemOf(TextOfTokens(tokens, items.size())));
    return "";
  }));
  if (items.empty()) return errors::InvalidArgument(file, ": no lengths");
  return items;
}

std::vector<v1::Item> JoinedTexts(const std::vector<v1::Item>& items, size_t characters, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<size_t> any(0, items.size() - 1);
  std::vector<v1::Item> joined;
  for (size_t i = 0; i < count; ++i) {
    std::string text = items[any(random)].text();
    while (text.size() < characters) absl::StrAppend(&text, " ", items[any(random)].text());
    joined.push_back(ItemOf(std::move(text)));
  }
  return joined;
}

std::vector<v1::Item> BuiltInTexts() {
  constexpr const char* kSentences[] = {
      "a warm, funny and deeply moving film",
      "a dull, lifeless mess that never finds its story",
      "not bad at all",
      "the acting is superb, but the plot goes nowhere",
      "two hours of my life that i will never get back",
      "I laughed, I cried, and I would happily see it again.",
      "The camera lingers on every face as if it had all the time in the world, and so, after a while, do we.",
      "brilliant",
      "It is loud, it is long, and it mistakes confusion for depth.",
      "Nobody in this cast gives less than everything, and the script deserves it.",
      "so tedious that even the end credits feel like an improvement",
      "A small story, told with patience; what it leaves unsaid stays with you longest.",
  };
  std::vector<v1::Item> items;
  for (const char* sentence : kSentences) items.push_back(ItemOf(sentence));
  return items;
}

}  // namespace roberta::loadtest::workload
