#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loadtest/document/content.h"
#include "loadtest/record/figures.h"
#include "profiles/statistics/statistics.h"

namespace roberta::loadtest::report {

using statistics::Spread;
using statistics::SpreadOf;

using record::AnswersPerSecond;
using record::BusyCores;
using record::kBaseline;
using record::LatencyMs;
using record::Load;
using record::PaddingShare;
using record::ResidentMib;
using record::RunRecord;
using record::TextsInBatch;
using record::TextsPerSecond;
using record::TokensInBatch;

/// Runs are large, so they are referenced and not copied. None is nullptr.
using RunPointers = std::vector<const RunRecord*>;

template <typename Element>
std::vector<const Element*> PointersTo(const std::vector<Element>& elements) {
  std::vector<const Element*> pointers;
  for (const Element& element : elements) pointers.push_back(&element);
  return pointers;
}

using RunFigure = std::function<std::optional<double>(const RunRecord&)>;
/// LatencyMs at `quantile`.
RunFigure LatencyAt(double quantile);

std::optional<double> Median(const std::optional<Spread>& spread);

/// Runs of one profile at one load.
struct Repeats {
  Load load;
  RunPointers runs;  ///< not empty

  /// Of what `figure` makes of each run; nothing if it has none of any.
  std::optional<Spread> Of(const RunFigure& figure) const;
};

/// All runs of one profile; where records name several variants, machines, models or versions, of one of these.
struct ProfileRuns {
  std::string profile;
  std::string variant;
  std::string label;  ///< what charts and tables call it
  document::SeriesStyle style;
  std::vector<Repeats> loads;                                       ///< closed before open, the lightest first
  const record::ServerDescription::Profile* description = nullptr;  ///< the server's description of it, if there is one

  /// At that load; nullptr if it was not run there.
  const Repeats* At(const Load& load) const;
};

/// What its weights take, MiB; nothing if the server does not report it.
std::optional<double> WeightMib(const ProfileRuns& runs);

/// Sorts runs by profile and load; the runs must outlive the result. The baseline comes first, the others in the order
/// in which they appear.
std::vector<ProfileRuns> Sort(const RunPointers& runs);

/// The one that others are compared with: the first baseline; nullptr without one.
const ProfileRuns* FindBaseline(const std::vector<ProfileRuns>& sorted);

/// The load at which `runs` answered most.
const Repeats& Busiest(const ProfileRuns& runs);

/// The load at which `runs` answered the most texts of those that asked for all it could give: a closed loop, or a rate
/// that it did not keep up with. nullptr if it kept up with every rate it was asked for: how much more it can do is
/// then not known.
const Repeats* AtFullLoad(const ProfileRuns& runs);

/// The load at which the latencies of all can be compared: the highest rate that all kept up with, else the most users,
/// else the highest rate. Nothing if they share no load, or are none.
std::optional<Load> SharedLoad(const std::vector<const ProfileRuns*>& profiles);
/// The fewest users with which all were run.
std::optional<Load> LightestLoad(const std::vector<const ProfileRuns*>& profiles);

/// All that `sorted` is made of.
RunPointers RunsOf(const std::vector<ProfileRuns>& sorted);

}  // namespace roberta::loadtest::report
