#include "loadtest/process/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "absl/strings/str_cat.h"

namespace roberta::loadtest::process {
namespace {

using ::testing::HasSubstr;

/// What a shell script says, and how it ended.
struct Ran {
  std::string said;
  int wait_status = 0;
};

Ran RunScript(const std::string& script, const ChildPlan& more = {}) {
  std::array<int, 2> pipe = {};
  EXPECT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  ChildPlan plan = more;
  plan.program = "/bin/sh";
  plan.arguments = {"-c", script};
  plan.output = pipe[1];
  const auto pid = StartChild(plan);
  close(pipe[1]);
  Ran ran;
  EXPECT_TRUE(pid.ok()) << pid.status();
  char byte = 0;
  while (read(pipe[0], &byte, 1) == 1) ran.said += byte;
  close(pipe[0]);
  if (pid.ok()) waitpid(*pid, &ran.wait_status, 0);
  return ran;
}

TEST(StartChild, BothOutputsAreOne) {
  EXPECT_EQ(RunScript("echo out; echo err >&2").said, "out\nerr\n");
}

TEST(StartChild, HasNothingToRead) {
  EXPECT_EQ(RunScript("wc -c").said, "0\n");
}

TEST(StartChild, IsInAGroupOfItsOwn) {
  // Field 5 of stat is the group.
  EXPECT_EQ(RunScript("test $(cut -d ' ' -f 5 /proc/$$/stat) = $$ && echo own").said, "own\n");
}

TEST(StartChild, SignalsThatWereIgnoredAreNot) {
  signal(SIGPIPE, SIG_IGN);
  const Ran ran = RunScript("kill -PIPE $$; sleep 1; echo survived");
  signal(SIGPIPE, SIG_DFL);
  EXPECT_TRUE(WIFSIGNALED(ran.wait_status));
  EXPECT_EQ(ran.said, "");
}

TEST(StartChild, KeepsTheDescriptorThatItIsGivenAndNoOther) {
  std::array<int, 2> pipe = {};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  const std::string script =
      absl::StrCat("test -e /dev/fd/", pipe[0], " && echo kept; test -e /dev/fd/", pipe[1], " && echo leaked; true");
  EXPECT_EQ(RunScript(script, {.inherited = {pipe[0]}}).said, "kept\n");
  close(pipe[0]);
  close(pipe[1]);
}

TEST(StartChild, MayBeGivenCores) {
  cpu_set_t usable;
  ASSERT_EQ(sched_getaffinity(0, sizeof(usable), &usable), 0);
  int first = 0;
  while (!CPU_ISSET(static_cast<size_t>(first), &usable)) ++first;
  EXPECT_EQ(RunScript("nproc", {.cpus = {first}}).said, "1\n");
}

TEST(StartChild, CoresThatAreNotThereAreNamed) {
  const auto pid = StartChild({.program = "/bin/true", .output = STDERR_FILENO, .cpus = {1023}});
  EXPECT_TRUE(absl::IsInvalidArgument(pid.status()));
  EXPECT_THAT(pid.status().message(), HasSubstr("cores 1023"));
}

TEST(StartChild, AProgramThatCannotRunIsNamedWithTheReason) {
  const auto pid = StartChild({.program = "/nowhere/server", .output = STDERR_FILENO});
  EXPECT_TRUE(absl::IsNotFound(pid.status()));
  EXPECT_EQ(pid.status().message(), "/nowhere/server: cannot run: No such file or directory");
}

TEST(StartChild, IsKilledWhenItsStarterEnds) {
  std::array<int, 2> pipe = {};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  absl::StatusOr<pid_t> pid = absl::UnknownError("");
  std::thread([&] {
    pid = StartChild({.program = "/bin/sh", .arguments = {"-c", "exec sleep 600"}, .output = pipe[1]});
  }).join();
  ASSERT_TRUE(pid.ok()) << pid.status();
  int status = 0;
  ASSERT_EQ(waitpid(*pid, &status, 0), *pid);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  close(pipe[0]);
  close(pipe[1]);
}

TEST(FindOnPath, IsTheFirstProgramOfThatName) {
  EXPECT_THAT(FindOnPath("sh"), testing::EndsWith("/sh"));
  EXPECT_EQ(FindOnPath("no-such-program-anywhere"), "");
}

}  // namespace
}  // namespace roberta::loadtest::process
