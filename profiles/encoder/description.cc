#include "profiles/encoder/packed_weights.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "profiles/kernels/isa.h"

namespace roberta::encoder {
namespace {

/// Products that beat the registers by more than two measurements differ do not compute with them.
constexpr double kHighestShareOfPeak = 1.1;

/// What a product multiplies, as lists of kernels show it.
std::string_view KindName(kernels::Precision precision) {
  return precision == kernels::Precision::kInt8 ? "u8s8" : kernels::PrecisionName(precision);
}

/// The precisions of the encoder's products, the widest first: "fp32", "bf16+fp32".
std::string PrecisionsText(const PackedWeights& weights) {
  std::set<std::string> names;
  for (const LayerWeights& layer : weights.layers) {
    for (const Linear* linear :
         {&layer.query_key_value, &layer.key_value, &layer.attention_output, &layer.intermediate, &layer.output}) {
      if (linear->shape != nullptr) names.emplace(kernels::PrecisionName(linear->shape->precision()));
    }
  }
  return absl::StrJoin(names, "+");
}

/// The rate that the slowest and the fastest of some shapes reached when they were chosen, and what that is of the
/// registers' peak: " at 447-461 Gop/s (95-98 % of peak)". Empty where nothing was measured; without the peak where
/// tiles of their own (AMX) compute.
std::string RateText(const std::vector<const kernels::LinearShape*>& shapes) {
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const kernels::LinearShape* shape : shapes) {
    least = std::min(least, shape->measured_gops());
    most = std::max(most, shape->measured_gops());
  }
  if (!(least > 0) || shapes.empty()) return "";
  const double peak = kernels::RegisterPeakGops(shapes.front()->precision());
  const std::string rate = absl::StrFormat(" at %.0f-%.0f Gop/s", least, most);
  return peak > 0 && most <= kHighestShareOfPeak * peak
             ? absl::StrCat(rate, absl::StrFormat(" (%.0f-%.0f %% of peak)", 100 * least / peak, 100 * most / peak))
             : rate;
}

/// What computes, in words: each kind of product once.
std::vector<std::string> KernelsText(const PackedWeights& weights, const kernels::Passes& passes, bool is_mixed) {
  std::map<std::string, std::vector<const kernels::LinearShape*>> products;
  for (const auto& [key, shape] : weights.shapes) {
    if (shape.get() == weights.classifier_dense.shape && weights.shapes.size() > 1) continue;
    products[absl::StrCat(shape->implementation(), " ", std::string(KindName(key.precision)))].push_back(shape.get());
  }
  std::vector<std::string> texts;
  for (const auto& [name, shapes] : products) texts.push_back(absl::StrCat(name, RateText(shapes)));
  texts.push_back(absl::StrCat("packed attention", is_mixed ? " in bf16" : "", " and fused passes, ",
                               std::string(IsaName(passes.isa))));
  return texts;
}

}  // namespace

ProfileDescription Describe(const PackedWeights& weights, const kernels::Passes& passes, bool mixed_attention) {
  return {.precision = PrecisionsText(weights),
          .kernels = KernelsText(weights, passes, mixed_attention),
          .weight_bytes = weights.bytes};
}

}  // namespace roberta::encoder
