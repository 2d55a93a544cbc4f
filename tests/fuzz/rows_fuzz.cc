// Reads the input as rows in each of the formats, whole and in two pieces, which must give the same rows. The first two
// bytes say where it is cut.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "profiles/rows/rows.h"
#include "profiles/tokenizer/utf8.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta;

constexpr size_t kLongestMessageBytes = 2000;  // a quoted value is cut at 200 bytes, of which each may be escaped

void TakeAll(rows::RowParser* parser, std::string_view* rest, bool ended, std::vector<rows::Row>* rows) {
  while (rows->empty() || !rows->back().is_last) {
    std::optional<rows::Row> row = parser->Take(rest, ended);
    if (!row) return;
    rows->push_back(*std::move(row));
  }
}

void CheckRow(const rows::Row& row) {
  Require(row.line > 0 && (row.problem.empty() || row.problem.size() < kLongestMessageBytes));
  Require(row.problem.find('\n') == std::string::npos && !tokenizer::FirstInvalidUtf8(row.problem));
  Require(!row.is_last || !row.problem.empty());
  if (!row.problem.empty()) return;
  Require(row.values[rows::kText].has_value());
  for (const rows::Column column : {rows::kText, rows::kPair, rows::kId}) {
    Require(!row.values[column] || !tokenizer::FirstInvalidUtf8(*row.values[column]));
  }
}

void Try(std::string_view text, size_t cut, const rows::RowOptions& options) {
  std::vector<rows::Row> whole, in_pieces;
  std::string_view rest = text;
  rows::RowParser parser(options);
  TakeAll(&parser, &rest, true, &whole);
  Require(rest.empty() || (!whole.empty() && whole.back().is_last));
  for (const rows::Row& row : whole) CheckRow(row);

  rows::RowParser other(options);
  rest = text.substr(0, cut);
  TakeAll(&other, &rest, false, &in_pieces);
  std::string left(rest);
  left += text.substr(cut);
  rest = left;
  TakeAll(&other, &rest, true, &in_pieces);
  Require(in_pieces.size() == whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    Require(whole[i].line == in_pieces[i].line && whole[i].bytes == in_pieces[i].bytes);
    Require(whole[i].values == in_pieces[i].values && whole[i].problem == in_pieces[i].problem);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t cut = (data[0] + 256u * data[1]) % (text.size() + 1);
  for (const auto format : {rows::Format::kText, rows::Format::kTsv, rows::Format::kCsv, rows::Format::kJsonl}) {
    Try(text, cut, {.format = format});
  }
  return 0;
}
