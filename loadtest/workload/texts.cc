#include "loadtest/workload/texts.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "profiles/rows/row_file.h"

namespace roberta::loadtest::workload {

namespace {

constexpr int kSpecialTokens = 2;
constexpr int kFewestTokens = kSpecialTokens + 1;
constexpr int kMostTokens = 100'000;

// The commonest words of English; each, with the blank before it, is one token of every vocabulary that was learned on
// it.
constexpr std::array kWords = {"the", "of", "and", "to", "a", "in", "is", "it", "that", "for", "with", "as"};

v1::Item ItemOf(std::string text) {
  v1::Item item;
  item.set_text(std::move(text));
  return item;
}

}  // namespace

absl::StatusOr<Texts> ReadTexts(const std::string& file) {
  using Outcome = rows::RowFile::Outcome;
  auto opened = rows::RowFile::Open(file, {.format = rows::FormatOfFile(file, rows::Format::kText)});
  if (!opened.ok()) return opened.status();
  Texts texts;
  bool labelled = false;
  rows::Row row;
  while (true) {
    const Outcome outcome = (*opened)->Next(std::chrono::hours(1), &row);
    if (outcome == Outcome::kNothingYet) continue;
    if (outcome == Outcome::kFailed) return (*opened)->error();
    if (outcome == Outcome::kEnd) break;
    if (!row.problem.empty()) {
      return absl::InvalidArgumentError(absl::StrCat((*opened)->name(), ":", row.line, ": ", row.problem));
    }
    texts.items.push_back(ItemOf(*std::move(row.values[rows::kText])));
    if (row.values[rows::kPair]) texts.items.back().set_text_pair(*row.values[rows::kPair]);
    texts.labels.push_back(std::move(row.values[rows::kLabel]).value_or(""));
    labelled = labelled || !texts.labels.back().empty();
  }
  if (texts.items.empty()) return absl::InvalidArgumentError(absl::StrCat(file, ": no texts"));
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
  std::ifstream stream(file);
  if (!stream) return absl::NotFoundError(absl::StrCat(file, ": cannot open: ", std::strerror(errno)));
  std::vector<v1::Item> items;
  for (std::string line; std::getline(stream, line);) {
    int tokens = 0;
    if (!absl::SimpleAtoi(absl::StripSuffix(line, "\r"), &tokens) || tokens < kFewestTokens || tokens > kMostTokens) {
      return absl::InvalidArgumentError(absl::StrCat(file, ":", items.size() + 1, ": not a number of tokens from ",
                                                     kFewestTokens, " to ", kMostTokens));
    }
    items.push_back(ItemOf(TextOfTokens(tokens, items.size())));
  }
  if (items.empty()) return absl::InvalidArgumentError(absl::StrCat(file, ": no lengths"));
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
