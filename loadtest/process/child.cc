#include "loadtest/process/child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::process {

namespace {

/// Why a child cannot run; it sends this to its parent.
struct Failure {
  enum Step { kCpus, kRun } step;
  int error;
};

/// Everything that the child needs, made before it: after fork it may call hardly anything.
struct Prepared {
  std::vector<char*> arguments;
  cpu_set_t cpus;
  bool has_cpus = false;
  pid_t parent;
  int nothing;  ///< /dev/null
  int report;   ///< takes a Failure; closed by a program that runs
  int output;
  const std::vector<int>* inherited;
};

[[noreturn]] void GiveUp(const Prepared& prepared, Failure::Step step) {
  const Failure failure = {step, errno};
  [[maybe_unused]] const ssize_t written = write(prepared.report, &failure, sizeof(failure));
  _exit(127);
}

/// In the child. Only what signal handlers may do, since other threads may have held any lock.
[[noreturn]] void Become(const Prepared& prepared) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != prepared.parent) _exit(127);  // it ended before it could be watched
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGQUIT}) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(prepared.nothing, STDIN_FILENO);
  dup2(prepared.output, STDOUT_FILENO);
  dup2(prepared.output, STDERR_FILENO);
  for (const int kept : *prepared.inherited) fcntl(kept, F_SETFD, 0);
  if (prepared.has_cpus && sched_setaffinity(0, sizeof(prepared.cpus), &prepared.cpus) != 0) {
    GiveUp(prepared, Failure::kCpus);
  }
  execv(prepared.arguments[0], prepared.arguments.data());
  GiveUp(prepared, Failure::kRun);
}

/// Waits until the program runs, or has failed to.
bool ReadReport(int report, Failure* failure) {
  ssize_t bytes = 0;
  do {
    bytes = read(report, failure, sizeof(*failure));
  } while (bytes < 0 && errno == EINTR);
  return bytes == sizeof(*failure);
}

absl::Status ToStatus(const ChildPlan& plan, const Failure& failure) {
  if (failure.step == Failure::kCpus) {
    return errors::InvalidArgument("cores ", absl::StrJoin(plan.cpus, ","), ": ", std::strerror(failure.error));
  }
  return errors::NotFound(plan.program, ": cannot run: ", std::strerror(failure.error));
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

std::string Descriptor::path() const {
  return absl::StrCat("/dev/fd/", fd_);
}

Descriptor MemoryFile(const std::string& text) {
  Descriptor file(memfd_create("roberta-loadtest", MFD_CLOEXEC));
  const bool written =
      file.get() >= 0 && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return written ? std::move(file) : Descriptor(-1);
}

absl::StatusOr<pid_t> StartChild(const ChildPlan& plan) {
  std::array<int, 2> report = {};
  const Descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (nothing.get() < 0 || pipe2(report.data(), O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat(plan.program, ": cannot start: ", std::strerror(errno)));
  }
  Prepared prepared = {.parent = getpid(),
                       .nothing = nothing.get(),
                       .report = report[1],
                       .output = plan.output,
                       .inherited = &plan.inherited};
  std::string program = plan.program;
  std::vector<std::string> arguments = plan.arguments;
  prepared.arguments.push_back(program.data());
  for (std::string& argument : arguments) prepared.arguments.push_back(argument.data());
  prepared.arguments.push_back(nullptr);
  CPU_ZERO(&prepared.cpus);
  for (const int cpu : plan.cpus) CPU_SET(static_cast<size_t>(cpu), &prepared.cpus);
  prepared.has_cpus = !plan.cpus.empty();

  const pid_t pid = fork();
  if (pid == 0) Become(prepared);
  const int fork_error = errno;
  close(report[1]);
  Failure failure = {Failure::kRun, fork_error};
  const bool failed = pid < 0 || ReadReport(report[0], &failure);
  close(report[0]);
  if (!failed) return pid;
  if (pid > 0) waitpid(pid, nullptr, 0);
  return ToStatus(plan, failure);
}

bool IsProgram(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

std::string FindOnPath(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':', absl::SkipEmpty())) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (IsProgram(candidate)) return candidate;
  }
  return "";
}

}  // namespace roberta::loadtest::process
