#include "profiles/quality/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/test_paths.h"

namespace roberta::quality {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

checkpoint::ModelConfig TwoLabels() {
  checkpoint::ModelConfig config;
  config.labels = {"negative", "positive"};
  config.problem_type = checkpoint::ProblemType::kSingleLabel;
  return config;
}

absl::StatusOr<Sample> ParseTsv(std::string_view tsv, const checkpoint::ModelConfig& config = TwoLabels()) {
  auto data = ParseData(tsv, config, "s.tsv", {});
  if (!data.ok()) return data.status();
  return data->sample;
}

std::string ErrorOf(std::string_view tsv, const checkpoint::ModelConfig& config = TwoLabels()) {
  const auto sample = ParseTsv(tsv, config);
  EXPECT_EQ(sample.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(sample.status().message());
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  return message;
}

TEST(ParseData, ReadsLabelsByNameAndByIndex) {
  const auto sample = ParseTsv("label\ttext\npositive\tfine\n0\tdull\n");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(*sample, (Sample{{"fine", std::nullopt, 1}, {"dull", std::nullopt, 0}}));
}

TEST(ParseData, ANameWinsOverAnIndex) {
  checkpoint::ModelConfig config = TwoLabels();
  config.labels = {"1", "0"};
  const auto sample = ParseTsv("label\ttext\n0\tx\n", config);
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->front().label, 1);
}

TEST(ParseData, LabelsMayBeAbsent) {
  const auto sample = ParseTsv("text\r\nfine\r\ndull");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(*sample, (Sample{{"fine", std::nullopt, std::nullopt}, {"dull", std::nullopt, std::nullopt}}));
}

TEST(ParseData, NamesOfColumnsMayBeInCapitalsAndOthersArePassedOver) {
  const auto sample = ParseTsv("Source\tTEXT\tLabel\nx\tfine\tpositive\n");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(*sample, (Sample{{"fine", std::nullopt, 1}}));
}

TEST(ParseData, ReadsPairsWhateverTheOrderOfColumns) {
  const auto sample = ParseTsv("text_pair\ttext\nand so\tfine\n");
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->front(), (Example{"fine", "and so", std::nullopt}));
}

TEST(ParseData, NamesFileLineAndColumnOfWhatIsWrong) {
  EXPECT_EQ(ErrorOf("label\n"),
            "s.tsv:1: the header names no column \"text\"; a file begins with a line such as label<TAB>text");
  EXPECT_EQ(ErrorOf("text\ttext\n"), "s.tsv:1: the header names column \"text\" twice");
  EXPECT_EQ(ErrorOf("text\n"), "s.tsv:1: there is no example after the header");
  EXPECT_EQ(ErrorOf("label\ttext\n1\tfine\n1\n"), "s.tsv:3: 1 fields; the header has 2");
  EXPECT_EQ(ErrorOf("label\ttext\n1\t \n"), "s.tsv:2: text is blank");
  EXPECT_EQ(ErrorOf("text\n\n\t\nfine\n"), "s.tsv:3: 2 fields; the header has 1");
  EXPECT_EQ(ErrorOf("text\nab\xff\n"), "s.tsv:2: text: invalid UTF-8 at byte 2");
}

TEST(ParseData, RefusesALabelThatTheModelHasNot) {
  for (const char* label : {"2", "-1", "good", "", "99999999999999999999", "\xff\x01"}) {
    EXPECT_THAT(ErrorOf("label\ttext\n" + std::string(label) + "\tfine\n"),
                HasSubstr("is neither a label of the model nor the index of one"));
  }
}

TEST(ParseData, RefusesOneLabelForSeveralScores) {
  checkpoint::ModelConfig config = TwoLabels();
  config.problem_type = checkpoint::ProblemType::kRegression;
  EXPECT_THAT(ErrorOf("label\ttext\n0\tfine\n", config), HasSubstr("column label"));
}

TEST(ParseData, NamesAFileWithNothingInIt) {
  EXPECT_EQ(ErrorOf(""), "s.tsv: there is nothing in it");
  EXPECT_EQ(ErrorOf("\xEF\xBB\xBF"), "s.tsv: there is nothing in it");
}

TEST(ReadSample, NamesAFileThatIsNotThere) {
  const auto sample = ReadSample("/nonexistent/sample.tsv", TwoLabels());
  EXPECT_EQ(sample.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(sample.status().message()), HasSubstr("/nonexistent/sample.tsv"));
  EXPECT_EQ(ReadSample("/", TwoLabels()).status().code(), absl::StatusCode::kNotFound);
}

