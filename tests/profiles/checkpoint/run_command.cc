#include "tests/profiles/checkpoint/run_command.h"

#include <sys/wait.h>

#include <cstdlib>

#include "tests/profiles/checkpoint/checkpoint_fixture.h"

namespace roberta::checkpoint_fixture {

CommandResult RunCommand(const std::string& command, std::string_view input) {
  const ScratchDirectory scratch;
  WriteFile(scratch.In("input"), input);
  const std::string redirected = "{ " + command + "\n} <" + ShellWord(scratch.In("input")) + " >" +
                                 ShellWord(scratch.In("output")) + " 2>" + ShellWord(scratch.In("errors"));
  const int status = std::system(redirected.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), ReadFile(scratch.In("output")),
          ReadFile(scratch.In("errors"))};
}

std::string ShellWord(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string PythonInterpreter() {
  const char* chosen = std::getenv("ROBERTA_PYTHON");
  return chosen != nullptr ? chosen : "python3";
}

}  // namespace roberta::checkpoint_fixture
