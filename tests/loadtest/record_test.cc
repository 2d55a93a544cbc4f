#include "loadtest/record/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "loadtest/record/figures.h"
#include "tests/test_paths.h"

namespace roberta::loadtest::record {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

/// A record of which no field has its default.
RunRecord FullRecord() {
  RunRecord record;
  record.settings = {.target = "127.0.0.1:1",
                     .profile = "amp",
                     .variant = "padded",
                     .turn = 3,
                     .loop = "open",
                     .arrivals = "poisson",
                     .rate = 12.5,
                     .concurrency = 3,
                     .items_per_request = 2,
                     .warm_up_seconds = 1,
                     .duration_seconds = 4,
                     .deadline_ms = 500,
                     .objective_ms = 50,
                     .max_in_flight = 7,
                     .connections = 2,
                     .seed = UINT64_MAX,
                     .classes = {{"main", "a \"file\".tsv", 0.99, 5}, {"long", "joined", 0.01, 32}}};
  record.server = {.model = "m",
                   .model_revision = "r",
                   .default_profile = "baseline",
                   .profiles = {{"amp", "READY", "bf16", "x", {"k1", "k2"}, 99, 1e6, 0.9, 0.99, "why", "what"}}};
  record.environment = {.program_version = "1",
                        .program_commit = "c",
                        .started_at = "2001-02-03T04:05:06Z",
                        .cpu_model = "cpu",
                        .cpu_flags = "avx2",
                        .kernel = "Linux",
                        .cores = 2,
                        .usable_cores = 1,
                        .load_average = 0.5};
  runner::RunResult& result = record.result;
  result.end = runner::End::kServerLost;
  result.class_names = {"main", "long"};
  result.classes.resize(2);
  v1::ClassifyResponse response;
  response.set_profile_used("amp");
  response.set_batch_items(3);
  response.add_results()->mutable_classification()->set_token_count(9);
  response.mutable_phases()->set_infer_ns(5);
  response.mutable_phases()->set_total_ns(6);
  for (int64_t i = 1; i <= 50; ++i) {
    result.classes[0].sent += 2;
    result.classes[0].Add({.intended_ns = i,
                           .ready_ns = 2 * i,
                           .sent_ns = 3 * i,
                           .received_ns = i * i * 1'000'003,
                           .response = &response},
                          1'000'000'000);
    result.classes[0].Add({.sent_ns = i, .received_ns = i * 1000, .code = absl::StatusCode::kResourceExhausted}, 1);
  }
  result.warm_up.sent = 1;
  result.warm_up.Add({.code = absl::StatusCode::kUnavailable}, 1);
  result.warm_up_end = runner::WarmUpEnd::kSteady;
  result.warm_up_seconds = 1;
  result.measured_seconds = 3.25;
  result.answered_within = 48;
  result.good_within = 31;
  result.items_within = 48;
  result.tokens_within = 432;
  result.intended = 110;
  result.held_back = 4;
  result.client_cpu_seconds = 0.75;
  result.client_cores = 1;
  result.windows.resize(2);
  result.window_seconds = 4;
  result.windows[1] = {.sent = 5, .answered = 2, .refused = 1, .other = 1};
  result.windows[1].from_intended.Add(12'345'678);
  record.quality = {
      20, 19, 18, 1, 17, 16, 15, 14, 13, 12, 11, 2, 3, {{0, 0, 0}, {9, 8, 7.25}}, "half of the texts have no label"};
  record.resources = {{{0.5, 1 << 20, 1.25, 3, 4}}, "lost after 1 s"};
  record.counters = {51, 50, 1.5, {{"infer", 1.25}}, 12, 48, 432, 0.125, "counted from the middle on"};
  return record;
}

Series FullSeries() {
  RateSearch search = {"amp", "packed", 0.95, 40, 0.98, {{1, 100, 39.5, 0.99, true}}, {100}, "stopped"};
  return {.runs = {FullRecord()}, .searches = {search}};
}

TEST(RunRecord, ComesBackFromItsJson) {
  const std::string text = ToJson(FullSeries());
  const auto back = FromJson(text);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(ToJson(*back), text);
  const RunRecord& run = back->runs.at(0);
  EXPECT_EQ(run.settings.seed, UINT64_MAX);
  EXPECT_EQ(run.settings.classes[0].source, "a \"file\".tsv");
  EXPECT_EQ(run.result.end, runner::End::kServerLost);
  EXPECT_EQ(run.result.warm_up_end, runner::WarmUpEnd::kSteady);
  EXPECT_TRUE(run.result.CheckBooks().ok());
  EXPECT_EQ(run.quality.calibration.at(1).probability_sum, 7.25);
  EXPECT_EQ(run.counters.phase_seconds.at("infer"), 1.25);
  EXPECT_TRUE(back->searches.at(0).steps.at(0).kept);
  EXPECT_EQ(run.result.classes[0].answered_from_sent.PercentileText(1),
            FullRecord().result.classes[0].answered_from_sent.PercentileText(1));
}

TEST(RunRecord, SaysWhatFollowsFromItsCounts) {
  const json written = json::parse(ToJson(FullSeries()));
  const json& derived = written.at("runs").at(0).at("derived");
  EXPECT_DOUBLE_EQ(derived.at("answered_per_second"), 48 / 3.25);
  EXPECT_DOUBLE_EQ(derived.at("goodput_ratio"), 31 / 100.0);
  EXPECT_EQ(derived.at("valid"), false);
  EXPECT_DOUBLE_EQ(derived.at("accuracy_difference").at("difference"), -1.0 / 11);
  EXPECT_LT(derived.at("accuracy_difference").at("low"), derived.at("accuracy_difference").at("high"));
  EXPECT_EQ(derived.at("total").at("outcomes").at("refused"), 50);
  EXPECT_EQ(derived.at("total").at("codes").at("RESOURCE_EXHAUSTED"), 50);
  EXPECT_GT(derived.at("total").at("answered_from_intended").at("percentiles_ms").at("p99"), 2000.0);
}

// Leaves out every field in turn: nothing that is needed may be missing unseen, and no hole may crash the reader.
void EveryFieldIsNeeded(const json& whole, json* part) {
  if (part->is_array()) {
    for (json& one : *part) EveryFieldIsNeeded(whole, &one);
  }
  if (!part->is_object()) return;
  const json kept = *part;
  for (const auto& [name, value] : kept.items()) {
    part->erase(name);
    FromJson(whole.dump()).status().IgnoreError();
    (*part)[name] = "a string";
    FromJson(whole.dump()).status().IgnoreError();
    (*part)[name] = value;
    EveryFieldIsNeeded(whole, &(*part)[name]);
  }
}

TEST(RunRecord, HolesAndWrongTypesNeverCrashTheReader) {
  json whole = json::parse(ToJson(FullSeries()));
  whole["runs"][0].erase("derived");
  EveryFieldIsNeeded(whole, &whole);
  EXPECT_TRUE(FromJson(whole.dump()).ok());
}

TEST(Figures, HaveOneNameInEachPlaceAndAFormatForIt) {
  const RunRecord run = FullRecord();
  std::set<std::string_view> terminal, report, csv, derived;
  for (const Figure& figure : Figures()) {
    for (const auto& [names, name] : {std::pair(&terminal, figure.terminal),
                                      {&report, figure.report},
                                      {&csv, figure.csv},
                                      {&derived, figure.json}}) {
      EXPECT_TRUE(name.empty() || names->insert(name).second) << name;
    }
    EXPECT_NE(figure.value == nullptr, figure.text == nullptr);
    EXPECT_TRUE(figure.text == nullptr || figure.json.empty()) << "JSON has numbers only";
  }
  const auto text = [&](std::string_view name, Place place) {
    for (const Figure& figure : Figures()) {
      if (figure.NameIn(place) == name) return figure.TextOf(run, place);
    }
    return std::string("there is none");
  };
  EXPECT_EQ(text("texts/s", Place::kTerminal), "14.8");
  EXPECT_EQ(text("Inferences/Second", Place::kCsv), "14.7692");
  EXPECT_EQ(text("agreement", Place::kTerminal), "94.12 %");
  EXPECT_EQ(text("Agreement", Place::kCsv), "0.941176");
  EXPECT_EQ(text("Profile", Place::kCsv), "amp");
}

TEST(Figures, WhatWasNotMeasuredIsEmpty) {
  for (const Figure& figure : Figures()) {
    const bool is_one = figure.csv == "Accuracy" || figure.csv == "p99 latency";
    EXPECT_TRUE(!is_one || figure.TextOf({}, Place::kCsv).empty()) << figure.csv;
  }
}

/// Every key of `old` is in `written`, with the same value.
void ExpectHolds(const json& written, const json& old, const std::string& place) {
  if (old.is_object()) {
    for (const auto& [key, value] : old.items()) {
      ASSERT_TRUE(written.contains(key)) << place << "." << key;
      ExpectHolds(written[key], value, place + "." + key);
    }
  } else if (old.is_array()) {
    ASSERT_EQ(written.size(), old.size()) << place;
    for (size_t i = 0; i < old.size(); ++i) ExpectHolds(written[i], old[i], place + "[]");
  } else if (old.is_number_float()) {
    EXPECT_NEAR(written.get<double>(), old.get<double>(), 1e-9 * std::abs(old.get<double>())) << place;
  } else {
    EXPECT_EQ(written, old) << place;
  }
}

// What version 0.1.0 wrote of real runs, with quantized and baseline in turns on the demo model, and of a search.
TEST(RunRecord, FilesOfEarlierVersionsKeepTheirKeysAndValues) {
  for (const char* name : {"run_0.1.0.json", "search_0.1.0.json"}) {
    std::ifstream file(test_paths::InRepository(std::string("tests/golden/loadtest/") + name));
    std::ostringstream text;
    text << file.rdbuf();
    const auto series = FromJson(text.str());
    ASSERT_TRUE(series.ok()) << series.status();
    EXPECT_EQ(series->runs.size() + series->searches.size(), name[0] == 'r' ? 2u : 1u);
    for (const RunRecord& run : series->runs) EXPECT_TRUE(run.result.CheckBooks().ok());
    ExpectHolds(json::parse(ToJson(*series)), json::parse(text.str()), name);
  }
}

TEST(RunRecord, FilesFromBeforeAnswersWerePairedAreRead) {
  json whole = json::parse(ToJson(FullSeries()));
  for (const char* added : {"texts_paired", "texts_only_correct", "texts_only_baseline_correct"}) {
    whole["runs"][0]["quality"].erase(added);
  }
  const auto series = FromJson(whole.dump());
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_EQ(series->runs.at(0).quality.texts_paired, 0);
  EXPECT_FALSE(AccuracyDifferenceOf(series->runs.at(0).quality).has_value());
}

TEST(RunRecord, FilesFromBeforeProfilesHadASummaryAreRead) {
  json whole = json::parse(ToJson(FullSeries()));
  for (json& profile : whole["runs"][0]["server"]["profiles"]) {
    EXPECT_EQ(profile.erase("summary"), 1u);
  }
  const auto series = FromJson(whole.dump());
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_EQ(series->runs.at(0).server.profiles.at(0).summary, "");
}

TEST(RunRecord, FilesFromBeforeIntervalsHadALengthAreReadBySecond) {
  json whole = json::parse(ToJson(FullSeries()));
  EXPECT_EQ(whole["runs"][0]["result"].erase("window_seconds"), 1u);
  const auto series = FromJson(whole.dump());
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_EQ(series->runs.at(0).result.window_seconds, 1);
  whole["runs"][0]["result"]["window_seconds"] = 0;
  EXPECT_THAT(std::string(FromJson(whole.dump()).status().message()), HasSubstr("window_seconds is below 1"));
}

TEST(RunRecord, AByteOrderMarkAndOtherLineEndsAreRead) {
  std::string text = "\xEF\xBB\xBF\r\n\r\n";
  for (const char c : ToJson(FullSeries())) text += c == '\n' ? "\r\n" : std::string(1, c);
  const auto series = FromJson(text + "\r\n\r\n");
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_EQ(ToJson(*series), ToJson(FullSeries()));
}

TEST(RunRecord, WhatIsMissingIsNamed) {
  json whole = json::parse(ToJson(FullSeries()));
  whole["runs"][0]["result"]["classes"][0].erase("lateness");
  const absl::Status status = FromJson(whole.dump()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("lateness"));
}

TEST(RunRecord, OtherFilesAreRefused) {
  EXPECT_THAT(FromJson("").status().message(), HasSubstr("not a record of runs"));
  EXPECT_THAT(FromJson("[1]").status().message(), HasSubstr("not a record of runs"));
  EXPECT_THAT(FromJson("{\"format\": 1}").status().message(), HasSubstr("format is 1"));
  json whole = json::parse(ToJson(FullSeries()));
  whole["runs"][0]["result"]["classes"][0]["codes"]["NO_SUCH_CODE"] = 1;
  EXPECT_THAT(FromJson(whole.dump()).status().message(), HasSubstr("NO_SUCH_CODE"));
  whole = json::parse(ToJson(FullSeries()));
  whole["runs"][0]["result"]["end"] = "never";
  EXPECT_THAT(FromJson(whole.dump()).status().message(), HasSubstr("never"));
}

TEST(RunRecord, TheEnvironmentIsThisOne) {
  const Environment environment = ThisEnvironment();
  EXPECT_GE(environment.usable_cores, 1);
  EXPECT_GE(environment.cores, environment.usable_cores);
  EXPECT_FALSE(environment.cpu_model.empty());
  EXPECT_THAT(environment.started_at, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

}  // namespace
}  // namespace roberta::loadtest::record