/// What ReadSample makes of a file with that text.
Sample SampleOf(const std::string& text, const checkpoint::ModelConfig& config, std::string* warning) {
  const checkpoint_fixture::ScratchDirectory scratch;
  checkpoint_fixture::WriteFile(scratch.In("sample.tsv"), text);
  auto sample = ReadSample(scratch.In("sample.tsv"), config, warning);
  EXPECT_TRUE(sample.ok()) << sample.status();
  return sample.ok() ? *sample : Sample();
}

TEST(ReadSample, LabelsForSeveralScoresArePassedOverWithAWarning) {
  checkpoint::ModelConfig config = TwoLabels();
  config.problem_type = checkpoint::ProblemType::kRegression;
  std::string warning;
  EXPECT_EQ(SampleOf("label\ttext\n0.5\tfine\n", config, &warning), (Sample{{"fine", std::nullopt, std::nullopt}}));
  EXPECT_THAT(warning, HasSubstr("sample.tsv:2: column label: a text has one label, and the model 2 scores"));
  EXPECT_THAT(warning, HasSubstr("; the 1 good rows are read without labels"));
}

TEST(ReadSample, AModelWithASingleScoreHasANumber) {
  checkpoint::ModelConfig config = TwoLabels();
  config.problem_type = checkpoint::ProblemType::kRegression;
  config.labels = {"score"};
  std::string warning;
  EXPECT_EQ(SampleOf("label\ttext\n-1.5\tfine\n", config, &warning).front().score, -1.5f);
  EXPECT_EQ(warning, "");
  EXPECT_EQ(SampleOf("label\ttext\nnan\tfine\n", config, &warning).front().score, std::nullopt);
  EXPECT_THAT(warning, HasSubstr("label \"nan\" is not a number, as the model's score is"));
}

TEST(ReadSample, AMultiLabelModelHasAListOfLabels) {
  checkpoint::ModelConfig config = TwoLabels();
  config.problem_type = checkpoint::ProblemType::kMultiLabel;
  config.labels = {"joy", "sorrow", "hope, faith"};
  std::string warning;
  const Sample sample = SampleOf("label\ttext\nsorrow, 0\ta\n\tb\nhope, faith\tc\n", config, &warning);
  EXPECT_EQ(warning, "");
  ASSERT_EQ(sample.size(), 3u);
  EXPECT_EQ(sample[0].labels, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(sample[1].labels, (std::vector<int32_t>{}));
  EXPECT_EQ(sample[2].labels, (std::vector<int32_t>{2}));
  EXPECT_EQ(SampleOf("label\ttext\njoy,anger\ta\n", config, &warning).front().labels, std::nullopt);
  EXPECT_THAT(warning, HasSubstr("label \"anger\" is neither a label of the model"));
}

TEST(ReadSample, RowsThatAreBadArePassedOverWithAWarning) {
  std::string warning;
  EXPECT_EQ(SampleOf("label\ttext\n1\tfine\n1\t\n1\tdull\tx\n0\tdull\n", TwoLabels(), &warning),
            (Sample{{"fine", std::nullopt, std::nullopt}, {"dull", std::nullopt, std::nullopt}}));
  EXPECT_THAT(warning, HasSubstr("sample.tsv:3: "));
}

TEST(ReadSample, LabelsThatTheModelHasNotArePassedOverWithAWarning) {
  std::string warning;
  EXPECT_EQ(SampleOf("label\ttext\nsad\tdull\n", TwoLabels(), &warning),
            (Sample{{"dull", std::nullopt, std::nullopt}}));
  EXPECT_THAT(warning, HasSubstr("label \"sad\" is neither"));
}

TEST(ReadSample, NothingIsSaidOfASoundFile) {
  std::string warning;
  EXPECT_EQ(SampleOf("label\ttext\n1\tfine\n", TwoLabels(), &warning), (Sample{{"fine", std::nullopt, 1}}));
  EXPECT_EQ(warning, "");
}

TEST(ReadSample, TheDemoModelsIsLabeledAndBalanced) {
  const auto sample = ReadSample(test_paths::InRepository("models/demo-sst2/sample.tsv"), TwoLabels());
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_GE(sample->size(), 200u);
  size_t positive = 0;
  for (const Example& example : *sample) positive += example.label == 1;
  EXPECT_EQ(positive * 2, sample->size());
}

}  // namespace
}  // namespace roberta::quality
