#include "profiles/tool/tokenize.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/config.h"
#include "profiles/json/strict_json.h"
#include "profiles/tokenizer/tokenizer.h"
#include "profiles/tool/failure.h"
#include "profiles/tool/line_output.h"

namespace roberta::tool {
namespace {

using Json = nlohmann::ordered_json;
using tokenizer::Tokenizer;
using tokenizer::Truncation;

constexpr char kStandardInput[] = "-";

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

absl::Status FieldError(const char* field, const char* text) {
  return absl::InvalidArgumentError(absl::StrCat("field \"", field, "\" ", text));
}

absl::StatusOr<Json> TokenizeLine(const Tokenizer& tokenizer, const tokenizer::EncodeOptions& options,
                                  std::string_view line, tokenizer::Encoding* encoding) {
  const auto input = json::ParseStrictJson(line);
  if (!input.ok()) return input.status();
  if (!input->is_object()) return absl::InvalidArgumentError("not a JSON object");
  const auto text = input->find("text");
  if (text == input->end()) return FieldError("text", "is missing");
  if (!text->is_string()) return FieldError("text", "must be a string");
  const auto pair = input->find("text_pair");
  const bool has_pair = pair != input->end() && !pair->is_null();
  if (has_pair && !pair->is_string()) return FieldError("text_pair", "must be a string or null");
  std::optional<std::string_view> pair_text;
  if (has_pair) pair_text = pair->get_ref<const std::string&>();
  const absl::Status status = tokenizer.Encode(text->get_ref<const std::string&>(), pair_text, options, encoding);
  if (!status.ok()) return status;
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

/// Tokenises every line of `input`, a line of output for each. False if a line was bad, or reading or writing failed.
bool TokenizeLines(const Tokenizer& tokenizer, const tokenizer::EncodeOptions& options, const std::string& name,
                   std::istream* input) {
  bool all_well = true;
  LineOutput output(stdout);
  tokenizer::Encoding encoding;
  std::string line;
  for (uint64_t line_number = 1; std::getline(*input, line); ++line_number) {
    auto result = TokenizeLine(tokenizer, options, line, &encoding);
    if (!result.ok()) {
      all_well = false;
      std::fprintf(stderr, "%s:%llu: %s\n", name.c_str(), static_cast<unsigned long long>(line_number),
                   std::string(result.status().message()).c_str());
      result = ErrorLine(line_number, result.status());
    }
    if (!output.Write(result->dump(-1, ' ', false, Json::error_handler_t::replace))) break;
    // A writer that waits for an answer to its line gets it at once; a file is written in large pieces.
    if (input->rdbuf()->in_avail() <= 0 && !output.Flush()) break;
  }
  if (input->bad()) {
    std::fprintf(stderr, "error: %s: cannot read: %s\n", name.c_str(), std::strerror(errno));
    all_well = false;
  }
  const bool written = output.Flush();
  output.ReportFailure();
  return all_well && written;
}

int Tokenize(const TokenizeOptions& options) {
  const auto config = checkpoint::ReadModelConfig(options.model);
  if (!config.ok()) return Fail(config.status());
  const auto tokenizer = Tokenizer::Load(options.model);
  if (!tokenizer.ok()) return Fail(tokenizer.status());
  tokenizer::EncodeOptions encode_options;
  encode_options.max_tokens = options.max_tokens.value_or(static_cast<uint32_t>(config->max_tokens()));
  encode_options.truncation = TruncationOf(options.truncation);
  encode_options.with_offsets = true;
  if (options.file == kStandardInput) {
    std::ios::sync_with_stdio(false);  // makes std::cin read in blocks
    std::cin.tie(nullptr);
    return TokenizeLines(**tokenizer, encode_options, "standard input", &std::cin) ? 0 : 1;
  }
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return Fail(absl::StrCat(options.file, ": cannot open: ", std::strerror(errno)));
  return TokenizeLines(**tokenizer, encode_options, options.file, &file) ? 0 : 1;
}

}  // namespace

void AddTokenize(CLI::App* app, int* exit_code) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command =
      app->add_subcommand("tokenize", "Turns texts into token ids, exactly as the model's tokenizer does");
  command->add_option("--model", options->model, "Checkpoint directory: its config.json and vocabulary are read")
      ->required()
      ->type_name("DIR");
  command->add_option("FILE", options->file, "JSON lines; - or nothing means standard input");
  command
      ->add_option("--truncation", options->truncation,
                   "What to do with a text of too many tokens: error, right or left")
      ->check(CLI::IsMember({"error", "right", "left"}).description(""))
      ->type_name("HOW")
      ->default_str("error");
  command->add_option("--max-tokens", options->max_tokens, "Most tokens, special tokens included; 0 means no limit")
      ->type_name("N")
      ->default_str("the model's limit");
  command->footer(
      "A line of input is an object with text and, for pairs, text_pair; its other fields are ignored. A line of "
      "output is\n"
      "{\"ids\": [...], \"tokens\": [...], \"offsets\": [[begin, end], ...], \"tokens_dropped\": N}, offsets in code "
      "points of the\n"
      "text. A bad line gives {\"line\": N, \"error\": {...}} in its place, a message on standard error and exit code "
      "1.\n\n"
      "Examples:\n"
      "  echo '{\"text\": \"A fine film.\"}' | roberta-model tokenize --model models/demo-sst2\n"
      "  roberta-model tokenize --model models/demo-sst2 --truncation right --max-tokens 128 texts.jsonl > "
      "tokens.jsonl");
  command->callback([options, exit_code] { *exit_code = Tokenize(*options); });
}

}  // namespace roberta::tool
