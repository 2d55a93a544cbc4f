#include "client/cli/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roberta::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::ListProfilesResponse Profiles() {
  v1::ListProfilesResponse response;
  response.set_model("demo");
  response.set_model_revision("0123");
  response.set_max_tokens(512);
  response.add_labels("no");
  response.add_labels("yes");
  v1::ProfileInfo* ready = response.add_profiles();
  ready->set_name("fast");
  ready->set_recipe("quantized");
  ready->set_is_default(true);
  ready->set_state(v1::READY);
  ready->set_precision("int8");
  ready->add_kernels("one");
  ready->add_kernels("two");
  ready->set_weight_bytes(3 << 20);
  ready->set_agreement(0.99609375);
  ready->set_accuracy(0.75);
  ready->set_expected_tokens_per_second(12345.6);
  v1::ProfileInfo* failed = response.add_profiles();
  failed->set_name("pruned");
  failed->set_recipe("pruned");
  failed->set_state(v1::FAILED);
  failed->set_reason("quality gate: missed\x1b[2J");
  failed->set_agreement(0.5);
  return response;
}

TEST(ProfilesText, ShowsWhatIsKnownOfEachProfile) {
  const std::string text = ProfilesText(Profiles());
  for (const char* part : {"fast (default)", "READY", "quantized", "int8", "3.0 MiB", "75.00 %", "99.61 %", "12346",
                           "one, two", "model demo, revision 0123, at most 512 tokens, labels: no, yes"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ProfilesText, SaysWhyAProfileIsNotReadyAndDrivesNoTerminal) {
  const std::string text = ProfilesText(Profiles());
  EXPECT_THAT(text, HasSubstr("\npruned: quality gate: missed [2J\n"));
  EXPECT_THAT(text, HasSubstr("50.00 %"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(ProfilesText, SaysWhyQualityIsNotMeasured) {
  v1::ListProfilesResponse response = Profiles();
  response.mutable_profiles(0)->clear_agreement();
  response.mutable_profiles(0)->set_quality_reason("there is no sample");
  EXPECT_THAT(ProfilesText(response), HasSubstr("fast: quality not measured: there is no sample\n"));
}

TEST(ComparisonText, PutsProfilesSideBySide) {
  v1::CompareResponse response;
  response.set_baseline_profile("baseline");
  v1::ProfileComparison* baseline = response.add_comparisons();
  baseline->set_profile("baseline");
  baseline->set_infer_ns(2000000);
  baseline->set_time_ratio(1);
  baseline->set_max_abs_dp(0);
  baseline->set_same_label(true);
  baseline->mutable_classification()->set_label("yes");
  baseline->mutable_classification()->set_score(0.9f);
  v1::ProfileComparison* other = response.add_comparisons();
  *other = *baseline;
  other->set_profile("fast");
  other->set_infer_ns(500000);
  other->set_time_ratio(0.25);
  other->set_max_abs_dp(0.5);
  other->set_same_label(false);
  other->mutable_classification()->set_label("no");
  v1::ProfileComparison* failed = response.add_comparisons();
  failed->set_profile("gone");
  failed->mutable_status()->set_code(9);
  failed->mutable_status()->set_message("profile \"gone\" is not ready");
  EXPECT_EQ(ComparisonText(response),
            "profile              label                score   ms     x baseline  |dp|\n"
            "baseline (baseline)  yes                  0.9000  2.000  1.00        0.0000\n"
            "fast                 no (!)               0.9000  0.500  0.25        0.5000\n"
            "gone                 FAILED_PRECONDITION  -       -      -           -\n"
            "\n"
            "profile \"gone\" is not ready\n");
}

}  // namespace
}  // namespace roberta::cli
