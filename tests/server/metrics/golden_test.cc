#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "tests/server/metrics/exposed_metrics.h"
#include "tests/test_paths.h"

namespace roberta::metrics {
namespace {

struct Family {
  std::string type;
  std::string help;
  std::set<std::string> labels;
};

/// The names of the labels in `{a="x",b="y"}`, without `le`, which every histogram has.
std::set<std::string> LabelsOf(const std::string& sample) {
  std::set<std::string> labels;
  for (size_t at = sample.find('{'); at != std::string::npos && sample[at] != '}';) {
    const size_t equals = sample.find("=\"", at);
    labels.insert(sample.substr(at + 1, equals - at - 1));
    at = sample.find('"', equals + 2) + 1;
  }
  labels.erase("le");
  return labels;
}

/// Reads the part of Prometheus' text format that this server writes.
std::map<std::string, Family> FamiliesOf(const std::string& page) {
  std::map<std::string, Family> families;
  std::istringstream lines(page);
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string mark, kind;
    if (line.starts_with("# ")) {
      words >> mark >> kind >> current;
      std::getline(words >> std::ws, kind == "TYPE" ? families[current].type : families[current].help);
    } else if (!current.empty() && line.starts_with(current)) {
      families[current].labels.merge(LabelsOf(line));
    }
  }
  return families;
}

ExposedMetrics WithEverything() {
  return ExposedMetrics({.profiles = {"baseline"},
                         .failure_reasons = {"queue_full"},
                         .rpc_methods = {"roberta.v1.Classifier/Classify"},
                         .rpc_codes = {0}});
}

TEST(MetricNames, AreTheGoldenOnes) {
  std::string table = "metric\ttype\tlabels\n";
  for (const auto& [name, family] : FamiliesOf(WithEverything().Scrape())) {
    table +=
        name + "\t" + family.type + "\t" + (family.labels.empty() ? "-" : absl::StrJoin(family.labels, ",")) + "\n";
  }
  std::ostringstream golden;
  golden << std::ifstream(test_paths::InRepository("tests/golden/metrics.tsv")).rdbuf();
  EXPECT_EQ(table, golden.str());
}

TEST(MetricNames, HaveHelpLinesAndUnits) {
  for (const auto& [name, family] : FamiliesOf(WithEverything().Scrape())) {
    EXPECT_FALSE(family.help.empty()) << name;
    EXPECT_EQ(family.type == "counter", name.ends_with("_total")) << name;
    EXPECT_TRUE(name.starts_with("roberta_") || name.starts_with("grpc_server_") || name.starts_with("process_"))
        << name;
    for (const char* unit : {"_ms", "_us", "_ns", "_milliseconds", "_percent", "_kilobytes"}) {
      EXPECT_EQ(name.find(unit), std::string::npos) << name;
    }
  }
}

}  // namespace
}  // namespace roberta::metrics
