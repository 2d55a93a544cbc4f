#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/stats/order_statistics.h"

namespace roberta::loadtest::report {

inline constexpr char kNotMeasured[] = "not measured";

/// "12,345"; below 0 counts as 0.
std::string Count(int64_t value);

/// For running text: three digits, or more where it is whole: "12,345", "404", "31.7", "0.412".
std::string Digits(double value);

/// "1234.50 %" as "1,234.50 %", "-1" with a minus of its own; other text stays as it is.
std::string WithSeparators(const std::string& number);

/// For columns, whose numbers have as many decimals as `decimals` says: "1,234.50".
std::string Decimals(double value, int decimals);
/// Its median, or "not measured".
std::string Decimals(const std::optional<stats::Spread>& spread, int decimals);

/// "88.30 %", or "not measured".
std::string Percent(const std::optional<double>& share);
/// As "quantized, amp and pruned".
std::string List(const std::vector<std::string>& names);

/// "a run", "3 runs".
std::string Some(size_t count, const std::string& one, const std::string& many);

/// How a profile looks, the same in every chart of every report: eight colors that color-blind readers can tell apart
/// (Okabe and Ito, "Color Universal Design", 2008). A profile of another name gets one by its `index` among the others.
document::SeriesStyle StyleOf(std::string_view profile, size_t index);

/// How a phase of a call looks: "tokenize", "queue", "form", "infer", "post", "outside".
document::SeriesStyle PhaseStyle(std::string_view phase);

}  // namespace roberta::loadtest::report
