#include "loadtest/report/presentation.h"

#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace roberta::loadtest::report {

std::string Count(int64_t value) {
  return WithSeparators(absl::StrCat(std::max<int64_t>(0, value)));
}

std::string Digits(double value) {
  const double size = std::abs(value);
  return Decimals(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

std::string WithSeparators(const std::string& number) {
  const bool negative = !number.empty() && number.front() == '-';
  const std::string digits = number.substr(negative ? 1 : 0);
  const size_t point = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string whole;
  for (size_t i = 0; i < point; ++i) {
    if (i > 0 && (point - i) % 3 == 0) whole += ',';
    whole += digits[i];
  }
  const bool zero = digits.find_first_of("123456789") == std::string::npos;
  return absl::StrCat(negative && !zero ? "−" : "", whole, digits.substr(point));
}

std::string Decimals(double value, int decimals) {
  return WithSeparators(absl::StrFormat("%.*f", decimals, value));
}

std::string Decimals(const std::optional<Spread>& spread, int decimals) {
  return spread ? Decimals(spread->median, decimals) : kNotMeasured;
}

std::string Percent(const std::optional<double>& share) {
  return share ? absl::StrFormat("%.2f %%", 100 * *share) : kNotMeasured;
}

std::string List(const std::vector<std::string>& names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
  }
  return list;
}

std::string Some(size_t count, const std::string& one, const std::string& many) {
  return count == 1 ? one : absl::StrCat(count, " ", many);
}

void Append(Blocks more, Blocks* blocks) {
  for (Block& block : more) blocks->push_back(std::move(block));
}

std::vector<document::Column> Columns(const std::vector<std::string>& texts, const std::vector<std::string>& numbers,
                                      const std::vector<std::string>& more_texts) {
  std::vector<document::Column> columns;
  for (const std::string& title : texts) columns.push_back({title, Align::kText});
  for (const std::string& title : numbers) columns.push_back({title});
  for (const std::string& title : more_texts) columns.push_back({title, Align::kText});
  return columns;
}

Table WithoutEmptyColumns(const Table& table) {
  Table slim = {table.caption, {}, std::vector<std::vector<Cell>>(table.rows.size())};
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool empty = std::ranges::all_of(
        table.rows, [&](const std::vector<Cell>& row) { return i >= row.size() || row[i].text.empty(); });
    if (empty) continue;
    slim.columns.push_back(table.columns[i]);
    for (size_t row = 0; row < table.rows.size(); ++row) {
      slim.rows[row].push_back(i < table.rows[row].size() ? table.rows[row][i] : Cell());
    }
  }
  return slim;
}

Cell RangeCell(const Spread& spread, int decimals, bool strong) {
  const std::string low = Decimals(spread.low, decimals), high = Decimals(spread.high, decimals);
  return {.text = Decimals(spread.median, decimals),
          .strong = strong,
          .swatch = {},
          .note = low == high ? "" : absl::StrCat(low, " to ", high)};
}

Blocks MissingNote(const std::vector<std::string>& reasons) {
  if (reasons.empty()) return {};
  return {
      Paragraph{absl::StrCat("Not measured, at least in part: ", absl::StrJoin(reasons, "; "), "."), TextStyle::kNote}};
}

namespace {

using document::Color;
using document::SeriesStyle;

constexpr Color kBlack = {0x3a, 0x3a, 0x3a};  // not quite: it stands beside text
constexpr Color kOrange = {0xe6, 0x9f, 0x00};
constexpr Color kSkyBlue = {0x56, 0xb4, 0xe9};
constexpr Color kGreen = {0x00, 0x9e, 0x73};
constexpr Color kYellow = {0xd9, 0xc8, 0x1f};  // darker than theirs, which is lost on white paper
constexpr Color kBlue = {0x00, 0x72, 0xb2};
constexpr Color kVermilion = {0xd5, 0x5e, 0x00};
constexpr Color kPurple = {0xcc, 0x79, 0xa7};

struct Named {
  std::string_view name;
  SeriesStyle style;
};

constexpr std::array<Named, 7> kProfiles = {{{"baseline", {kBlack, 0, 0}},
                                             {"quantized", {kBlue, 0, 1}},
                                             {"pruned", {kOrange, 0, 2}},
                                             {"amp", {kGreen, 1, 3}},
                                             {"integrated", {kVermilion, 0, 4}},
                                             {"reference", {kPurple, 2, 5}},
                                             {"auto", {kSkyBlue, 3, 6}}}};

constexpr std::array<SeriesStyle, 8> kOthers = {{{kSkyBlue, 1, 7},
                                                 {kYellow, 0, 0},
                                                 {kPurple, 1, 1},
                                                 {kGreen, 2, 2},
                                                 {kBlue, 3, 3},
                                                 {kOrange, 3, 4},
                                                 {kVermilion, 2, 5},
                                                 {kBlack, 2, 6}}};

constexpr std::array<Named, 6> kPhases = {{{"tokenize", {kSkyBlue, 0, 0}},
                                           {"queue", {kOrange, 0, 1}},
                                           {"form", {kPurple, 0, 2}},
                                           {"infer", {kBlue, 0, 3}},
                                           {"post", {kGreen, 0, 4}},
                                           {"outside", {{0xbb, 0xbb, 0xbb}, 0, 5}}}};

}  // namespace

SeriesStyle StyleOf(std::string_view profile, size_t index) {
  for (const Named& named : kProfiles) {
    if (named.name == profile) return named.style;
  }
  return kOthers[index % kOthers.size()];
}

SeriesStyle PhaseStyle(std::string_view phase) {
  for (const Named& named : kPhases) {
    if (named.name == phase) return named.style;
  }
  return {kBlack, 0, 0};
}

}  // namespace roberta::loadtest::report
