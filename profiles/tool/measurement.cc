#include "profiles/tool/measurement.h"
#include "profiles/checkpoint/files.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "profiles/cores/cores.h"
#include "profiles/registry/profile_loader.h"
#include "profiles/statistics/order_statistics.h"

namespace roberta::tool {
namespace {

/// nullopt where there is no /proc.
std::optional<int64_t> ResidentBytes() {
  int64_t pages = 0, resident_pages = 0;
  std::ifstream file("/proc/self/statm");
  if (!(file >> pages >> resident_pages)) return std::nullopt;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class Measurer {
 public:
  Measurer(const registry::Model& model, const quality::TokenizedSample& texts, const MeasureSettings& settings,
           const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress)
      : model_(model),
        texts_(texts),
        labels_(static_cast<size_t>(model.checkpoint->config().num_labels())),
        settings_(settings),
        progress_(*progress),
        loader_(registry::ProfileLoader::WithoutSample(model, recipes)),
        alone_(quality::FormBatches(texts, quality::kAlone)),
        batches_(quality::FormBatches(texts)) {}

  std::vector<Measurement> MeasureAll(const std::vector<std::string>& names) {
    std::vector<Entry> entries;
    for (const std::string& name : names) entries.push_back(Load(name));
    const size_t passes = settings_.rounds * entries.size();
    for (size_t i = 0; i < passes; ++i) {
      progress_.Update("measuring", i, passes);
      const size_t round = i / entries.size();
      RunRound(&entries[(i + round) % entries.size()]);
    }
    std::vector<Measurement> measurements;
    for (Entry& entry : entries) measurements.push_back(std::move(entry.measurement));
    return measurements;
  }

 private:
  struct Entry {
    Measurement measurement;
    std::shared_ptr<const encoder::Profile> profile;
  };

  Entry Load(const std::string& name) {
    progress_.Update(absl::StrCat("loading ", name), 0, 0);
    Entry entry;
    Measurement& measurement = entry.measurement;
    measurement.name = name;
    model_.checkpoint->ReleasePages();  // what another profile left would make this one seem to need less
    checkpoint::ReturnFreeMemory();
    const std::optional<int64_t> before = ResidentBytes();
    registry::LoadOutcome outcome = loader_->Load({.name = name, .recipe = name}, nullptr);
    measurement.status = outcome.status;
    if (!outcome.status.ok()) return entry;
    entry.profile = std::move(outcome.profile);
    measurement.precision = outcome.description.precision;
    measurement.bytes_on_disk = outcome.bytes_on_disk;
    measurement.weight_bytes = outcome.description.weight_bytes;
    for (const quality::SampleBatch& batch : batches_) Run(batch, &entry);
    const std::optional<int64_t> after = ResidentBytes();
    if (before && after) measurement.rss_growth_bytes = *after - *before;
    return entry;
  }

  void RunRound(Entry* entry) const {
    if (!entry->measurement.status.ok()) return;
    Round round;
    std::vector<double> latencies_ms;
    for (const quality::SampleBatch& text : alone_) {
      const Stopwatch stopwatch;
      Run(text, entry);
      latencies_ms.push_back(stopwatch.seconds() * 1e3);
    }
    round.latency_p50_ms = statistics::Quantile(latencies_ms, 0.5);
    round.latency_p95_ms = statistics::Quantile(std::move(latencies_ms), 0.95);
    const Stopwatch stopwatch;
    RunBatches(entry);
    const double seconds = std::max(stopwatch.seconds(), 1e-9);
    round.texts_per_second = static_cast<double>(texts_.lengths.size()) / seconds;
    round.tokens_per_second = static_cast<double>(texts_.token_ids.size()) / seconds;
    if (entry->measurement.status.ok()) entry->measurement.rounds.push_back(round);
  }

  void Run(const quality::SampleBatch& batch, Entry* entry) const {
    absl::Status status = RunBatch(batch, *entry->profile);
    if (!status.ok()) entry->measurement.status = std::move(status);
  }

  void RunBatches(Entry* entry) const {
    std::vector<absl::Status> statuses(batches_.size());
    cores::RunOnThreads(settings_.threads, batches_.size(),
                        [&](size_t i) { statuses[i] = RunBatch(batches_[i], *entry->profile); });
    for (absl::Status& status : statuses) {
      if (!status.ok()) entry->measurement.status = std::move(status);
    }
  }

  absl::Status RunBatch(const quality::SampleBatch& batch, const encoder::Profile& profile) const {
    std::vector<float> logits(batch.examples() * labels_);
    return profile.Run(batch.View(texts_), absl::MakeSpan(logits));
  }

  const registry::Model& model_;
  const quality::TokenizedSample& texts_;
  const size_t labels_;
  const MeasureSettings settings_;
  terminal::ProgressBar& progress_;
  const std::unique_ptr<registry::ProfileLoader> loader_;
  const std::vector<quality::SampleBatch> alone_, batches_;
};

}  // namespace

std::vector<Measurement> Measure(const registry::Model& model, const quality::TokenizedSample& texts,
                                 const std::vector<std::string>& names, const MeasureSettings& settings,
                                 const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress) {
  return Measurer(model, texts, settings, recipes, progress).MeasureAll(names);
}

}  // namespace roberta::tool
