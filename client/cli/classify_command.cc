#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/item_pipeline.h"
#include "client/cli/items.h"
#include "client/cli/results.h"
#include "client/client.h"
#include "profiles/errors/errors.h"
#include "profiles/terminal/terminal.h"

namespace roberta::cli {
namespace {

constexpr size_t kOtherColumns = 48;  // of a table, beside the text
constexpr size_t kTextColumnsOfFiles = 60;

const std::map<std::string, v1::Truncation> kTruncations = {
    {"error", v1::TRUNCATION_ERROR}, {"right", v1::TRUNCATION_RIGHT}, {"left", v1::TRUNCATION_LEFT}};
const std::map<std::string, v1::FunctionToApply> kFunctions = {{"auto", v1::FUNCTION_AUTO},
                                                               {"softmax", v1::FUNCTION_SOFTMAX},
                                                               {"sigmoid", v1::FUNCTION_SIGMOID},
                                                               {"none", v1::FUNCTION_NONE}};
const std::map<std::string, v1::Priority> kPriorities = {
    {"low", v1::PRIORITY_LOW}, {"normal", v1::PRIORITY_NORMAL}, {"high", v1::PRIORITY_HIGH}};

struct ClassifyOptions {
  std::vector<std::string> texts;
  std::string file;
  std::string format;
  std::string profile;
  v1::Objective objective;  ///< empty: none
  std::string priority;     ///< empty: the server's
  std::string truncation = "error";
  std::string function = "auto";
  std::optional<uint32_t> top_k;
  bool json = false;
  bool logits = false;
  bool quiet = false;
  bool no_stream = false;
  size_t items_per_call = PipelineOptions().items_per_call;
  size_t calls_in_flight = PipelineOptions().calls_in_flight;
  size_t longest_line_bytes = rows::RowFileOptions().longest_line_bytes;

  bool FromFile() const { return !file.empty(); }
  bool HasObjective() const { return objective.ByteSizeLong() > 0; }
};

size_t TextColumns(const ClassifyOptions& options) {
  const size_t room = terminal::TerminalColumns(STDOUT_FILENO, 120);
  size_t longest = kTextColumnsOfFiles;
  if (!options.FromFile()) {
    longest = 4;
    for (const std::string& text : options.texts) longest = std::max(longest, terminal::ColumnsOf(text));
  }
  return std::min(longest, room > kOtherColumns + 20 ? room - kOtherColumns : 20);
}

PipelineOptions ToPipelineOptions(const ClassifyOptions& options, const ConnectionOptions& connection) {
  PipelineOptions pipeline;
  pipeline.request.set_profile(options.profile);
  if (options.HasObjective()) *pipeline.request.mutable_objective() = options.objective;
  if (!options.priority.empty()) pipeline.priority = kPriorities.at(options.priority);
  pipeline.request.set_truncation(kTruncations.at(options.truncation));
  pipeline.request.set_function_to_apply(kFunctions.at(options.function));
  if (options.top_k) pipeline.request.set_top_k(*options.top_k);
  pipeline.request.set_return_logits(options.logits);
  pipeline.timeout = connection.timeout();
  pipeline.items_per_call = options.items_per_call;
  pipeline.calls_in_flight = options.calls_in_flight;
  pipeline.stream = options.FromFile() && !options.no_stream;
  return pipeline;
}

terminal::Display DisplayOf(const ClassifyOptions& options) {
  const bool shown = options.FromFile() && !options.quiet && isatty(STDERR_FILENO) != 0;
  return shown ? terminal::Display::kBar : terminal::Display::kNone;
}

/// Writes the results to standard output, and problems and progress to standard error.
class ClassifyRun {
 public:
  ClassifyRun(const ClassifyOptions& options, uint64_t total_bytes)
      : options_(options),
        writer_(options.json ? ResultWriter::JsonLines(stdout) : ResultWriter::Table(stdout, TextColumns(options))),
        progress_(stderr, DisplayOf(options)) {
    done_.total_bytes = total_bytes;
  }

  bool Emit(const Batch& batch) {
    if (isatty(STDOUT_FILENO) != 0) progress_.Hide();
    const v1::ClassifyResponse* response = nullptr;
    if (batch.answer && batch.answer->ok()) {
      response = &**batch.answer;
      if (response->has_phases()) phases_.Add(response->phases());
    } else if (batch.answer &&
               !IsLasting(batch.answer->status())) {  // else it ends the run, and the reason is printed then
      const std::string &first = batch.items.front().place, &last = batch.items.back().place;
      Report(first == last ? first : absl::StrCat(first, " to ", last), batch.answer->status());
    }
    int next_result = 0;
    for (const Item& item : batch.items) {
      if (!item.problem.ok()) {
        Fail(item, item.problem);
      } else if (response == nullptr) {
        ++failed_;
        writer_->WriteFailure(item, batch.answer->status());
      } else if (next_result >= response->results_size()) {
        Fail(item, absl::InternalError("the server did not answer this item"));
      } else {
        Take(item, response->results(next_result++), response->profile_used());
      }
      last_place_ = item.place;
      done_.bytes = item.end_bytes;
      ++done_.items;
    }
    progress_.Update(done_);
    if (writer_->Flush()) return true;
    output_error_ = errno;
    return false;
  }

