#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "loadtest/workload/workload.h"
#include "tests/soak/scenarios.h"
#include "tests/test_paths.h"

namespace {

using roberta::soak::Broken;

struct Options {
  std::string server, model;
  size_t cancels = 0, random = 0, exact = 0;
  int rounds = 3, soak_seconds = 0;
  size_t in_flight = 48;
  uint64_t seed = 1;
};

/// Room for every call of a storm, and the profiles by their parts.
std::string ConfigOf(const Options& options) {
  return absl::StrCat("model { directory: \"", options.model, "\" }\n",
                      "profiles { name: \"baseline\" } profiles { name: \"quantized\" } profiles { name: \"pruned\" }\n"
                      "profiles { name: \"amp\" } profiles { name: \"reference\" load: false }\n",
                      "execution { queue_capacity_calls: ", options.cancels + 1024,
                      " queue_capacity_items: ", 4 * options.cancels + 16384, " queue_capacity_tokens: 100000000 }\n");
}

int Report(const char* what, const Broken& broken) {
  for (const std::string& sentence : broken) std::fprintf(stderr, "BROKEN, %s: %s\n", what, sentence.c_str());
  return broken.empty() ? 0 : 1;
}

int RunScenarios(const Options& options, roberta::soak::Setup* setup) {
  using namespace roberta::soak;
  int broken = Report("alone", ClassifyAlone(setup));
  if (broken != 0) return broken;
  if (options.random > 0) broken |= Report("random calls", RandomCalls(*setup, options.random));
  if (options.exact > 0) broken |= Report("int8 under load", ExactUnderLoad(*setup, options.exact));
  if (options.soak_seconds > 0) broken |= Report("soak", Soak(*setup, std::chrono::seconds(options.soak_seconds)));
  if (options.cancels > 0) broken |= Report("cancel storm", CancelStorm(*setup, options.cancels, options.rounds));
  return broken;
}

int Run(const Options& options) {
  roberta::soak::Setup setup = {.seed = options.seed, .in_flight = options.in_flight};
  auto texts = roberta::loadtest::workload::ReadTexts(options.model + "/sample.tsv");
  if (!texts.ok()) return Report("texts", {std::string(texts.status().message())});
  setup.texts = std::move(texts->items);
  // Some 300 tokens each, which short texts may overtake (long_item_tokens), and fewer than any model of the family
  // takes.
  const auto long_texts =
      roberta::loadtest::workload::JoinedTexts(setup.texts, 1200, 1 + setup.texts.size() / 20, options.seed);
  setup.texts.insert(setup.texts.end(), long_texts.begin(), long_texts.end());
  auto server =
      roberta::loadtest::target::ServerProcess::Start({.program = options.server, .config = ConfigOf(options)});
  if (!server.ok()) return Report("start", {std::string(server.status().message())});
  setup.server = server->get();
  int broken = RunScenarios(options, &setup);
  if (const absl::Status stopped = (*server)->Stop(); !stopped.ok()) {
    broken |= Report("stop", {std::string(stopped.message())});
  }
  std::printf("%s\n", broken == 0 ? "all promises were kept" : "promises were broken");
  return broken;
}

}  // namespace

int main(int argc, char** argv) {
  setenv("GRPC_VERBOSITY", "NONE", 0);  // what fails is told by us, once
  Options options;
  options.server = (std::filesystem::path(argv[0]).parent_path() / "roberta-server").string();
  options.model = roberta::test_paths::InRepository("models/demo-sst2");
  CLI::App app("Tries a roberta-server of its own beyond what users do, and holds it to its promises.", "roberta_soak");
  app.add_option("--server", options.server, "Program (roberta-server beside this one)")->type_name("PROGRAM");
  app.add_option("--model", options.model, "Checkpoint with a sample.tsv (models/demo-sst2)")->type_name("DIR");
  app.add_option(
         "--random", options.random,
         "Calls of every kind, good, bad, cancelled, with deadlines too short: each has one outcome that it may "
         "have, and the server's counters are equal to ours")
      ->type_name("CALLS");
  app.add_option("--exact", options.exact,
                 "Calls at several loads: int8 logits are those of the text alone, to the bit")
      ->type_name("CALLS");
  app.add_option("--soak-seconds", options.soak_seconds,
                 "The same kinds for so long, while a profile comes and goes and metrics are read: equal books, flat "
                 "memory, no primitives made between loads")
      ->type_name("SECONDS");
  app.add_option(
         "--cancels", options.cancels,
         "Calls under way at once, cancelled at random, --rounds times over: nothing stays under way, executors "
         "answer, memory is flat")
      ->type_name("CALLS");
  app.add_option("--rounds", options.rounds, "Of --cancels (3)")->check(CLI::Range(2, 1000))->type_name("N");
  app.add_option("--in-flight", options.in_flight, "Calls at a time of --random and --soak-seconds (48)")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  app.add_option("--seed", options.seed, "Of all that is random (1)")->type_name("N");
  app.footer(
      "\nExit codes: 0 all promises were kept, 1 one was broken (a line each on standard error), 2 wrong usage.\n\n"
      "Examples:\n"
      "  roberta_soak --random 100000\n"
      "  roberta_soak --cancels 10000 --rounds 5\n"
      "  roberta_soak --soak-seconds 600 --exact 20000");
  try {
    app.parse(argc, argv);
    if (options.random + options.exact + options.cancels == 0 && options.soak_seconds <= 0) {
      throw CLI::RequiredError("One of --random, --exact, --soak-seconds and --cancels");
    }
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "roberta_soak: %s (see --help)\n", error.what());
    return 2;
  }
  return Run(options);
}
