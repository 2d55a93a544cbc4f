#pragma once

#include <string>

#include "roberta/v1/classifier.pb.h"
#include "roberta/v1/profiles.pb.h"

namespace roberta::cli {

/// A row for each profile: state, recipe, precision, kernels, size of the weights, accuracy and agreement on the
/// sample, and the tokens a second that the server expects. Notes below say why profiles are not READY or not measured.
std::string ProfilesText(const v1::ListProfilesResponse& response);

/// A row for each profile: label, score, time, and how these compare with the baseline's. Notes below say why profiles
/// gave no answer.
std::string ComparisonText(const v1::CompareResponse& response);

}  // namespace roberta::cli
