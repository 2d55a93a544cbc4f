#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "profiles/quality/sample.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::quality {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

checkpoint::ModelConfig TwoLabels() {
  checkpoint::ModelConfig config;
  config.labels = {"negative", "positive"};
  config.problem_type = checkpoint::ProblemType::kSingleLabel;
  return config;
}

absl::StatusOr<Data> Parse(std::string_view text, std::string_view file, const DataOptions& options = {}) {
  return ParseData(text, TwoLabels(), file, options);
}

Sample SampleOf(std::string_view text, std::string_view file, const DataOptions& options = {}) {
  const auto data = Parse(text, file, options);
  EXPECT_TRUE(data.ok()) << data.status();
  return data.ok() ? data->sample : Sample();
}

std::string ErrorOf(std::string_view text, std::string_view file, const DataOptions& options = {}) {
  const auto data = Parse(text, file, options);
  EXPECT_EQ(data.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(data.status().message());
}

const Sample kFineAndDull = {{"fine", std::nullopt, 1}, {"dull", std::nullopt, 0}};

TEST(Data, TheNameOfAFileTellsItsFormat) {
  EXPECT_EQ(SampleOf("label\ttext\npositive\tfine\n0\tdull\n", "d.tsv"), kFineAndDull);
  EXPECT_EQ(SampleOf("label,text\npositive,fine\n0,dull\n", "d.csv"), kFineAndDull);
  EXPECT_EQ(SampleOf("{\"text\": \"fine\", \"label\": \"positive\"}\n{\"text\": \"dull\", \"label\": 0}\n", "d.jsonl"),
            kFineAndDull);
}

TEST(Data, AFormatThatIsGivenCounts) {
  EXPECT_EQ(SampleOf("label,text\n1,fine\n0,dull\n", "d.tsv", {.format = rows::Format::kCsv}), kFineAndDull);
}

TEST(Data, AJsonObjectMayHaveAPairAndOtherFields) {
  EXPECT_EQ(SampleOf(R"({"text": "a", "text_pair": "b", "label": null, "id": 7})", "d.jsonl"),
            (Sample{{"a", "b", std::nullopt}}));
}

TEST(Data, AByteOrderMarkIsNoPartOfAName) {
  EXPECT_EQ(SampleOf("\xEF\xBB\xBFlabel,text\n1,fine\n0,dull\n", "d.csv"), kFineAndDull);
}

TEST(Data, ATextOfCsvMayHaveLines) {
  EXPECT_EQ(SampleOf("text\n\"one\ntwo\"\n", "d.csv"), (Sample{{"one\ntwo", std::nullopt, std::nullopt}}));
}

TEST(Data, NamesLineAndValueOfABadRow) {
  EXPECT_EQ(ErrorOf("text,label\n\"a\nb\",1\nc,good\n", "d.csv"),
            "d.csv:4: label \"good\" is neither a label of the model nor the index of one");
  EXPECT_EQ(ErrorOf("{\"text\": \"a\"}\n{\"text\": 5}\n", "d.jsonl"), "d.jsonl:2: text is 5; it must be a string");
  EXPECT_EQ(ErrorOf("{\"text\": \"a\", \"label\": 0.5}\n", "d.jsonl"),
            "d.jsonl:1: label is 0.5; it must be a string or an integer");
  EXPECT_EQ(ErrorOf("[1]\n", "d.jsonl"), "d.jsonl:1: [1] is not a JSON object");
  EXPECT_EQ(ErrorOf("{\"label\": 1}\n", "d.jsonl"), "d.jsonl:1: text is missing");
  EXPECT_THAT(ErrorOf("{\"text\": \"a\"}\n\n{\n", "d.jsonl"), HasSubstr("d.jsonl:3: not JSON"));
}

TEST(Data, LabelsAreInAllRowsOrInNone) {
  EXPECT_EQ(ErrorOf("{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"}\n", "d.jsonl"),
            "d.jsonl:2: label is missing; rows before it have one");
  EXPECT_EQ(ErrorOf("{\"text\": \"a\"}\n{\"text\": \"b\", \"label\": 1}\n", "d.jsonl"),
            "d.jsonl:2: there is a label, and rows before it have none");
}

TEST(Data, BadRowsAreSkippedIfWished) {
  const auto data = Parse("label\ttext\n1\tfine\n7\tx\nx\n\n0\tdull\n", "d.tsv", {.skip_bad_rows = true});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->sample, kFineAndDull);
  EXPECT_EQ(data->bad_rows, 2u);
  EXPECT_THAT(data->problems, ElementsAre("d.tsv:3: label \"7\" is neither a label of the model nor the index of one",
                                          "d.tsv:4: 1 fields; the header has 2"));
}

std::string Repeated(const std::string& line, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += line;
  return text;
}

TEST(Data, OfManyBadRowsTheFirstAreTold) {
  const auto data = Parse("text\nfine\n" + Repeated(" \n", 100), "d.tsv", {.skip_bad_rows = true});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->bad_rows, 100u);
  EXPECT_THAT(data->problems, SizeIs(kMostProblems));
}

TEST(Data, BadRowsAloneAreAnError) {
  EXPECT_EQ(ErrorOf("text\n \n\n", "d.tsv", {.skip_bad_rows = true}),
            "d.tsv:2: text is blank; no other row is good either");
}

TEST(Data, WhatFollowsAnUnclosedQuoteIsNotSkipped) {
  EXPECT_EQ(ErrorOf("text\nfine\n\"dull\nrest\n", "d.csv", {.skip_bad_rows = true}),
            "d.csv:3: a value begins with a double quote, and none ends it");
}

TEST(Data, LabelsArePassedOverIfNobodyAsks) {
  EXPECT_EQ(SampleOf("label\ttext\nunknown\tfine\n", "d.tsv", {.read_labels = false}),
            (Sample{{"fine", std::nullopt, std::nullopt}}));
}

TEST(Data, AFileThatIsTooLargeIsNotRead) {
  const checkpoint_fixture::ScratchDirectory scratch;
  const std::string path = scratch.In("d.tsv");
  checkpoint_fixture::WriteFile(path, "text\n");
  std::filesystem::resize_file(path, (64u << 20) + 1);
  const auto data = ReadData(path, TwoLabels(), {});
  EXPECT_EQ(data.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(data.status().message()),
              EndsWith("d.tsv: 67108865 bytes; a file of examples has at most 67108864"));
}

}  // namespace
}  // namespace roberta::quality
