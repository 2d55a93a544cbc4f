#include <algorithm>
#include <array>
#include <cmath>

#include "profiles/quality/agreement.h"

namespace roberta::quality {
namespace {

constexpr size_t kBins = 15;

using Confusion = std::vector<std::vector<size_t>>;

double Accuracy(const Confusion& confusion, size_t examples) {
  size_t right = 0;
  for (size_t label = 0; label < confusion.size(); ++label) right += confusion[label][label];
  return static_cast<double>(right) / static_cast<double>(examples);
}

double MacroF1(const Confusion& confusion) {
  double sum = 0;
  size_t labels = 0;
  for (size_t label = 0; label < confusion.size(); ++label) {
    size_t truths = 0, answers = 0;
    for (size_t other = 0; other < confusion.size(); ++other) {
      truths += confusion[label][other];
      answers += confusion[other][label];
    }
    if (truths + answers == 0) continue;
    ++labels;
    sum += 2 * static_cast<double>(confusion[label][label]) / static_cast<double>(truths + answers);
  }
  return sum / static_cast<double>(labels);
}

/// Sums over the examples whose highest score falls into one bin.
struct Bin {
  double scores = 0;
  double right = 0;
};

size_t BinOf(float score) {
  const auto bin = static_cast<size_t>(std::ceil(static_cast<double>(score) * kBins));
  return std::clamp<size_t>(bin, 1, kBins) - 1;
}

}  // namespace

LabelMetrics MeasureLabels(absl::Span<const float> scores, const Sample& sample) {
  const size_t labels = scores.size() / sample.size();
  LabelMetrics metrics;
  metrics.confusion.assign(labels, std::vector<size_t>(labels, 0));
  std::array<Bin, kBins> bins;
  for (size_t i = 0; i < sample.size(); ++i) {
    const absl::Span<const float> of_text = scores.subspan(i * labels, labels);
    const auto truth = static_cast<size_t>(*sample[i].label);
    const size_t answer = LabelOf(of_text);
    ++metrics.confusion[truth][answer];
    Bin& bin = bins[BinOf(of_text[answer])];
    bin.scores += of_text[answer];
    bin.right += answer == truth ? 1 : 0;
  }
  metrics.accuracy = Accuracy(metrics.confusion, sample.size());
  metrics.macro_f1 = MacroF1(metrics.confusion);
  for (const Bin& bin : bins) metrics.expected_calibration_error += std::abs(bin.right - bin.scores);
  metrics.expected_calibration_error /= static_cast<double>(sample.size());
  return metrics;
}

}  // namespace roberta::quality
