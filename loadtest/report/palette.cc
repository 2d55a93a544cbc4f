#include "loadtest/report/palette.h"

#include <array>

namespace roberta::report {

namespace {

using document::Colour;
using document::SeriesStyle;

constexpr Colour kBlack = {0x3a, 0x3a, 0x3a};  // not quite: it stands beside text
constexpr Colour kOrange = {0xe6, 0x9f, 0x00};
constexpr Colour kSkyBlue = {0x56, 0xb4, 0xe9};
constexpr Colour kGreen = {0x00, 0x9e, 0x73};
constexpr Colour kYellow = {0xd9, 0xc8, 0x1f};  // darker than theirs, which is lost on white paper
constexpr Colour kBlue = {0x00, 0x72, 0xb2};
constexpr Colour kVermilion = {0xd5, 0x5e, 0x00};
constexpr Colour kPurple = {0xcc, 0x79, 0xa7};

struct Named {
  std::string_view name;
  SeriesStyle style;
};

constexpr std::array<Named, 7> kProfiles = {{{"baseline", {kBlack, 0, 0}},
                                             {"quantized", {kBlue, 0, 1}},
                                             {"pruned", {kOrange, 0, 2}},
                                             {"amp", {kGreen, 1, 3}},
                                             {"integrated", {kVermilion, 0, 4}},
                                             {"reference", {kPurple, 2, 5}},
                                             {"auto", {kSkyBlue, 3, 6}}}};

constexpr std::array<SeriesStyle, 8> kOthers = {{{kSkyBlue, 1, 7},
                                                 {kYellow, 0, 0},
                                                 {kPurple, 1, 1},
                                                 {kGreen, 2, 2},
                                                 {kBlue, 3, 3},
                                                 {kOrange, 3, 4},
                                                 {kVermilion, 2, 5},
                                                 {kBlack, 2, 6}}};

constexpr std::array<Named, 6> kPhases = {{{"tokenize", {kSkyBlue, 0, 0}},
                                           {"queue", {kOrange, 0, 1}},
                                           {"form", {kPurple, 0, 2}},
                                           {"infer", {kBlue, 0, 3}},
                                           {"post", {kGreen, 0, 4}},
                                           {"outside", {{0xbb, 0xbb, 0xbb}, 0, 5}}}};

}  // namespace

SeriesStyle StyleOf(std::string_view profile, size_t index) {
  for (const Named& named : kProfiles) {
    if (named.name == profile) return named.style;
  }
  return kOthers[index % kOthers.size()];
}

SeriesStyle PhaseStyle(std::string_view phase) {
  for (const Named& named : kPhases) {
    if (named.name == phase) return named.style;
  }
  return {kBlack, 0, 0};
}

}  // namespace roberta::report
