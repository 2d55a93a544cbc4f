#include "profiles/tool/command.h"

#include <chrono>
#include <optional>

#include "profiles/errors/errors.h"
#include "profiles/rows/row_file.h"
#include "profiles/tokenizer/tokenizer.h"

namespace roberta::tool {
namespace {

using tokenizer::Tokenizer;
using tokenizer::Truncation;

constexpr char kStandardInput[] = "-";
constexpr std::chrono::hours kLongWait(1);

struct TokenizeOptions {
  std::string model;
  std::string file = kStandardInput;
  std::string truncation = "error";
  std::optional<uint32_t> max_tokens;  ///< the model's limit if not given
};

/// `name` must be one of those that the command line takes.
Truncation TruncationOf(std::string_view name) {
  if (name == "right") return Truncation::kRight;
  return name == "left" ? Truncation::kLeft : Truncation::kError;
}

absl::StatusOr<Json> TokenizeRow(const Tokenizer& tokenizer, const tokenizer::EncodeOptions& options,
                                 const rows::Row& row, tokenizer::Encoding* encoding) {
  if (!row.problem.empty()) return absl::InvalidArgumentError(row.problem);
  std::optional<std::string_view> pair;
  if (row.values[rows::kPair]) pair = *row.values[rows::kPair];
  RETURN_IF_ERROR(tokenizer.Encode(*row.values[rows::kText], pair, options, encoding));
  Json tokens = Json::array(), offsets = Json::array();
  for (const int32_t id : encoding->ids) tokens.push_back(tokenizer.TokenText(id));
  for (const auto& [begin, end] : encoding->offsets) offsets.push_back({begin, end});
  return Json{{"ids", encoding->ids},
              {"tokens", std::move(tokens)},
              {"offsets", std::move(offsets)},
              {"tokens_dropped", encoding->tokens_dropped}};
}

Json ErrorLine(uint64_t line_number, const absl::Status& status) {
  return {{"line", line_number},
          {"error", {{"code", absl::StatusCodeToString(status.code())}, {"message", std::string(status.message())}}}};
}

/// Tokenizes every line of `input`, with a line of output for each. False if a line was bad, or reading or writing
/// failed.
bool TokenizeLines(const Tokenizer& tokenizer, const tokenizer::EncodeOptions& options, rows::RowFile* input) {
  bool all_well = true;
  LineOutput output(stdout);
  tokenizer::Encoding encoding;
  rows::Row row;
  while (true) {
    rows::RowFile::Outcome outcome = input->Next(std::chrono::milliseconds(0), &row);
    if (outcome == rows::RowFile::Outcome::kNothingYet) {
      // A writer that waits for the answer to its line gets it at once; a file is written in large pieces.
      if (!output.Flush()) break;
      outcome = input->Next(kLongWait, &row);
      if (outcome == rows::RowFile::Outcome::kNothingYet) continue;
    }
    if (outcome == rows::RowFile::Outcome::kFailed) {
      all_well = false;
      PrintError(input->error());
    }
    if (outcome != rows::RowFile::Outcome::kRow) break;
    auto result = TokenizeRow(tokenizer, options, row, &encoding);
    if (!result.ok()) {
      all_well = false;
      std::fprintf(stderr, "%s:%zu: %s\n", input->name().c_str(), row.line,
                   std::string(result.status().message()).c_str());
      result = ErrorLine(row.line, result.status());
    }
    if (!output.Write(result->dump(-1, ' ', false, Json::error_handler_t::replace))) break;
  }
  const bool written = output.Flush();
  output.ReportFailure();
  return all_well && written;
}

absl::StatusOr<Report> Tokenize(const TokenizeOptions& options) {
  ASSIGN_OR_RETURN(const auto config, checkpoint::ReadModelConfig(options.model));
  ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(options.model));
  tokenizer::EncodeOptions encode_options;
  encode_options.max_tokens = options.max_tokens.value_or(static_cast<uint32_t>(config.max_tokens()));
  encode_options.truncation = TruncationOf(options.truncation);
  encode_options.with_offsets = true;
  ASSIGN_OR_RETURN(const auto input,
                   rows::RowFile::Open(options.file, {.format = rows::Format::kJsonl, .longest_line_bytes = SIZE_MAX}));
  return Report{.all_well = TokenizeLines(*tokenizer, encode_options, input.get())};
}

void DeclareTokenizeOptions(CLI::App* command, TokenizeOptions* options) {
  AddModelOption(command, &options->model, "Checkpoint directory: its config.json and vocabulary are read");
  command->add_option("FILE", options->file, "JSON lines; - or nothing means standard input");
  command->add_option("--truncation", options->truncation, "What to do with a text of too many tokens")
      ->check(CLI::IsMember({"error", "right", "left"}).description(""))
      ->type_name("error|right|left")
      ->default_str("error");
  command->add_option("--max-tokens", options->max_tokens, "Most tokens, special tokens included; 0 means no limit")
      ->type_name("N")
      ->default_str("the model's limit");
  command->footer(
      R"(A line of input is an object with text and, for pairs, text_pair; its other fields are ignored, and so are empty lines.
A line of output is {"ids": [...], "tokens": [...], "offsets": [[begin, end], ...], "tokens_dropped": N}, offsets in code
points of the text. A bad line gives {"line": N, "error": {...}} in its place, a message on standard error and exit code 1.

Examples:
  echo '{"text": "A fine film."}' | roberta-model tokenize --model models/demo-sst2
  roberta-model tokenize --model models/demo-sst2 --truncation right --max-tokens 128 texts.jsonl > tokens.jsonl)");
}

}  // namespace

void AddTokenize(CLI::App* app, int* exit_code) {
  AddCommand(app, exit_code, "tokenize", "Turns texts into token ids, exactly as the model's tokenizer does",
             DeclareTokenizeOptions, Tokenize);
}

}  // namespace roberta::tool
