#include "server/call/call.h"

namespace roberta::call {

using enum absl::StatusCode;

constinit const std::array<MethodRow, kMethods> kMethodRows = {{
    {"Classify",
     {kOk, kInvalidArgument, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable, kInternal},
     {kInvalidArgument, kFailedPrecondition, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable}},
    {"ClassifyStream",
     {kOk, kInvalidArgument, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable, kInternal},
     {kInvalidArgument, kFailedPrecondition, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable}},
    {"Compare",
     {},  // it runs several profiles
     {kOk, kInvalidArgument, kFailedPrecondition, kResourceExhausted, kDeadlineExceeded, kCancelled, kUnavailable,
      kInternal}},
    {"ListProfiles", {}, {kOk}},
    {"LoadProfile", {kOk, kResourceExhausted, kUnavailable}, {kInvalidArgument, kResourceExhausted, kUnavailable}},
    {"UnloadProfile",
     {kOk, kFailedPrecondition, kResourceExhausted, kUnavailable},
     {kInvalidArgument, kResourceExhausted, kUnavailable}},
    {"SetDefaultProfile",
     {kOk, kFailedPrecondition, kResourceExhausted, kUnavailable},
     {kInvalidArgument, kResourceExhausted, kUnavailable}},
}};

}  // namespace roberta::call
