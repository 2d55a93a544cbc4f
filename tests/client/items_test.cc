#include "client/cli/items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace roberta::cli {
namespace {

using ::testing::HasSubstr;
using Outcome = ItemSource::Outcome;
constexpr std::chrono::milliseconds kLong(60000);

/// A file of its own that is gone after the test.
struct TemporaryFile {
  TemporaryFile(const std::string& name, const std::string& content) : path(testing::TempDir() + name) {
    std::ofstream(path, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  const std::string path;
};

struct ReadResult {
  std::vector<Item> items;
  absl::Status error;
};

ReadResult ReadAll(const std::string& path, const rows::RowFileOptions& options) {
  const auto source = RowsOfFile(path, options);
  EXPECT_TRUE(source.ok()) << source.status();
  ReadResult result;
  Item item;
  Outcome outcome;
  while ((outcome = (*source)->Next(kLong, &item)) == Outcome::kRow) result.items.push_back(item);
  EXPECT_NE(outcome, Outcome::kNothingYet);
  result.error = (*source)->error();
  return result;
}

TEST(ItemSource, CommandLineTextsKeepTheirOrder) {
  const auto source = TextsOfCommandLine({"a", "b"});
  Item item;
  ASSERT_EQ(source->Next(kLong, &item), Outcome::kRow);
  EXPECT_EQ(item.text, "a");
  ASSERT_EQ(source->Next(kLong, &item), Outcome::kRow);
  EXPECT_EQ(item.index, 1u);
  EXPECT_EQ(item.place, "text 2");
  EXPECT_EQ(source->Next(kLong, &item), Outcome::kEnd);
}

TEST(ItemSource, PlacesCountLinesAndIndexesCountItems) {
  const TemporaryFile file("source_places.tsv", "label\ttext\npositive\tgood\nbroken\nnegative\tbad\n");
  const auto [items, error] = ReadAll(file.path, {.format = rows::Format::kTsv});
  EXPECT_TRUE(error.ok()) << error;
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].place, file.path + ":2");
  EXPECT_FALSE(items[1].problem.ok());
  EXPECT_EQ(items[2].index, 2u);
  EXPECT_EQ(items[2].place, file.path + ":4");
  EXPECT_EQ(items[2].end_bytes, std::filesystem::file_size(file.path));
}

TEST(ItemSource, ABadHeaderFailsWithItsLine) {
  const TemporaryFile file("source_header.tsv", "sentence\tscore\n");
  const auto [items, error] = ReadAll(file.path, {.format = rows::Format::kTsv});
  EXPECT_TRUE(items.empty());
  EXPECT_THAT(std::string(error.message()), HasSubstr(file.path + ":1: the header names no column \"text\""));
}

TEST(ItemSource, ALineThatIsTooLongIsABadItem) {
  const TemporaryFile file("source_long.txt", "short\n" + std::string(5000, 'x') + "\nend\n");
  const auto [items, error] = ReadAll(file.path, {.longest_line_bytes = 100});
  ASSERT_EQ(items.size(), 3u);
  EXPECT_THAT(std::string(items[1].problem.message()), HasSubstr("more than 100 bytes"));
  EXPECT_EQ(items[2].text, "end");
}

TEST(ItemSource, FilesThatCannotBeReadAreNamed) {
  EXPECT_THAT(std::string(RowsOfFile("/no/such/file", {}).status().message()),
              HasSubstr("/no/such/file: cannot open: No such file"));
  EXPECT_THAT(std::string(RowsOfFile(testing::TempDir(), {}).status().message()), HasSubstr("Is a directory"));
}

}  // namespace
}  // namespace roberta::cli
