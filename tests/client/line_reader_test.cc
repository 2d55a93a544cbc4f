#include "client/cli/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

namespace roberta::cli {
namespace {

using Outcome = LineReader::Outcome;
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
  LineReader reader(pipe.ends[0], longest);
  std::vector<std::string> lines;
  std::string line;
  while (true) {
    const Outcome outcome = reader.Next(kLong, &line);
    if (outcome == Outcome::kEnd) break;
    lines.push_back(outcome == Outcome::kLine ? line : "<too long>");
  }
  EXPECT_EQ(reader.lines(), lines.size());
  EXPECT_EQ(reader.bytes(), text.size());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, CutsAtLineFeeds) {
  EXPECT_EQ(AllLines("a\n\nbc\n"), (Lines{"a", "", "bc"}));
}

TEST(LineReader, TheLastLineNeedsNoLineFeed) {
  EXPECT_EQ(AllLines("a\nb"), (Lines{"a", "b"}));
}

TEST(LineReader, NothingIsNoLine) {
  EXPECT_EQ(AllLines(""), Lines{});
}

TEST(LineReader, DropsCarriageReturnsAndAByteOrderMark) {
  EXPECT_EQ(AllLines("\xEF\xBB\xBF"
                     "a\r\nb\r\n"),
            (Lines{"a", "b"}));
}

TEST(LineReader, KeepsNulBytes) {
  EXPECT_EQ(AllLines(std::string("a\0b\n", 4)), Lines{std::string("a\0b", 3)});
}

TEST(LineReader, SkipsWhatIsTooLongAndGoesOn) {
  EXPECT_EQ(AllLines("abcdef\nabcd\nabcdefgh", 4), (Lines{"<too long>", "abcd", "<too long>"}));
}

TEST(LineReader, SkipsInBoundedMemory) {
  Pipe pipe;
  std::thread writer([&] {
    const std::string piece(1 << 16, 'x');
    for (int i = 0; i < 200; ++i) pipe.Write(piece);
    pipe.Write("\nend\n");
    pipe.CloseWriter();
  });
  LineReader reader(pipe.ends[0], 1000);
  std::string line;
  EXPECT_EQ(reader.Next(kLong, &line), Outcome::kTooLong);
  EXPECT_EQ(reader.Next(kLong, &line), Outcome::kLine);
  EXPECT_EQ(line, "end");
  writer.join();
}

TEST(LineReader, DoesNotWaitLongerThanItsPatience) {
  Pipe pipe;
  pipe.Write("half");
  LineReader reader(pipe.ends[0], 100);
  std::string line;
  EXPECT_EQ(reader.Next(std::chrono::milliseconds(0), &line), Outcome::kNothingYet);
  pipe.Write(" done\n");
  EXPECT_EQ(reader.Next(std::chrono::milliseconds(0), &line), Outcome::kLine);
  EXPECT_EQ(line, "half done");
}

TEST(LineReader, ABadDescriptorFails) {
  LineReader reader(-1, 100);
  std::string line;
  EXPECT_NE(reader.Next(std::chrono::milliseconds(0), &line), Outcome::kLine);
}

}  // namespace
}  // namespace roberta::cli
