#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "profiles/terminal/terminal.h"

namespace roberta::terminal {
namespace {

/// What can be said of the value of an option, or of an argument.
enum class Value { kNone, kAny, kFile, kDirectory, kWords };

struct Argument {
  std::vector<std::string> names;  ///< with their dashes; none: it is positional
  std::string help;
  std::string type;
  Value value = Value::kNone;
  bool value_is_optional = false;
  std::vector<std::string> words;  ///< of kWords
};

/// A command line: the program's, or that of one of its subcommands.
struct Command {
  std::string name;  ///< empty: the program itself
  std::string help;
  std::vector<Argument> arguments;
};

/// Words that a value may have: those of {a,b}, as CLI11 writes a fixed set, or of a|b, where names in capitals stand
/// for something else.
std::vector<std::string> WordsOf(const std::string& type) {
  const size_t open = type.find('{'), close = type.find('}');
  if (open != std::string::npos && close != std::string::npos) {
    return absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
  }
  std::vector<std::string> words;
  if (type.find('|') == std::string::npos) return words;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(type, '|'))) {
    if (!word.empty() && absl::ascii_islower(static_cast<unsigned char>(word[0]))) words.push_back(word);
  }
  return words;
}

Argument Describe(const CLI::Option& option) {
  Argument argument;
  for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
  argument.help = option.get_description();
  if (option.get_items_expected_max() == 0) return argument;
  argument.type = option.get_type_name();
  argument.value_is_optional = option.get_expected_min() == 0;
  argument.words = WordsOf(argument.type);
  const auto type_has = [&](const char* word) { return absl::StrContains(argument.type, word); };
  argument.value = !argument.words.empty() ? Value::kWords
                   : type_has("FILE")      ? Value::kFile
                   : type_has("DIR")       ? Value::kDirectory
                   : type_has("PATH")      ? Value::kFile
                                           : Value::kAny;
  return argument;
}

bool IsOptionGroup(const CLI::App* app) {
  return app->get_name().empty();
}

void AddArguments(const CLI::App& app, std::vector<Argument>* arguments) {
  const auto shown = [](const CLI::Option* option) { return !option->get_group().empty(); };
  for (const CLI::Option* option : app.get_options(shown)) arguments->push_back(Describe(*option));
  for (const CLI::App* group : app.get_subcommands(IsOptionGroup)) AddArguments(*group, arguments);
}

/// The program first, then its subcommands. Those that let the program's options come after them have these as well.
std::vector<Command> CommandsOf(const CLI::App& app) {
  std::vector<Command> commands = {{.name = "", .help = app.get_description(), .arguments = {}}};
  AddArguments(app, &commands[0].arguments);
  for (const CLI::App* subcommand : app.get_subcommands(std::not_fn(IsOptionGroup))) {
    Command command = {.name = subcommand->get_name(), .help = subcommand->get_description(), .arguments = {}};
    AddArguments(*subcommand, &command.arguments);
    if (subcommand->get_fallthrough()) {
      for (const Argument& argument : commands[0].arguments) {
        if (!absl::StrContains(absl::StrJoin(argument.names, " "), "--help")) command.arguments.push_back(argument);
      }
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

std::string FunctionName(const std::string& program) {
  return "_" + absl::StrReplaceAll(program, {{"-", "_"}});
}

/// The form in which the script for bash has a value: words with commas between them, or a kind in capitals.
std::string BashValue(const Argument& argument) {
  switch (argument.value) {
    case Value::kFile:
      return "FILE";
    case Value::kDirectory:
      return "DIRECTORY";
    case Value::kWords:
      return absl::StrJoin(argument.words, ",");
    case Value::kAny:
    case Value::kNone:
      break;
  }
  return "ANY";
}

std::string BashCase(const Command& command) {
  std::vector<std::string> options, values;
  std::string positional;
  for (const Argument& argument : command.arguments) {
    if (argument.names.empty() && (argument.value == Value::kFile || argument.value == Value::kDirectory)) {
      positional = BashValue(argument);
    }
    for (const std::string& name : argument.names) {
      options.push_back(name);
      if (argument.value == Value::kNone) continue;
      values.push_back(absl::StrCat(name, "=", argument.value_is_optional ? "?" : "", BashValue(argument)));
    }
  }
  return absl::StrCat("    '", command.name, "')\n      options='", absl::StrJoin(options, " "), "'\n      values='",
                      absl::StrJoin(values, " "), "'\n      positional='", positional, "' ;;\n");
}

constexpr char kBash[] = R"(# Completion of PROGRAM in bash, made by `PROGRAM --completion bash`.
FUNCTION_arguments() {
  case "$1" in
CASES  esac
}

FUNCTION() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="" command="" skip="" word value options values positional i
  # bash takes = for a word of its own.
  if [ "$current" = "=" ]; then
    current="" previous="${COMP_WORDS[COMP_CWORD - 1]}"
  elif [ "$COMP_CWORD" -ge 2 ] && [ "${COMP_WORDS[COMP_CWORD - 1]}" = "=" ]; then
    previous="${COMP_WORDS[COMP_CWORD - 2]}"
  elif [ "$COMP_CWORD" -ge 1 ]; then
    previous="${COMP_WORDS[COMP_CWORD - 1]}"
  fi
  FUNCTION_arguments ""
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word="${COMP_WORDS[i]}"
    if [ -n "$skip" ]; then
      [ "$word" = "=" ] || skip=""
      continue
    fi
    case " $values " in *" $word="[!?]*) skip=1 && continue ;; esac
    case " SUBCOMMANDS " in *" $word "*) command="$word" && break ;; esac
  done
  FUNCTION_arguments "$command"
  value=""
  for word in $values; do
    [ "${word%%=*}" != "$previous" ] || value="${word#*=}"
  done
  case "$value" in
    \?*) [ "${current#-}" = "$current" ] && value="${value#\?}" || value="" ;;
  esac
  case "$value,$current,$command" in
    ,-*) value="${options// /,}" ;;
    ,*,) value="SUBCOMMAND_WORDS" && [ -z "$positional" ] || value="${value:-$positional}" ;;
    ,*) value="$positional" ;;
  esac
  COMPREPLY=()
  case "$value" in
    FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    DIRECTORY) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    ANY | "") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "${value//,/ }" -- "$current") ;;
  esac
}
complete -F FUNCTION PROGRAM
)";

