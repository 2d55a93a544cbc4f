#include "loadtest/target/server_process.h"

#include <signal.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace roberta::loadtest::target {

namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kServing[] = "echo 'info serving gRPC on 127.0.0.1:11, metrics on http://127.0.0.1:12/metrics' >&2\n";

/// A server that is a shell script.
class ServerProcessTest : public ::testing::Test {
 protected:
  std::string Script(const std::string& text) {
    const std::string path = directory_ / "server";
    std::ofstream(path) << "#!/bin/sh\n" << text;
    chmod(path.c_str(), 0700);
    return path;
  }
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::string Content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  const std::filesystem::path directory_ =
      std::filesystem::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ServerProcessTest, IsThereWhenItServes) {
  std::vector<std::string> lines;
  const auto server =
      ServerProcess::Start({.program = Script("echo loading >&2\n" + std::string(kServing) + "exec sleep 600"),
                            .on_line = [&](const std::string& line) { lines.push_back(line); }});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->address(), "127.0.0.1:11");
  EXPECT_EQ((*server)->metrics_address(), "127.0.0.1:12");
  EXPECT_THAT(lines, Contains("loading"));
  EXPECT_TRUE((*server)->CheckRunning().ok());
  EXPECT_EQ(kill((*server)->pid(), 0), 0);
}

TEST_F(ServerProcessTest, IsToldTheConfigAndTheFlags) {
  const std::string said = directory_ / "said";
  const auto server = ServerProcess::Start(
      {.program = Script("while [ $# -gt 0 ]; do test \"$1\" = --config && cat \"$2\"; echo \"$1\"; shift; done > " +
                         said + "\n" + kServing + "exec sleep 600"),
       .config = "execution { executors: 3 }\n",
       .flags = {"--profiles", "a,b"}});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT(Content(said), HasSubstr("execution { executors: 3 }\n"));
  EXPECT_THAT(Content(said), HasSubstr("--port\n0\n--metrics-port\n0\n"));
  EXPECT_THAT(Content(said), EndsWith("--profiles\na,b\n"));
}

TEST_F(ServerProcessTest, AStartThatFailsIsToldInTheServersWords) {
  const auto server =
      ServerProcess::Start({.program = Script("echo some line\necho 'roberta-server: no model' >&2\nexit 1")});
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status()));
  EXPECT_EQ(server.status().message(), "no model");
}

TEST_F(ServerProcessTest, AMistakeInTheConfigDoesNotNameItsDescriptor) {
  const auto server = ServerProcess::Start({.program = Script("while [ \"$1\" != --config ]; do shift; done\n"
                                                              "echo \"roberta-server: $2:1: wrong\" >&2\nexit 1"),
                                            .config = "x"});
  EXPECT_EQ(server.status().message(), "the given config:1: wrong");
}

TEST_F(ServerProcessTest, ASilentEndIsTold) {
  EXPECT_EQ(ServerProcess::Start({.program = Script("exit 3")}).status().message(),
            "it ended with exit code 3 and said nothing");
  EXPECT_THAT(ServerProcess::Start({.program = Script("echo bye\nkill -KILL $$")}).status().message(),
              HasSubstr("it was ended by signal 9 (Killed); it last said: bye"));
  EXPECT_THAT(ServerProcess::Start({.program = Script("echo done\nexit 0")}).status().message(),
              HasSubstr("it ended by itself; it last said: done"));
}

TEST_F(ServerProcessTest, OneThatNeverServesIsGivenUp) {
  const auto server = ServerProcess::Start(
      {.program = Script("echo loading\nexec sleep 600"), .timeout = std::chrono::milliseconds(2500)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(server.status()));
  EXPECT_EQ(server.status().message(), "it does not serve after 2.5 s; it last said: loading");
}

TEST_F(ServerProcessTest, TheWaitEndsWhenItsCallerWants) {
  const auto server =
      ServerProcess::Start({.program = Script("exec sleep 600"), .stop_requested = [] { return true; }});
  EXPECT_TRUE(absl::IsCancelled(server.status()));
}

TEST_F(ServerProcessTest, AProgramThatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ServerProcess::Start({.program = "/nowhere/server"}).status()));
}

