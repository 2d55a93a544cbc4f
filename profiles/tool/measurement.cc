#include "profiles/tool/measurement.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "profiles/checkpoint/files.h"
#include "profiles/json/strict_json.h"
#include "profiles/machine/cores.h"
#include "profiles/tool/command.h"

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

/// Runs profiles over texts.
struct Measurer {
  struct Entry {
    Measurement measurement;
    std::shared_ptr<const encoder::Profile> profile;
  };

  const registry::Model& model;
  const quality::TokenizedSample& texts;
  const MeasureSettings settings;
  terminal::ProgressBar& progress;
  const std::unique_ptr<registry::ProfileLoader> loader;
  const std::vector<quality::SampleBatch> alone = quality::FormBatches(texts, quality::kAlone);
  const std::vector<quality::SampleBatch> batches = quality::FormBatches(texts);

  std::vector<Measurement> MeasureAll(const std::vector<std::string>& names) const {
    std::vector<Entry> entries;
    for (const std::string& name : names) entries.push_back(Load(name));
    const size_t passes = settings.rounds * entries.size();
    for (size_t i = 0; i < passes; ++i) {
      progress.Update("measuring", i, passes);
      const size_t round = i / entries.size();
      RunRound(&entries[(i + round) % entries.size()]);
    }
    std::vector<Measurement> measurements;
    for (Entry& entry : entries) measurements.push_back(std::move(entry.measurement));
    return measurements;
  }

  Entry Load(const std::string& name) const {
    progress.Update(absl::StrCat("loading ", name), 0, 0);
    Entry entry;
    Measurement& measurement = entry.measurement;
    measurement.name = name;
    model.checkpoint->ReleasePages();  // what another profile left would make this one seem to need less
    checkpoint::ReturnFreeMemory();
    const std::optional<int64_t> before = ResidentBytes();
    registry::LoadOutcome outcome = loader->Load({.name = name, .recipe = name}, nullptr);
    measurement.status = outcome.status;
    if (!outcome.status.ok()) return entry;
    entry.profile = std::move(outcome.profile);
    measurement.precision = outcome.description.precision;
    measurement.bytes_on_disk = outcome.bytes_on_disk;
    measurement.weight_bytes = outcome.description.weight_bytes;
    for (const quality::SampleBatch& batch : batches) Run(batch, &entry);
    const std::optional<int64_t> after = ResidentBytes();
    if (before && after) measurement.rss_growth_bytes = *after - *before;
    return entry;
  }

  void RunRound(Entry* entry) const {
    if (!entry->measurement.status.ok()) return;
    Round round;
    std::vector<double> latencies_ms;
    for (const quality::SampleBatch& text : alone) {
      const Stopwatch stopwatch;
      Run(text, entry);
      latencies_ms.push_back(stopwatch.seconds() * 1e3);
    }
    round.latency_p50_ms = statistics::Quantile(latencies_ms, 0.5);
    round.latency_p95_ms = statistics::Quantile(std::move(latencies_ms), 0.95);
    const Stopwatch stopwatch;
    RunBatches(entry);
    const double seconds = std::max(stopwatch.seconds(), 1e-9);
    round.texts_per_second = static_cast<double>(texts.lengths.size()) / seconds;
    round.tokens_per_second = static_cast<double>(texts.token_ids.size()) / seconds;
    if (entry->measurement.status.ok()) entry->measurement.rounds.push_back(round);
  }

  void Run(const quality::SampleBatch& batch, Entry* entry) const {
    absl::Status status = RunBatch(batch, *entry->profile);
    if (!status.ok()) entry->measurement.status = std::move(status);
  }

  void RunBatches(Entry* entry) const {
    std::vector<absl::Status> statuses(batches.size());
    machine::RunOnThreads(settings.threads, batches.size(),
                          [&](size_t i) { statuses[i] = RunBatch(batches[i], *entry->profile); });
    for (absl::Status& status : statuses) {
      if (!status.ok()) entry->measurement.status = std::move(status);
    }
  }

  absl::Status RunBatch(const quality::SampleBatch& batch, const encoder::Profile& profile) const {
    std::vector<float> logits(batch.examples() * static_cast<size_t>(model.checkpoint->config().num_labels()));
    return profile.Run(batch.View(texts), absl::MakeSpan(logits));
  }
};

using TableRows = std::vector<std::vector<std::string>>;
using Value = double Round::*;

statistics::Spread Over(const Measurement& measurement, Value value) {
  std::vector<double> values;
  for (const Round& round : measurement.rounds) values.push_back(round.*value);
  return statistics::MedianOf(std::move(values));
}

/// Of the ratios of each round, in which both ran one after another: what slows both down cancels out.
statistics::Spread RatiosOver(const Measurement& numerator, const Measurement& denominator, Value value) {
  std::vector<double> ratios;
  for (size_t i = 0; i < numerator.rounds.size(); ++i) {
    ratios.push_back(numerator.rounds[i].*value / denominator.rounds[i].*value);
  }
  return statistics::MedianOf(std::move(ratios));
}

/// Those of `measurements` that have the names and were measured.
std::vector<const Measurement*> Named(const std::vector<Measurement>& measurements,
                                      const std::vector<std::string>& names) {
  std::vector<const Measurement*> named;
  for (const std::string& name : names) {
    for (const Measurement& measurement : measurements) {
      if (measurement.name == name && measurement.status.ok()) named.push_back(&measurement);
    }
  }
  return named;
}

Json ToJson(const statistics::Spread& interval) {
  return {{"median", interval.median}, {"low", interval.low}, {"high", interval.high}};
}

std::string Text(int digits, const statistics::Spread& interval) {
  return absl::StrFormat("%.*f (%.*f to %.*f)", digits, interval.median, digits, interval.low, digits, interval.high);
}

