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

TEST(Situations, AStatusRemembersItsSituation) {
  for (const SituationRow& row : kSituations) EXPECT_STREQ(ReasonOf(MakeStatus(row.situation, "why")), row.name);
}

TEST(Situations, AnotherMessageDoesNotChangeTheSituation) {
  const absl::Status status = WithMessage(MakeStatus(Situation::kQueueFull, "why"), "because");
  EXPECT_STREQ(ReasonOf(status), "queue_full");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(status.message()), "because");
}

TEST(Situations, AStatusFromElsewhereHasNone) {
  EXPECT_STREQ(ReasonOf(absl::OkStatus()), "");
  EXPECT_STREQ(ReasonOf(absl::InternalError("why")), "");
}

TEST(Situations, EveryCodeIsFoundByItsSituation) {
  for (const SituationRow& row : kSituations) EXPECT_EQ(MakeStatus(row.situation, "why").code(), row.code) << row.name;
}

}  // namespace
}  // namespace roberta::service
