#include "client/cli/objective_options.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace roberta::cli {

namespace {

v1::Objective& Made(std::optional<v1::Objective>* objective) {
  return *objective ? **objective : objective->emplace();
}

}  // namespace

void AddObjectiveOptions(CLI::App* command, std::optional<v1::Objective>* objective) {
  const auto share = [&](const char* name, const char* what, void (v1::Objective::*set)(double)) {
    command
        ->add_option_function<double>(
            name, [objective, set](const double& value) { (Made(objective).*set)(value); },
            absl::StrCat("With --profile auto: ", what, ", 0 to 1"))
        ->check(CLI::Range(0.0, 1.0).description(""))
        ->type_name("X");
  };
  share("--min-accuracy", "least accuracy on the model's sample", &v1::Objective::set_min_accuracy);
  share("--min-agreement", "least agreement with the baseline on it", &v1::Objective::set_min_agreement);
  command
      ->add_option_function<uint32_t>(
          "--max-latency-ms", [objective](const uint32_t& value) { Made(objective).set_max_latency_ms(value); },
          "With --profile auto: milliseconds that a call should take at most (the deadline)")
      ->check(CLI::PositiveNumber)
      ->type_name("MS");
}

}  // namespace roberta::cli