std::string Mebibytes(double bytes) {
  return absl::StrFormat("%.1f MiB", bytes / (1 << 20));
}

/// A table whose columns are `columns`, what `cells` makes of a profile, and its speedup beside others.
std::string SpeedTable(const std::vector<Measurement>& measurements, const std::vector<const Measurement*>& before,
                       std::vector<std::string> columns,
                       const std::function<std::vector<std::string>(const Measurement&)>& cells,
                       statistics::Spread Speedup::*speedup) {
  for (const Measurement* other : before) columns.push_back(absl::StrCat("x ", other->name));
  TableRows rows = {std::move(columns)};
  for (const Measurement& measurement : measurements) {
    std::vector<std::string>& row = rows.emplace_back();
    if (!measurement.status.ok()) {
      row.assign(rows[0].size(), kNotMeasured);
      row[0] = measurement.name;
      continue;
    }
    row = cells(measurement);
    row.insert(row.begin(), measurement.name);
    for (const Measurement* other : before) row.push_back(Text(2, SpeedupOf(measurement, *other).*speedup));
  }
  return terminal::TableText(rows);
}

std::string SizeTable(const std::vector<Measurement>& measurements) {
  TableRows rows = {{"profile", "precision", "files on disk", "weights in memory", "growth of the process"}};
  for (const Measurement& measurement : measurements) {
    if (!measurement.status.ok()) {
      rows.push_back({measurement.name, kNotMeasured, kNotMeasured, kNotMeasured, kNotMeasured});
      continue;
    }
    const auto& growth = measurement.rss_growth_bytes;
    rows.push_back({measurement.name, measurement.precision, Mebibytes(static_cast<double>(measurement.bytes_on_disk)),
                    Mebibytes(static_cast<double>(measurement.weight_bytes)),
                    growth ? Mebibytes(static_cast<double>(*growth)) : kNotMeasured});
  }
  return terminal::TableText(rows);
}

}  // namespace

std::vector<Measurement> Measure(const registry::Model& model, const quality::TokenizedSample& texts,
                                 const std::vector<std::string>& names, const MeasureSettings& settings,
                                 const std::vector<registry::Recipe>& recipes, terminal::ProgressBar* progress) {
  const Measurer measurer = {model, texts, settings, *progress, registry::ProfileLoader::WithoutSample(model, recipes)};
  return measurer.MeasureAll(names);
}

Speedup SpeedupOf(const Measurement& measurement, const Measurement& before) {
  return {.latency = RatiosOver(before, measurement, &Round::latency_p50_ms),
          .throughput = RatiosOver(measurement, before, &Round::texts_per_second)};
}

Json ToJson(const std::vector<Measurement>& measurements, const std::vector<std::string>& before) {
  Json profiles = Json::array();
  for (const Measurement& measurement : measurements) {
    const bool is_ok = measurement.status.ok();
    Json json = {{"name", measurement.name},
                 {"status", is_ok ? "ok" : "failed"},
                 {"reason", is_ok ? Json() : Json(std::string(measurement.status.message()))}};
    const std::pair<const char*, Value> values[] = {{"latency_p50_ms", &Round::latency_p50_ms},
                                                    {"latency_p95_ms", &Round::latency_p95_ms},
                                                    {"sequences_per_second", &Round::texts_per_second},
                                                    {"tokens_per_second", &Round::tokens_per_second}};
    for (const auto& [name, value] : values) json[name] = is_ok ? ToJson(Over(measurement, value)) : Json();
    json["precision"] = is_ok ? Json(measurement.precision) : Json();
    json["disk_bytes"] = is_ok ? Json(measurement.bytes_on_disk) : Json();
    json["weight_bytes"] = is_ok ? Json(measurement.weight_bytes) : Json();
    const std::optional<int64_t>& growth = measurement.rss_growth_bytes;
    json["rss_growth_bytes"] = is_ok && growth ? Json(*growth) : Json();
    json["speedup"] = Json::object();
    for (const Measurement* other : is_ok ? Named(measurements, before) : std::vector<const Measurement*>()) {
      const Speedup speedup = SpeedupOf(measurement, *other);
      json["speedup"][other->name] = {{"latency", ToJson(speedup.latency)}, {"throughput", ToJson(speedup.throughput)}};
    }
    profiles.push_back(std::move(json));
  }
  return profiles;
}

std::string MeasurementText(const std::vector<Measurement>& measurements, const std::vector<std::string>& before) {
  const std::vector<const Measurement*> others = Named(measurements, before);
  const auto latency = [](const Measurement& measurement) -> std::vector<std::string> {
    return {Text(2, Over(measurement, &Round::latency_p50_ms)),
            absl::StrFormat("%.2f", Over(measurement, &Round::latency_p95_ms).median)};
  };
  const auto throughput = [](const Measurement& measurement) -> std::vector<std::string> {
    return {Text(0, Over(measurement, &Round::texts_per_second)),
            absl::StrFormat("%.0f", Over(measurement, &Round::tokens_per_second).median)};
  };
  std::string notes;
  for (const Measurement& measurement : measurements) {
    if (measurement.status.ok()) continue;
    absl::StrAppend(&notes, measurement.name, ": ", json::Escaped(std::string(measurement.status.message())), "\n");
  }
  return absl::StrCat(
      SpeedTable(measurements, others, {"one text at a time", "p50 ms", "p95 ms"}, latency, &Speedup::latency), "\n",
      SpeedTable(measurements, others, {"in batches", "texts/s", "tokens/s"}, throughput, &Speedup::throughput), "\n",
      SizeTable(measurements), notes.empty() ? "" : "\n", notes);
}

}  // namespace roberta::tool
