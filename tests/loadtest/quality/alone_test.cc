#include "loadtest/quality/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace roberta::loadtest::quality {
namespace {

using ::testing::ElementsAre;

workload::RequestClass ClassOf(const std::vector<std::string>& texts) {
  workload::RequestClass made = {.name = "main"};
  made.settings.set_profile("of the run");
  for (const std::string& text : texts) made.items.emplace_back().set_text(text);
  return made;
}

/// Answers a text with itself as the label.
absl::StatusOr<v1::ClassifyResponse> Echo(const v1::ClassifyRequest& request) {
  v1::ClassifyResponse response;
  response.add_results()->mutable_classification()->set_label(request.items(0).text());
  return response;
}

bool GoOn(size_t) {
  return true;
}

TEST(DistinctTexts, AreEachThereOnce) {
  const DistinctTexts texts({ClassOf({"a", "b", "a"}), ClassOf({"b", "c"})}, 100, 1);
  EXPECT_EQ(texts.requests().size(), 3u);
  EXPECT_EQ(texts.distinct(), 3u);
  EXPECT_THAT(texts.request_of_text(), ElementsAre(0, 1, 0, 1, 2));
}

// A text that is cut is another one than the same text whole.
TEST(DistinctTexts, TheSameTextWithOtherSettingsIsAnotherOne) {
  workload::RequestClass cut = ClassOf({"a"});
  cut.settings.set_truncation(v1::TRUNCATION_RIGHT);
  const DistinctTexts texts({ClassOf({"a"}), cut}, 100, 1);
  ASSERT_EQ(texts.requests().size(), 2u);
  EXPECT_EQ(texts.requests()[1].truncation(), v1::TRUNCATION_RIGHT);
}

TEST(DistinctTexts, OfVeryManyThereIsASampleThatTheSeedDecides) {
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back(std::to_string(i));
  const auto sampled = [&](uint64_t seed) {
    const DistinctTexts texts({ClassOf(many)}, 50, seed);
    EXPECT_EQ(texts.distinct(), 1000u);
    std::set<std::string> sample;
    for (size_t text = 0; text < many.size(); ++text) {
      const size_t place = texts.request_of_text()[text];
      if (place == DistinctTexts::kNotAsked) continue;
      EXPECT_EQ(texts.requests().at(place).items(0).text(), many[text]);
      sample.insert(many[text]);
    }
    EXPECT_EQ(sample.size(), 50u);
    return sample;
  };
  EXPECT_EQ(sampled(1), sampled(1));
  EXPECT_NE(sampled(1), sampled(2));
}

TEST(AskAlone, AsksTheProfileForEachDistinctTextOnce) {
  const DistinctTexts texts({ClassOf({"a", "b", "a"})}, 100, 1);
  std::vector<std::string> asked;
  const auto alone = AskAlone(
      texts, "quantized",
      [&](const v1::ClassifyRequest& request) {
        EXPECT_EQ(request.profile(), "quantized");
        EXPECT_EQ(request.items_size(), 1);
        asked.push_back(request.items(0).text());
        return Echo(request);
      },
      GoOn);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_THAT(asked, ElementsAre("a", "b"));
  EXPECT_THAT(alone->of_text, ElementsAre("a", "b", "a"));
  EXPECT_EQ(alone->unanswered, 0u);
}

TEST(AskAlone, ATextWithoutAnAnswerHasNoLabel) {
  const DistinctTexts texts({ClassOf({"a", "too long", "b"})}, 100, 1);
  const auto alone = AskAlone(
      texts, "",
      [](const v1::ClassifyRequest& request) -> absl::StatusOr<v1::ClassifyResponse> {
        if (request.items(0).text() == "too long") return absl::InvalidArgumentError("600 tokens");
        if (request.items(0).text() == "b") return v1::ClassifyResponse();
        return Echo(request);
      },
      GoOn);
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_THAT(alone->of_text, ElementsAre("a", "", ""));
  EXPECT_EQ(alone->unanswered, 2u);
  EXPECT_EQ(alone->why_unanswered, "600 tokens");
}

TEST(AskAlone, AServerThatIsGoneEndsIt) {
  const DistinctTexts texts({ClassOf({"a", "b"})}, 100, 1);
  const auto gone = [](const v1::ClassifyRequest&) -> absl::StatusOr<v1::ClassifyResponse> {
    return absl::UnavailableError("gone");
  };
  EXPECT_TRUE(absl::IsUnavailable(AskAlone(texts, "", gone, GoOn).status()));
}

TEST(AskAlone, AStopEndsIt) {
  const DistinctTexts texts({ClassOf({"a", "b", "c"})}, 100, 1);
  size_t asked = 0;
  const Ask ask = [&](const v1::ClassifyRequest& request) {
    ++asked;
    return Echo(request);
  };
  EXPECT_TRUE(absl::IsCancelled(AskAlone(texts, "", ask, [](size_t done) { return done < 2; }).status()));
  EXPECT_EQ(asked, 2u);
}

}  // namespace
}  // namespace roberta::loadtest::quality