std::vector<std::string> NamesOfSubcommands(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (!command.name.empty()) names.push_back(command.name);
  }
  return names;
}

std::string BashScript(const std::string& program, const std::vector<Command>& commands) {
  const std::vector<std::string> names = NamesOfSubcommands(commands);
  std::string cases;
  for (const Command& command : commands) cases += BashCase(command);
  return absl::StrReplaceAll(kBash, {{"PROGRAM", program},
                                     {"FUNCTION", FunctionName(program)},
                                     {"CASES", cases},
                                     {"SUBCOMMANDS", absl::StrJoin(names, " ")},
                                     {"SUBCOMMAND_WORDS", absl::StrJoin(names, ",")}});
}

/// `text` between single quotes of a shell, without what _arguments and _describe take for their own.
std::string ZshText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"'", "'\\''"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"\n", " "}});
}

std::string ZshAction(const Argument& argument) {
  switch (argument.value) {
    case Value::kFile:
      return "_files";
    case Value::kDirectory:
      return "_files -/";
    case Value::kWords:
      return absl::StrCat("(", absl::StrJoin(argument.words, " "), ")");
    case Value::kAny:
    case Value::kNone:
      break;
  }
  return " ";
}

std::string ZshArguments(const Command& command) {
  std::string lines;
  std::string positional;
  for (const Argument& argument : command.arguments) {
    if (argument.names.empty()) positional = absl::StrCat(" \\\n        '*:argument:", ZshAction(argument), "'");
    for (const std::string& name : argument.names) {
      absl::StrAppend(&lines, " \\\n        '", name);
      if (argument.value != Value::kNone) {
        const bool is_long = name.starts_with("--");
        absl::StrAppend(&lines, is_long ? "=" : "+");
      }
      absl::StrAppend(&lines, "[", ZshText(argument.help), "]");
      if (argument.value != Value::kNone) {
        absl::StrAppend(&lines, argument.value_is_optional ? "::" : ":", "value:", ZshAction(argument));
      }
      absl::StrAppend(&lines, "'");
    }
  }
  return lines + positional;
}

std::string ZshScript(const std::string& program, const std::vector<Command>& commands) {
  const std::string function = FunctionName(program);
  std::string described, cases;
  for (const Command& command : commands) {
    if (command.name.empty()) continue;
    absl::StrAppend(&described, "    '", command.name, ":", ZshText(command.help), "'\n");
    absl::StrAppend(&cases, "    ", command.name, ")\n      _arguments", ZshArguments(command), " ;;\n");
  }
  const std::string own = ZshArguments(commands[0]);
  return absl::StrCat(
      "#compdef ", program, "\n# Completion of ", program, " in zsh, made by `", program, " --completion zsh`.\n",
      function,
      "() {\n  local context state state_descr line ret=1\n  typeset -A opt_args\n  local -a subcommands\n"
      "  subcommands=(\n",
      described, "  )\n  _arguments -C", own,
      " \\\n        '1: :->subcommand' '*:: :->arguments' && ret=0\n"
      "  case \"$state\" in\n  subcommand) _describe -t commands subcommand subcommands && ret=0 ;;\n"
      "  arguments)\n    case \"$words[1]\" in\n",
      cases, "    esac\n    ret=$? ;;\n  esac\n  return ret\n}\nif [ \"$funcstack[1]\" = \"", function, "\" ]; then ",
      function, " \"$@\"; else compdef ", function, " ", program, "; fi\n");
}

}  // namespace

void AddCompletion(CLI::App* app) {
  app->add_option_function<std::string>(
         "--completion",
         [app](const std::string& shell) {
           const std::vector<Command> commands = CommandsOf(*app);
           const std::string& program = app->get_name();
           throw CLI::CallForVersion(shell == "zsh" ? ZshScript(program, commands) : BashScript(program, commands), 0);
         })
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->group("");
}

}  // namespace roberta::terminal