  /// After the last batch; `stream_phases` are of what came by stream.
  void Summarize(const PhaseMeans& stream_phases) {
    progress_.Hide();
    const char* const unit = stream_phases.calls() > 0 ? "parts of the stream" : "calls";
    phases_.Add(stream_phases);
    if (!options_.json && !options_.quiet && phases_.calls() > 0) {
      std::printf("\ntime per phase in ms, %s: %s\n",
                  phases_.calls() == 1 ? "one call" : absl::StrFormat("mean of %d %s", phases_.calls(), unit).c_str(),
                  phases_.Text().c_str());
    }
    if (accuracy_.labeled() > 0) std::fprintf(stderr, "%s\n", accuracy_.Text().c_str());
    if (!options_.FromFile() || options_.quiet) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    std::fprintf(stderr, "%s items in %.1f s, %.0f items/s, %s failed\n", terminal::WithSeparators(done_.items).c_str(),
                 seconds, static_cast<double>(done_.items) / seconds, terminal::WithSeparators(failed_).c_str());
  }

  uint64_t failed() const { return failed_; }
  /// Of the last item that was emitted; empty if none was.
  const std::string& last_place() const { return last_place_; }
  /// errno of the write that failed.
  int output_error() const { return output_error_; }

 private:
  void Take(const Item& item, const v1::ItemResult& result, const std::string& profile) {
    if (!result.has_classification()) {
      Fail(item, absl::Status(static_cast<absl::StatusCode>(result.status().code()), result.status().message()));
      return;
    }
    accuracy_.Add(item.expected_label, result.classification());
    writer_->Write(item, result.classification(), profile);
  }

  void Fail(const Item& item, const absl::Status& status) {
    ++failed_;
    writer_->WriteFailure(item, status);
    Report(item.place, status);
  }

  void Report(const std::string& place, const absl::Status& status) {
    progress_.Hide();
    std::fprintf(stderr, "%s: %s: %s\n", place.c_str(), absl::StatusCodeToString(status.code()).c_str(),
                 std::string(status.message()).c_str());
  }

