#include "loadtest/console/run_declarations.h"

#include <CLI/CLI.hpp>

#include "loadtest/console/series_options.h"

namespace roberta::console {

void DeclareDeadline(CLI::App* command, RunOptions* options) {
  command->add_option("--deadline-ms", options->deadline_ms, "Of each request, from its actual send (10000)")
      ->check(CLI::Range(int64_t{1}, int64_t{3'600'000}).description(""))
      ->type_name("MS");
}

void DeclareLoad(CLI::App* command, RunOptions* options) {
  command->add_option("--arrivals", options->arrivals, "Of --rate: poisson or constant (poisson)")
      ->check(CLI::IsMember({"poisson", "constant"}).description(""))
      ->type_name("KIND");
  command->add_option("--replay", options->replay, "Open loop: milliseconds between requests, a line each")
      ->type_name("FILE");
  command->add_option("--duration", options->duration_seconds, "Seconds that are measured (10)")
      ->check(Between(0.01, 86'400.0))
      ->type_name("SECONDS");
  DeclareDeadline(command, options);
  command
      ->add_option("--slo-ms", options->objective_ms,
                   "Count as goodput what is answered within, from the intended send")
      ->check(Between(0.001, 3'600'000.0))
      ->type_name("MS");
  command
      ->add_option("--max-in-flight", options->max_in_flight,
                   "Open loop: requests beyond that wait for others to end (20000)")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}).description(""))
      ->type_name("N");
  command
      ->add_option("--connections", options->connections, "TCP connections, used in turn (8, or a 200th of the users)")
      ->check(CLI::Range(size_t{1}, size_t{1000}).description(""))
      ->type_name("N");
}

void DeclareTexts(CLI::App* command, RunOptions* options) {
  CLI::Option* file = command
                          ->add_option("--file", options->file,
                                       "Texts: .tsv or .csv (a header line names the columns text, label and "
                                       "text_pair), .jsonl, else a text a line (a dozen "
                                       "built-in sentences)")
                          ->type_name("FILE");
  command
      ->add_option("--lengths", options->lengths,
                   "Instead: texts made up to have these numbers of tokens, special ones included, a line each")
      ->type_name("FILE")
      ->excludes(file);
  command
      ->add_option("--mix", options->mix, "A share (0.01) of the requests has its texts from another file; repeatable")
      ->type_name("FILE=SHARE");
  command
      ->add_option("--long-share", options->long_share, "A share of the requests has texts as long as the model takes")
      ->check(Between(0.0, 0.99))
      ->type_name("SHARE");
  command
      ->add_option("--long-characters", options->long_characters,
                   "Characters of these, cut to the model's longest input (4000)")
      ->check(CLI::Range(size_t{1}, size_t{100'000}).description(""))
      ->type_name("N");
  command->add_option("--items", options->items, "Texts per request (1)")
      ->check(CLI::Range(size_t{1}, size_t{100'000}).description(""))
      ->type_name("N");
  command->add_option("--seed", options->seed, "Of arrivals, order and mix (1)")->type_name("N");
}

}  // namespace roberta::console
