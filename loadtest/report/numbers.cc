#include "loadtest/report/numbers.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/terminal/progress.h"

namespace roberta::report {

std::string Count(int64_t value) {
  return terminal::WithSeparators(static_cast<uint64_t>(std::max<int64_t>(0, value)));
}

std::string Digits(double value) {
  const double size = std::abs(value);
  return Decimals(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

std::string Decimals(double value, int decimals) {
  const std::string text = absl::StrFormat("%.*f", decimals, std::abs(value));
  const size_t point = std::min(text.find('.'), text.size());
  std::string whole;
  for (size_t i = 0; i < point; ++i) {
    if (i > 0 && (point - i) % 3 == 0) whole += ',';
    whole += text[i];
  }
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  return absl::StrCat(value < 0 && !zero ? "−" : "", whole, text.substr(point));
}

std::string Decimals(const std::optional<stats::Spread>& spread, int decimals) {
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

}  // namespace roberta::report
