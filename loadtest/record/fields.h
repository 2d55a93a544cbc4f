#pragma once

#include "loadtest/record/run_record.h"

namespace roberta::record {

// The fields of each part of a file, by name. Writing and reading go over the same list, so that neither can forget
// one: `field(name, value)` is called for each, or `field.Added(name, value)` for one that older files lack.

template <typename A>
void Fields(A& field, Settings::Class& value) {
  field("name", value.name);
  field("source", value.source);
  field("share", value.share);
  field("texts", value.texts);
}

template <typename A>
void Fields(A& field, Settings& value) {
  field("target", value.target);
  field("profile", value.profile);
  field("variant", value.variant);
  field("turn", value.turn);
  field("loop", value.loop);
  field("arrivals", value.arrivals);
  field("rate", value.rate);
  field("concurrency", value.concurrency);
  field("items_per_request", value.items_per_request);
  field("warm_up_seconds", value.warm_up_seconds);
  field("duration_seconds", value.duration_seconds);
  field("deadline_ms", value.deadline_ms);
  field("objective_ms", value.objective_ms);
  field("max_in_flight", value.max_in_flight);
  field("connections", value.connections);
  field("seed", value.seed);
  field("classes", value.classes);
}

template <typename A>
void Fields(A& field, ServerDescription::Profile& value) {
  field("name", value.name);
  field("state", value.state);
  field("precision", value.precision);
  field("revision", value.revision);
  field("kernels", value.kernels);
  field("weight_bytes", value.weight_bytes);
  field("expected_tokens_per_second", value.expected_tokens_per_second);
  field("accuracy", value.accuracy);
  field("agreement", value.agreement);
  field("reason", value.reason);
}

template <typename A>
void Fields(A& field, ServerDescription& value) {
  field("model", value.model);
  field("model_revision", value.model_revision);
  field("default_profile", value.default_profile);
  field("profiles", value.profiles);
}

template <typename A>
void Fields(A& field, Environment& value) {
  field("program_version", value.program_version);
  field("program_commit", value.program_commit);
  field("started_at", value.started_at);
  field("cpu_model", value.cpu_model);
  field("cpu_flags", value.cpu_flags);
  field("kernel", value.kernel);
  field("cores", value.cores);
  field("usable_cores", value.usable_cores);
  field("load_average", value.load_average);
}

template <typename A>
void Fields(A& field, stats::PhaseSums& value) {
  field("calls", value.calls);
  field("tokenize_ns", value.tokenize_ns);
  field("queue_ns", value.queue_ns);
  field("form_ns", value.form_ns);
  field("infer_ns", value.infer_ns);
  field("post_ns", value.post_ns);
  field("total_ns", value.total_ns);
}

template <typename A>
void Fields(A& field, stats::Tally& value) {
  field("sent", value.sent);
  field("outcomes", value.outcomes);
  field("codes", value.codes);
  field("good", value.good);
  field("items", value.items);
  field("failed_items", value.failed_items);
  field("tokens", value.tokens);
  field("batch_items", value.batch_items);
  field("profiles_used", value.profiles_used);
  field("server_phases", value.phases);
  field("answered_from_intended", value.answered_from_intended);
  field("answered_from_sent", value.answered_from_sent);
  field("refused_from_sent", value.refused_from_sent);
  field("lateness", value.lateness);
}

template <typename A>
void Fields(A& field, runner::Window& value) {
  field("sent", value.sent);
  field("answered", value.answered);
  field("refused", value.refused);
  field("other", value.other);
  field("from_intended", value.from_intended);
}

template <typename A>
void Fields(A& field, runner::RunResult& value) {
  field("end", value.end);
  field("warm_up_end", value.warm_up_end);
  field("warm_up_seconds", value.warm_up_seconds);
  field("measured_seconds", value.measured_seconds);
  field("answered_within", value.answered_within);
  field("good_within", value.good_within);
  field("items_within", value.items_within);
  field("tokens_within", value.tokens_within);
  field("intended", value.intended);
  field("held_back", value.held_back);
  field("client_cpu_seconds", value.client_cpu_seconds);
  field("client_cores", value.client_cores);
  field("class_names", value.class_names);
  field("classes", value.classes);
  field("warm_up", value.warm_up);
  field("windows", value.windows);
}

template <typename A>
void Fields(A& field, Quality::CalibrationBin& value) {
  field("count", value.count);
  field("correct", value.correct);
  field("probability_sum", value.probability_sum);
}

template <typename A>
void Fields(A& field, Quality& value) {
  field("labelled", value.labelled);
  field("correct", value.correct);
  field("alone_compared", value.alone_compared);
  field("alone_flips", value.alone_flips);
  field("baseline_compared", value.baseline_compared);
  field("baseline_agreed", value.baseline_agreed);
  field("texts_labelled", value.texts_labelled);
  field("texts_correct", value.texts_correct);
  field("texts_compared", value.texts_compared);
  field("texts_agreed", value.texts_agreed);
  field.Added("texts_paired", value.texts_paired);
  field.Added("texts_only_correct", value.texts_only_correct);
  field.Added("texts_only_baseline_correct", value.texts_only_baseline_correct);
  field("calibration", value.calibration);
  field("missing", value.missing);
}

template <typename A>
void Fields(A& field, Resources::Sample& value) {
  field("seconds", value.seconds);
  field("resident_bytes", value.resident_bytes);
  field("cpu_seconds", value.cpu_seconds);
  field("queue_items", value.queue_items);
  field("inflight_requests", value.inflight_requests);
}

template <typename A>
void Fields(A& field, Resources& value) {
  field("samples", value.samples);
  field("missing", value.missing);
}

template <typename A>
void Fields(A& field, ServerCounters& value) {
  field("requests", value.requests);
  field("answered", value.answered);
  field("request_seconds", value.request_seconds);
  field("phase_seconds", value.phase_seconds);
  field("batches", value.batches);
  field("batch_items", value.batch_items);
  field("batch_tokens", value.batch_tokens);
  field("padding_ratio_sum", value.padding_ratio_sum);
  field("missing", value.missing);
}

template <typename A>
void Fields(A& field, RunRecord& value) {
  field("settings", value.settings);
  field("server", value.server);
  field("environment", value.environment);
  field("quality", value.quality);
  field("resources", value.resources);
  field("counters", value.counters);
  field("result", value.result);
}

template <typename A>
void Fields(A& field, RateSearch::Step& value) {
  field("repeat", value.repeat);
  field("rate", value.rate);
  field("latency_ms", value.latency_ms);
  field("good_ratio", value.good_ratio);
  field("kept", value.kept);
}

template <typename A>
void Fields(A& field, RateSearch& value) {
  field("profile", value.profile);
  field("variant", value.variant);
  field("quantile", value.quantile);
  field("objective_ms", value.objective_ms);
  field("least_good_ratio", value.least_good_ratio);
  field("steps", value.steps);
  field("found", value.found);
  field("missing", value.missing);
}

}  // namespace roberta::record
