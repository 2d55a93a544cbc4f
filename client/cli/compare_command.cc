#include "client/cli/compare_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/exit_codes.h"
#include "client/cli/print_json.h"
#include "client/cli/profile_table.h"
#include "client/client.h"

namespace roberta::cli {

namespace {

struct CompareOptions {
  std::string text;
  std::optional<std::string> pair;
  std::vector<std::string> profiles;
  bool truncate = false;
  bool json = false;
};

int Compare(const ConnectionOptions& connection, const CompareOptions& options) {
  v1::CompareRequest request;
  request.mutable_item()->set_text(options.text);
  if (options.pair) request.mutable_item()->set_text_pair(*options.pair);
  for (const std::string& profile : options.profiles) request.add_profiles(profile);
  if (options.truncate) request.set_truncation(v1::TRUNCATION_RIGHT);
  client::Client client({.address = connection.address});
  const auto response = client.Compare(request, connection.timeout());
  if (!response.ok()) return ReportFailure(connection, response.status());
  const auto& comparisons = response->comparisons();
  const bool all_answered =
      std::all_of(comparisons.begin(), comparisons.end(),
                  [](const v1::ProfileComparison& comparison) { return comparison.has_classification(); });
  const int exit_code = all_answered ? kAllWell : kSomethingFailed;
  if (options.json) return std::max(PrintJson(*response), exit_code);
  std::fputs(ComparisonText(*response).c_str(), stdout);
  return exit_code;
}

}  // namespace

void AddCompareCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app->add_subcommand("compare", "Shows what several profiles make of one text, side by side");
  command->add_option("TEXT", options->text, "The text")->required();
  command->add_option("--pair", options->pair, "Second text of a pair");
  command->add_option("--profiles", options->profiles, "Profiles, separated by commas (all that are READY)")
      ->delimiter(',')
      ->type_name("NAMES");
  command->add_flag("--truncate", options->truncate, "Drop the end of a text of too many tokens");
  command->add_flag("--json", options->json, "Print the whole response as JSON");
  command->footer(
      "\nEach profile runs the text once untimed and three times timed, of which the fastest counts. (!) marks another "
      "label\nthan the baseline's; |dp| is the largest difference of a label's score. A profile that is not READY is "
      "shown with the\nreason, and the exit code is then 1.\n\n"
      "Examples:\n"
      "  roberta-client compare \"a warm, funny film\"\n"
      "  roberta-client compare --profiles baseline,quantized --json \"not bad at all\"");
  command->callback([=] { *exit_code = Compare(*connection, *options); });
}

}  // namespace roberta::cli
