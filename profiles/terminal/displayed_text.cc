#include "profiles/terminal/displayed_text.h"

#include <sys/ioctl.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace roberta::terminal {
namespace {

constexpr UChar32 kReplacement = 0xFFFD;
constexpr char kEllipsis[] = "\xE2\x80\xA6";

/// Category of what takes no room of its own.
bool IsInvisible(UChar32 code_point) {
  return (U_GET_GC_MASK(code_point) & (U_GC_MN_MASK | U_GC_ME_MASK | U_GC_CF_MASK)) != 0;
}

bool IsControl(UChar32 code_point) {
  // Line and paragraph separators and directional controls can rearrange a line as well.
  return (U_GET_GC_MASK(code_point) & (U_GC_CC_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK)) != 0 ||
         u_hasBinaryProperty(code_point, UCHAR_BIDI_CONTROL);
}

size_t ColumnsOfCodePoint(UChar32 code_point) {
  if (IsControl(code_point)) return 1;
  if (IsInvisible(code_point)) return 0;
  const int width = u_getIntPropertyValue(code_point, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

UChar32 Next(std::string_view text, size_t* at) {
  UChar32 code_point;
  U8_NEXT(text.data(), *at, text.size(), code_point);
  return code_point < 0 ? kReplacement : code_point;
}

}  // namespace

size_t ColumnsOf(std::string_view text) {
  size_t columns = 0;
  for (size_t at = 0; at < text.size();) columns += ColumnsOfCodePoint(Next(text, &at));
  return columns;
}

std::string FitToColumns(std::string_view text, size_t columns) {
  std::string fitted;
  size_t used = 0, cut_at = 0, used_at_cut = 0;  // the cut leaves a column for the ellipsis
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const UChar32 code_point = Next(text, &at);
    const size_t width = ColumnsOfCodePoint(code_point);
    if (used + width > columns) {
      fitted.resize(cut_at);
      if (columns > 0) fitted += kEllipsis;
      used = used_at_cut + (columns > 0 ? 1 : 0);
      break;
    }
    if (IsControl(code_point)) {
      fitted += ' ';
    } else {
      fitted += text.substr(begin, at - begin);
    }
    used += width;
    if (used < columns) {
      cut_at = fitted.size();
      used_at_cut = used;
    }
  }
  return fitted.append(columns - used, ' ');
}

std::string Shown(std::string_view text) {
  return FitToColumns(text, ColumnsOf(text));
}

size_t TerminalColumns(int fd, size_t otherwise) {
  winsize size = {};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

std::string TableText(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], ColumnsOf(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) absl::StrAppend(&line, i > 0 ? "  " : "", FitToColumns(row[i], widths[i]));
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace roberta::terminal
