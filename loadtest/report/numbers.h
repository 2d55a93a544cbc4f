#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/stats/order_statistics.h"

namespace roberta::report {

inline constexpr char kNotMeasured[] = "not measured";

/// "12,345"; below 0 counts as 0.
std::string Count(int64_t value);

/// For running text: three digits, or more where it is whole: "12,345", "404", "31.7", "0.412".
std::string Digits(double value);

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

}  // namespace roberta::report