TEST_F(ServerProcessTest, ALogThatCannotBeWrittenIsNamed) {
  const auto server = ServerProcess::Start({.program = "/bin/true", .log_file = "/nowhere/server.log"});
  EXPECT_EQ(server.status().message(), "/nowhere/server.log: cannot write: No such file or directory");
}

TEST_F(ServerProcessTest, StopsOnSigterm) {
  const std::string log = directory_ / "log";
  const auto server = ServerProcess::Start({.program = Script("trap 'echo stopping; exit 0' TERM\n" +
                                                              std::string(kServing) + "while :; do sleep 0.01; done"),
                                            .log_file = log});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE((*server)->Stop().ok());
  EXPECT_TRUE((*server)->Stop().ok());
  EXPECT_NE(kill((*server)->pid(), 0), 0);
  EXPECT_FALSE((*server)->CheckRunning().ok());
}

TEST_F(ServerProcessTest, AnEndThatIsNotInOrderIsTold) {
  const auto server = ServerProcess::Start({.program = Script("trap 'echo calls were left >&2; exit 1' TERM\n" +
                                                              std::string(kServing) + "while :; do sleep 0.01; done")});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->Stop().message(), "calls were left");
}

TEST_F(ServerProcessTest, OneThatDoesNotStopIsKilled) {
  const auto server = ServerProcess::Start(
      {.program = Script("trap '' TERM\n" + std::string(kServing) + "while :; do sleep 0.01; done")});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT((*server)->Stop(std::chrono::milliseconds(100)).message(), HasSubstr("had to be killed"));
  EXPECT_NE(kill((*server)->pid(), 0), 0);
}

TEST_F(ServerProcessTest, IsGoneWithItsObject) {
  pid_t pid = 0;
  {
    const auto server = ServerProcess::Start({.program = Script(std::string(kServing) + "exec sleep 600")});
    ASSERT_TRUE(server.ok()) << server.status();
    pid = (*server)->pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST_F(ServerProcessTest, OneThatDiedSaysHow) {
  const auto server = ServerProcess::Start({.program = Script(std::string(kServing) + "exec sleep 600")});
  ASSERT_TRUE(server.ok()) << server.status();
  kill((*server)->pid(), SIGSEGV);
  absl::Status status;
  while (status.ok()) status = (*server)->CheckRunning();
  EXPECT_THAT(status.message(), HasSubstr("signal 11 (Segmentation fault)"));
}

}  // namespace

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FindServerProgram, WhatIsNamedMustBeAProgram) {
  EXPECT_EQ(*FindServerProgram("/bin/sh"), "/bin/sh");
  EXPECT_EQ(FindServerProgram("/nowhere/server").status().message(), "/nowhere/server: not a program");
  EXPECT_FALSE(FindServerProgram("/tmp").ok());
  EXPECT_FALSE(FindServerProgram("/etc/passwd").ok());
}

TEST(FindServerProgram, ANameWithoutAFolderIsLookedForOnThePath) {
  EXPECT_THAT(*FindServerProgram("sh"), HasSubstr("/sh"));
  EXPECT_FALSE(FindServerProgram("no-such-program-anywhere").ok());
}

TEST(ParseCpus, AreNumbersAndRanges) {
  EXPECT_THAT(*ParseCpus("3"), ElementsAre(3));
  EXPECT_THAT(*ParseCpus("0,2-4,7"), ElementsAre(0, 2, 3, 4, 7));
  EXPECT_THAT(*ParseCpus("5-5"), ElementsAre(5));
}

TEST(ParseCpus, OtherTextsAreNamed) {
  for (const char* text : {"", "a", "-1", "1-", "-", "2-1", "1,,2", "1,", "0-1-2", "99999", "0x1", "1.5"}) {
    EXPECT_THAT(ParseCpus(text).status().message(), HasSubstr(std::string("\"") + text + "\"")) << text;
  }
}

}  // namespace

}  // namespace roberta::loadtest::target
