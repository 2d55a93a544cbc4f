#pragma once

#include <string>
#include <string_view>

namespace roberta::checkpoint_fixture {

struct CommandResult {
  int exit_code = 0;  ///< as the shell has it: 128 + signal for a command that a signal ended
  std::string output;
  std::string errors;
};

/// Runs `command` by the shell, with `input` on its standard input, and waits for it.
CommandResult RunCommand(const std::string& command, std::string_view input = "");

/// `text` as one word of a shell command.
std::string ShellWord(const std::string& text);

/// $ROBERTA_PYTHON, else python3 of the PATH.
std::string PythonInterpreter();

}  // namespace roberta::checkpoint_fixture
