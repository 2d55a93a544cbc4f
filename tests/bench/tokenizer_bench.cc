// How fast texts are tokenised, one thread. Prints a line of JSON a round, so that compare_tokenizers can alternate it
// with another tokenizer.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "profiles/tokenizer/tokenizer.h"
#include "tests/test_paths.h"

namespace {

using roberta::tokenizer::EncodeOptions;
using roberta::tokenizer::Encoding;
using roberta::tokenizer::Tokenizer;

std::vector<std::string> ReadLines(const std::string& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(file.ends_with(".tsv") ? line.substr(line.find('\t') + 1) : line);
  }
  return lines;
}

struct Round {
  size_t tokens = 0;
  double seconds = 0;
};

Round Run(const Tokenizer& tokenizer, const std::vector<std::string>& lines, const EncodeOptions& options) {
  Round round;
  Encoding encoding;
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& line : lines) {
    if (!tokenizer.Encode(line, std::nullopt, options, &encoding).ok()) continue;
    round.tokens += encoding.ids.size();
  }
  round.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return round;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Tokenises the lines of a file again and again, and prints the time of each round as JSON.",
               "tokenizer_bench");
  std::string file, model = roberta::test_paths::InRepository("models/demo-sst2");
  int rounds = 5;
  bool offsets = false, wait = false;
  app.add_option("FILE", file, "Texts, one a line; of a .tsv what follows the first tab")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--model", model, "Directory of the vocabulary");
  app.add_option("--rounds", rounds, "How often")->check(CLI::PositiveNumber);
  app.add_flag("--offsets", offsets, "With the offsets of the tokens");
  app.add_flag("--wait", wait, "Wait for a line of standard input before each round");
  CLI11_PARSE(app, argc, argv);
  const auto tokenizer = Tokenizer::Load(model);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "tokenizer_bench: %s\n", std::string(tokenizer.status().message()).c_str());
    return 1;
  }
  const std::vector<std::string> lines = ReadLines(file);
  for (int i = 0; i < rounds; ++i) {
    std::string line;
    if (wait && !std::getline(std::cin, line)) return 0;
    const Round round = Run(**tokenizer, lines, {.with_offsets = offsets});
    std::printf("{\"texts\": %zu, \"tokens\": %zu, \"seconds\": %.6f}\n", lines.size(), round.tokens, round.seconds);
    std::fflush(stdout);
  }
  return 0;
}
