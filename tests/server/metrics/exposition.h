#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace roberta::metrics {

/// The sum of the samples of `name` that have all of `labels` (`code="OK"`) in a page of Prometheus' text format. NaN
/// if there are no such samples, so that a misspelled name equals nothing.
inline double SumOf(const std::string& page, std::string_view name, const std::vector<std::string_view>& labels = {}) {
  double sum = 0;
  bool found = false;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || (line[name.size()] != '{' && line[name.size()] != ' ')) continue;
    bool matches = true;
    for (const std::string_view label : labels) matches = matches && line.find(label) != std::string::npos;
    if (!matches) continue;
    found = true;
    sum += std::stod(line.substr(line.rfind(' ')));
  }
  return found ? sum : std::stod("nan");
}

}  // namespace roberta::metrics
