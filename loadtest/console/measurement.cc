#include "loadtest/console/session.h"

#include <future>
#include <utility>

#include "loadtest/quality/comparison.h"
#include "loadtest/series/series.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::console {

namespace {

using Clock = std::chrono::steady_clock;

// A guess, for the time left: up to the first rate that is too high, and back.
constexpr size_t kStepsOfASearch = 10;

absl::StatusOr<v1::ClassifyResponse> AskOnce(client::DirectClient* client, const v1::ClassifyRequest& request,
                                             std::chrono::nanoseconds timeout) {
  std::promise<client::Answer> promise;
  client->Start(request.SerializeAsString(), timeout,
                [&](client::Answer answer) { promise.set_value(std::move(answer)); });
  client::Answer answer = promise.get_future().get();
  RETURN_IF_ERROR(answer.status);
  return std::move(answer.response);
}

std::vector<workload::RequestClass> WithProfile(std::vector<workload::RequestClass> classes,
                                                const std::string& profile) {
  for (workload::RequestClass& one : classes) one.settings.set_profile(profile);
  return classes;
}

/// That are sent alone; nothing: none is.
std::optional<size_t> MostTexts(const RunOptions& options) {
  return options.no_quality ? std::nullopt : std::optional(options.quality_texts);
}

class Bench {
 public:
  Bench(const Subject& subject, size_t runs, terminal::ProgressBar* bar)
      : subject_(subject),
        bar_(*bar),
        known_(subject.classes, MostTexts(subject.options), subject.options.seed),
        time_(runs + subject.runs_later) {}

  absl::Status AskAlone() {
    const std::chrono::milliseconds deadline(subject_.options.deadline_ms);
    return known_.AskAll(
        subject_.profiles, subject_.server,
        [&](const v1::ClassifyRequest& request) { return AskOnce(subject_.client, request, deadline); },
        [&](const std::string& profile, size_t done, size_t total) {
          bar_.Update(absl::StrCat(Prefix(), "asking ", profile.empty() ? "the default profile" : profile,
                                   " for each text alone"),
                      done, total);
          return !subject_.stop_requested();
        });
  }

  /// The progress bar shows `text`.
  absl::StatusOr<record::RunRecord> Run(const series::Step& step, const std::string& text) {
    const RunOptions& options = subject_.options;
    const Clock::time_point start = Clock::now();
    ASSIGN_OR_RETURN(auto mix,
                     workload::RequestMix::Make(WithProfile(subject_.classes, step.profile), SeedOf(options, step)));
    ASSIGN_OR_RETURN(runner::Plan plan, PlanOf(options, step));
    const quality::Reference reference = known_.ReferenceOf(step.profile);
    quality::Comparison comparison(reference);
    plan.on_answer = [&](const auto& request, const auto& response) { comparison.Add(request, response); };
    record::RunRecord record = {.settings = SettingsOf(options, step, subject_.classes),
                                .server = subject_.server,
                                .environment = record::ThisEnvironment()};
    record.settings.target = subject_.target;
    const auto end_watch = subject_.watch ? subject_.watch(plan.warm_up.longest + plan.duration) : nullptr;
    record.result = runner::Execute(std::move(plan), &mix, subject_.client, subject_.stop_requested,
                                    [&](const runner::Progress& progress) { Show(text, progress); });
    if (end_watch) end_watch(&record);
    record.quality = comparison.quality();
    quality::AddAlone(reference, &record.quality);
    record.quality.missing = known_.MissingOf(step.profile);
    time_.RunEnded(Clock::now() - start);
    Book(record, text);
    return record;
  }

  Measured& measured() { return measured_; }

 private:
  std::string Prefix() const { return subject_.title.empty() ? "" : subject_.title + ": "; }

  void Show(const std::string& text, const runner::Progress& progress) {
    const series::Share share = time_.During(progress.elapsed, progress.total);
    bar_.UpdatePart(absl::StrCat(Prefix(), text, progress.warming_up ? ": warm-up" : ""), share.done, share.total);
  }

  void Book(const record::RunRecord& record, const std::string& text) {
    measured_.end = record.result.end;
    measured_.answered = measured_.answered || record.result.Total().Count(stats::Outcome::kAnswered) > 0;
    for (const std::string& fault : record.result.Faults()) measured_.faults.push_back(absl::StrCat(text, ": ", fault));
  }

  const Subject& subject_;
  terminal::ProgressBar& bar_;
  quality::KnownAnswers known_;
  series::ExpectedTime time_;
  Measured measured_;
};

absl::StatusOr<Measured> MakeRuns(const Subject& subject, terminal::ProgressBar* bar) {
  const RunOptions& options = subject.options;
  const auto steps = series::Schedule(subject.profiles, LevelsOf(options), options.turns);
  Bench bench(subject, steps.size(), bar);
  RETURN_IF_ERROR(bench.AskAlone());
  Measured& measured = bench.measured();
  measured.runs_planned = steps.size();
  for (const series::Step& step : steps) {
    ASSIGN_OR_RETURN(record::RunRecord record,
                     bench.Run(step, series::StepText(step, LoadText(options, step.level), options.turns)));
    measured.series.runs.push_back(std::move(record));
    if (measured.end != runner::End::kComplete) break;
  }
  return std::move(measured);
}

absl::StatusOr<series::Probe> TryRate(Bench* bench, const series::SearchPlan& plan, const series::Step& step,
                                      const std::string& text) {
  ASSIGN_OR_RETURN(const record::RunRecord record, bench->Run(step, text));
  if (record.result.end == runner::End::kStopped) return absl::CancelledError("stopped");
  if (record.result.end == runner::End::kServerLost) return absl::UnavailableError("the server was lost");
  return series::Judge(record.result, plan.objective, plan.least_good_ratio);
}

absl::StatusOr<Measured> Search(const Subject& subject, terminal::ProgressBar* bar) {
  const RunOptions& options = subject.options;
  series::SearchPlan plan = {.objective = *options.slo, .repeats = options.repeats};
  plan.least_good_ratio = options.least_good_ratio > 0 ? options.least_good_ratio : options.slo->quantile;
  if (!options.rate.empty()) {
    plan.range.lowest = options.rate.front();
    plan.range.highest = options.rate.back();
  }
  Bench bench(subject, subject.profiles.size() * static_cast<size_t>(options.repeats) * kStepsOfASearch, bar);
  // The answers to single steps are not kept, so nothing is asked alone.
  bench.measured().series.searches =
      series::SearchRates(plan, subject.profiles, [&](const std::string& profile, int64_t repeat, double rate) {
        const series::Step step = {profile, rate, repeat};
        return TryRate(&bench, plan, step,
                       absl::StrCat(series::StepText({profile, rate}, LoadText(options, rate), 1), ", search ",
                                    repeat + 1, " of ", options.repeats));
      });
  return std::move(bench.measured());
}

}  // namespace

absl::StatusOr<Measured> Measure(const Subject& subject, terminal::ProgressBar* bar) {
  auto measured = subject.options.slo ? Search(subject, bar) : MakeRuns(subject, bar);
  bar->Hide();
  return measured;
}

}  // namespace roberta::loadtest::console
