#include "profiles/rows/row_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

namespace roberta::rows {
namespace {

using ::testing::HasSubstr;
using Outcome = RowFile::Outcome;
constexpr std::chrono::milliseconds kLong(60000);

/// A pipe whose other end a test writes to.
struct Pipe {
  Pipe() { EXPECT_EQ(pipe(ends), 0); }
  ~Pipe() {
    close(ends[0]);
    CloseWriter();
  }
  void Write(const std::string& text) const {
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void CloseWriter() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  int ends[2];
};

std::vector<std::string> AllLines(const std::string& text, size_t longest = 100) {
  Pipe pipe;
  pipe.Write(text);
  pipe.CloseWriter();
  RowFile file(pipe.ends[0], "pipe", {.longest_line_bytes = longest});
  std::vector<std::string> lines;
  Row row;
  while (file.Next(kLong, &row) == Outcome::kRow) {
    lines.push_back(row.is_too_long ? "<too long>" : *row.values[kText]);
    EXPECT_EQ(row.line, lines.size());
  }
  EXPECT_TRUE(file.error().ok()) << file.error();
  EXPECT_EQ(file.bytes(), text.size());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(RowFile, CutsAtLineFeeds) {
  EXPECT_EQ(AllLines("a\n\nbc\n"), (Lines{"a", "", "bc"}));
}

TEST(RowFile, TheLastLineNeedsNoLineFeed) {
  EXPECT_EQ(AllLines("a\nb"), (Lines{"a", "b"}));
}

TEST(RowFile, NothingIsNoLine) {
  EXPECT_EQ(AllLines(""), Lines{});
}

TEST(RowFile, DropsCarriageReturnsAndAByteOrderMark) {
  EXPECT_EQ(AllLines("\xEF\xBB\xBF"
                     "a\r\nb\r\n"),
            (Lines{"a", "b"}));
}

TEST(RowFile, KeepsNulBytes) {
  EXPECT_EQ(AllLines(std::string("a\0b\n", 4)), Lines{std::string("a\0b", 3)});
}

TEST(RowFile, SkipsWhatIsTooLongAndGoesOn) {
  EXPECT_EQ(AllLines("abcdef\nabcd\nabcdefgh", 4), (Lines{"<too long>", "abcd", "<too long>"}));
}

TEST(RowFile, SkipsInBoundedMemory) {
  Pipe pipe;
  std::thread writer([&] {
    const std::string piece(1 << 16, 'x');
    for (int i = 0; i < 200; ++i) pipe.Write(piece);
    pipe.Write("\nend\n");
    pipe.CloseWriter();
  });
  RowFile file(pipe.ends[0], "pipe", {.longest_line_bytes = 1000});
  Row row;
  EXPECT_EQ(file.Next(kLong, &row), Outcome::kRow);
  EXPECT_TRUE(row.is_too_long);
  EXPECT_THAT(row.problem, HasSubstr("more than 1000 bytes"));
  EXPECT_EQ(file.Next(kLong, &row), Outcome::kRow);
  EXPECT_EQ(row.values[kText], "end");
  writer.join();
}

TEST(RowFile, DoesNotWaitLongerThanItsPatience) {
  Pipe pipe;
  pipe.Write("half");
  RowFile file(pipe.ends[0], "pipe", {});
  Row row;
  EXPECT_EQ(file.Next(std::chrono::milliseconds(0), &row), Outcome::kNothingYet);
  pipe.Write(" done\n");
  EXPECT_EQ(file.Next(std::chrono::milliseconds(0), &row), Outcome::kRow);
  EXPECT_EQ(row.values[kText], "half done");
}

TEST(RowFile, ABadDescriptorFails) {
  RowFile file(-1, "nothing", {});
  Row row;
  EXPECT_NE(file.Next(std::chrono::milliseconds(0), &row), Outcome::kRow);
}

TEST(RowFile, AShortLineIsReadBeforeMoreComes) {
  Pipe pipe;
  pipe.Write("a\n");
  RowFile file(pipe.ends[0], "pipe", {});
  Row row;
  EXPECT_EQ(file.Next(std::chrono::milliseconds(0), &row), Outcome::kRow);
  EXPECT_EQ(row.values[kText], "a");
}

TEST(RowFile, WhatFollowsAnUnclosedQuoteIsNotKept) {
  Pipe pipe;
  pipe.Write("text\nfine\n\"dull\nrest\n");
  pipe.CloseWriter();
  RowFile file(pipe.ends[0], "pipe", {.format = Format::kCsv});
  Row row;
  EXPECT_EQ(file.Next(kLong, &row), Outcome::kRow);
  EXPECT_EQ(file.Next(kLong, &row), Outcome::kFailed);
  EXPECT_EQ(std::string(file.error().message()), "pipe:3: a value begins with a double quote, and none ends it");
}

TEST(RowFile, AnOpenValueThatIsTooLongEndsTheReading) {
  Pipe pipe;
  pipe.Write("text\nfine\n\"" + std::string(3000, 'x'));
  RowFile file(pipe.ends[0], "pipe", {.format = Format::kCsv, .longest_line_bytes = 1000});
  Row row;
  EXPECT_EQ(file.Next(kLong, &row), Outcome::kRow);
  EXPECT_EQ(file.Next(kLong, &row), Outcome::kFailed);
  EXPECT_EQ(std::string(file.error().message()), "pipe:3: the line has more than 1000 bytes");
}

}  // namespace
}  // namespace roberta::rows
