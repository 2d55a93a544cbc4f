#pragma once

#include <cstddef>
#include <string_view>

#include "loadtest/document/content.h"

namespace roberta::report {

/// How a profile looks, the same in every chart of every report: eight colours that colour-blind readers can tell apart
/// (Okabe and Ito, "Color Universal Design", 2008). A profile of another name gets one by its `index` among the others.
document::SeriesStyle StyleOf(std::string_view profile, size_t index);

/// How a phase of a call looks: "tokenize", "queue", "form", "infer", "post", "outside".
document::SeriesStyle PhaseStyle(std::string_view phase);

}  // namespace roberta::report
