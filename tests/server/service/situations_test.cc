#include "server/service/situations.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/test_paths.h"

namespace roberta::service {
namespace {

TEST(Situations, TableIsTheGoldenOne) {
  std::ostringstream table;
  table << "situation\tcode\n";
  for (const SituationRow& row : kSituations) table << row.name << '\t' << absl::StatusCodeToString(row.code) << '\n';
  std::ostringstream golden;
  golden << std::ifstream(test_paths::InRepository("tests/golden/status_table.tsv")).rdbuf();
  EXPECT_EQ(table.str(), golden.str());
}

TEST(Situations, RowsStandInTheOrderOfTheEnumeration) {
  for (size_t i = 0; i < kSituations.size(); ++i) EXPECT_EQ(static_cast<size_t>(kSituations[i].situation), i);
}

TEST(Situations, EveryCodeIsFoundByItsSituation) {
  for (const SituationRow& row : kSituations) EXPECT_EQ(MakeStatus(row.situation, "why").code(), row.code) << row.name;
}

}  // namespace
}  // namespace roberta::service
