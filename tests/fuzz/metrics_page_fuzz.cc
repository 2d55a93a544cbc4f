// Reads the input as a page of metrics, as a line of a server's log and as a list of cores.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "loadtest/target/metrics_page.h"
#include "loadtest/target/metrics_watch.h"
#include "loadtest/target/server_process.h"
#include "tests/fuzz/require.h"

namespace {

using namespace roberta::loadtest::target;

std::string Escaped(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
  return text;
}

/// The page as a server would write it.
std::string Print(const MetricsPage& page) {
  std::string text;
  for (const auto& [name, all] : page.series()) {
    for (const MetricSeries& one : all) {
      text += name + "{";
      for (const auto& [label, value] : one.labels) text += label + "=\"" + Escaped(value) + "\",";
      char number[64];
      std::snprintf(number, sizeof number, "} %.17g\n", one.value);
      text += number;
    }
  }
  return text;
}

void CheckPage(std::string_view text) {
  const auto page = MetricsPage::Parse(text);
  if (!page.ok()) {
    Require(page.status().message().find("line ") == 0);
    return;
  }
  const std::string printed = Print(*page);
  const auto again = MetricsPage::Parse(printed);
  Require(again.ok());
  Require(Print(*again) == printed);
  for (const auto& [name, all] : page->series()) Require(!all.empty() && page->Has(name));
  const auto sample = SampleOf(*page, 0);
  if (sample.ok()) Require(sample->resident_bytes >= 0 && sample->cpu_seconds >= 0);
  const auto counters = CountersBetween(*page, *page);
  if (counters.ok()) Require(counters->requests == 0 && counters->batches == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckPage(text);
  if (const auto serving = ParseServingLine(text)) {
    Require(!serving->address.empty() && !serving->metrics_address.empty());
  }
  const auto cpus = ParseCpus(std::string(text));
  if (cpus.ok()) {
    for (const int cpu : *cpus) Require(cpu >= 0);
  }
  return 0;
}
