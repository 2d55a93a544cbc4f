#include "loadtest/target/server_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace roberta::loadtest::target {
namespace {

using ::testing::ElementsAre;

constexpr std::chrono::milliseconds kLong = std::chrono::minutes(1);

TEST(ParseServingLine, FindsBothAddressesInAnyFormat) {
  for (const char* line :
       {"2026-01-01T00:00:00.000Z info serving gRPC on 127.0.0.1:8001, metrics on http://127.0.0.1:8002/metrics",
        R"({"level":"info","message":"serving gRPC on 127.0.0.1:8001, metrics on http://127.0.0.1:8002/metrics"})"}) {
    const auto serving = ParseServingLine(line);
    ASSERT_TRUE(serving) << line;
    EXPECT_EQ(serving->address, "127.0.0.1:8001");
    EXPECT_EQ(serving->metrics_address, "127.0.0.1:8002");
  }
  EXPECT_EQ(ParseServingLine("serving gRPC on [::1]:1, metrics on http://[::1]:2/metrics")->metrics_address, "[::1]:2");
}

TEST(ParseServingLine, OtherLinesHaveNone) {
  for (const char* line :
       {"", "serving gRPC on ", "serving gRPC on a:1", "serving gRPC on , metrics on http://b:2/metrics",
        "serving gRPC on a:1, metrics on http:///metrics", "serving gRPC on a:1, metrics on http://b:2",
        "serving gRPC on a:1 , metrics on http://b:2/metrics"}) {
    EXPECT_FALSE(ParseServingLine(line)) << line;
  }
}

/// A log, and the end into which a process would write.
class Pipe {
 public:
  explicit Pipe(int file = -1) {
    std::array<int, 2> ends = {};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    log = std::make_unique<ProcessLog>(ends[0], file);
    writing_ = ends[1];
  }
  ~Pipe() { End(); }
  void Write(const std::string& text) {
    EXPECT_EQ(write(writing_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void End() {
    if (writing_ >= 0) close(writing_);
    writing_ = -1;
    log->WaitForEnd(kLong);
  }
  std::unique_ptr<ProcessLog> log;

 private:
  int writing_ = -1;
};

TEST(ProcessLog, LinesAreTakenOnce) {
  Pipe pipe;
  pipe.Write("one\n\ntwo\nthr");
  pipe.Write("ee");
  pipe.End();
  EXPECT_THAT(pipe.log->TakeLines(kLong), ElementsAre("one", "", "two", "three"));
  EXPECT_THAT(pipe.log->TakeLines(kLong), ElementsAre());
}

TEST(ProcessLog, TheLastLineIsTheLastThatSaysSomething) {
  Pipe pipe;
  pipe.Write("info: all is well\nroberta-server: cannot \x1b[1mread\n\n  \n");
  pipe.End();
  EXPECT_EQ(pipe.log->LastLine(), "cannot ?[1mread");
}

TEST(ProcessLog, LongLinesAreCut) {
  Pipe pipe;
  pipe.Write(std::string(30'000, 'x') + "\n");
  pipe.End();
  EXPECT_EQ(pipe.log->TakeLines(kLong).at(0).size(), 4096u);
  EXPECT_EQ(pipe.log->LastLine().size(), 400u);
}

TEST(ProcessLog, AProcessNeverWaitsForAReaderOfItsLines) {
  Pipe pipe;
  for (int i = 0; i < 20'000; ++i) pipe.Write("a line of a log that nobody takes\n");  // far more than a pipe holds
  pipe.End();
  EXPECT_EQ(pipe.log->TakeLines(kLong).size(), 1000u);
}

TEST(ProcessLog, IsCopiedToAFile) {
  const std::string path = ::testing::TempDir() + "/server.log";
  std::filesystem::remove(path);
  {
    Pipe pipe(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    pipe.Write("one\ntwo");
    pipe.End();
  }
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "one\ntwo");
}

TEST(ProcessLog, EndsAlthoughAnEndOfThePipeIsOpen) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  ProcessLog(ends[0], -1);
  close(ends[1]);
}

}  // namespace
}  // namespace roberta::loadtest::target