  const ClassifyOptions& options_;
  const std::unique_ptr<ResultWriter> writer_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  terminal::ProgressBar progress_;
  PhaseMeans phases_;
  Accuracy accuracy_;
  terminal::Done done_;
  uint64_t failed_ = 0;
  std::string last_place_;
  int output_error_ = 0;
};

absl::StatusOr<std::unique_ptr<ItemSource>> OpenSource(const ClassifyOptions& options) {
  if (!options.FromFile()) return TextsOfCommandLine(options.texts);
  const auto given = rows::FormatNamed(options.format);
  const auto format = given ? *given : rows::FormatOfFile(options.file, rows::Format::kText);
  if (!format.ok()) return errors::InvalidArgument(format.status().message(), "; --format names it");
  return RowsOfFile(options.file, {.format = *format, .longest_line_bytes = options.longest_line_bytes});
}

int Report(const std::string& text) {
  std::fprintf(stderr, "roberta-client: %s\n", text.c_str());
  return kSomethingFailed;
}

int Classify(const ClassifyOptions& options, const ConnectionOptions& connection) {
  auto source = OpenSource(options);
  if (!source.ok()) return Report(std::string(source.status().message()));
  client::Client client(connection.server());
  ItemPipeline pipeline(&client, ToPipelineOptions(options, connection));
  ClassifyRun run(options, (*source)->total_bytes());
  terminal::CatchStopSignals();
  const ItemPipeline::End end =
      pipeline.Run(source->get(), &terminal::StopRequested, [&](const Batch& batch) { return run.Emit(batch); });
  run.Summarize(pipeline.stream_phases());
  switch (end) {
    case ItemPipeline::End::kDone:
      return run.failed() == 0 ? kAllWell : kSomethingFailed;
    case ItemPipeline::End::kStopRequested:
      std::fprintf(stderr, "roberta-client: stopped before the end of the input\n");
      return kInterrupted;
    case ItemPipeline::End::kOutputFailed:
      // A reader that went away, as in `| head`, is not worth a message.
      return run.output_error() == EPIPE
                 ? static_cast<int>(kSomethingFailed)
                 : Report(absl::StrCat("cannot write the results: ", std::strerror(run.output_error())));
    case ItemPipeline::End::kInputFailed:
      return Report(std::string((*source)->error().message()));
    case ItemPipeline::End::kRefused:
      break;
  }
  if (options.FromFile() && !run.last_place().empty()) {
    std::fprintf(stderr, "roberta-client: nothing after %s was sent\n", run.last_place().c_str());
  }
  return ReportFailure(connection, pipeline.refusal());
}

/// Adds --min-accuracy, --min-agreement and --max-latency-ms, each of which sets its field of `*objective`.
void AddObjectiveOptions(CLI::App* command, v1::Objective* objective) {
  const auto share = [&](const char* name, const char* what, void (v1::Objective::*set)(double)) {
    command
        ->add_option_function<double>(
            name, [objective, set](const double& value) { (objective->*set)(value); },
            absl::StrCat("With --profile auto: ", what, ", 0 to 1"))
        ->check(CLI::Range(0.0, 1.0).description(""))
        ->type_name("X");
  };
  share("--min-accuracy", "least accuracy on the model's sample", &v1::Objective::set_min_accuracy);
  share("--min-agreement", "least agreement with the baseline on it", &v1::Objective::set_min_agreement);
  command
      ->add_option_function<uint32_t>(
          "--max-latency-ms", [objective](const uint32_t& value) { objective->set_max_latency_ms(value); },
          "With --profile auto: milliseconds that a call should take at most (the deadline)")
      ->check(CLI::PositiveNumber)
      ->type_name("MS");
}

void DeclareOptions(CLI::App* command, ClassifyOptions* options) {
  command->add_option("TEXT", options->texts, "Texts; a single - means lines of standard input")
      ->transform(WithoutMark);
  command
      ->add_option("--file", options->file,
                   "Classify the texts of a file: .tsv, .csv or .jsonl (see below), else a text a line; - is "
                   "standard input")
      ->type_name("FILE");
  const auto one_of = [](auto names) { return CLI::IsMember(names).description(""); };
  command->add_option("--format", options->format, "What the file is, whatever its name says")
      ->check(one_of(std::vector<std::string>{"txt", "tsv", "csv", "jsonl"}))
      ->type_name("txt|tsv|csv|jsonl");
  command
      ->add_option("--profile", options->profile,
                   "Optimization profile (the server's default); auto: the most accurate one that answers in time")
      ->type_name("NAME");
  AddObjectiveOptions(command, &options->objective);
  command->add_option("--priority", options->priority, "Among calls that wait (normal; for a --file low)")
      ->check(one_of(kPriorities))
      ->type_name("low|normal|high");
  command->add_option("--truncation", options->truncation, "For a text of too many tokens (error)")
      ->check(one_of(kTruncations))
      ->type_name("error|right|left");
  command->add_option("--top-k", options->top_k, "Scores per text, best first (all)")
      ->check(CLI::PositiveNumber)
      ->type_name("K");
  command->add_option("--function", options->function, "From logits to scores (auto: as the model says)")
      ->check(one_of(kFunctions))
      ->type_name("auto|softmax|sigmoid|none");
  command->add_flag("--json", options->json, "Print an object a line, in the order of the input");
  command->add_flag("--logits", options->logits, "With --json: the logits too");
  command->add_flag("--no-stream", options->no_stream,
                    "Send a file in many calls, not in one stream (as is done anyway where the server has no streams)");
  command->add_flag("--quiet", options->quiet, "No progress and no summary");
  const auto count = [&](const char* name, size_t* value, const char* help) {
    command->add_option(name, *value, absl::StrCat(help, " (", *value, ")"))
        ->check(CLI::PositiveNumber)
        ->type_name("N");
  };
  count("--batch-items", &options->items_per_call, "Texts per call, or per message of a stream");
  count("--in-flight", &options->calls_in_flight, "Calls in flight; of a stream the server decides");
  count("--max-line-bytes", &options->longest_line_bytes, "Longest line of a file that is read");
}

}  // namespace

void AddClassifyCommand(CLI::App* app, const ConnectionOptions* connection, int* exit_code) {
  auto options = std::make_shared<ClassifyOptions>();
  CLI::App* command = app->add_subcommand("classify", "Classifies texts");
  DeclareOptions(command, options.get());
  command->footer(absl::StrCat(
      "\n", rows::kFormatsHelp,
      "A column or field id is repeated in the output of --json; with a column label the accuracy is printed too. "
      "Other\n"
      "columns are passed over.\n\n"
      "A text that fails is reported with its place and code; the others are still answered, and the exit code is 1.\n"
      "With --json a line is {index, id, label, score, scores, logits, tokens, truncated, profile}, or {index, id,\n"
      "error{code, message}}.\n\n"
      "Texts that begin with - come after --, which ends the options.\n\n"
      "Examples:\n"
      "  roberta-client classify \"a warm, funny film\" \"a lifeless mess\"\n"
      "  roberta-client classify --json -- \"-5 degrees\" \"-not bad\"\n"
      "  roberta-client classify --profile auto --min-accuracy 0.85 --max-latency-ms 50 \"a warm, funny film\"\n"
      "  roberta-client classify --file reviews.tsv --json > results.jsonl\n"
      "  cat texts.txt | roberta-client classify --json --top-k 1 -"));
  command->callback([=] {
    if (options->texts.size() == 1 && options->texts[0] == "-" && options->file.empty()) {
      options->texts.clear();
      options->file = "-";
    }
    if (options->texts.empty() == options->file.empty()) {
      throw CLI::ValidationError("classify", "needs either texts or --file");
    }
    if (options->HasObjective() && options->profile != "auto") {
      throw CLI::ValidationError("classify",
                                 "--min-accuracy, --min-agreement and --max-latency-ms need --profile auto");
    }
    *exit_code = Classify(*options, *connection);
  });
}

}  // namespace roberta::cli
