#include "tests/soak/random_call.h"

#include <array>
#include <utility>

#include "roberta/internal/requests.pb.h"

namespace roberta::soak {

namespace {

using absl::StatusCode;
using internal::RawClassifyRequest;

constexpr std::chrono::seconds kPatience(120);  // never reached, on whatever machine
constexpr uint64_t kMostItems = 3;
constexpr int kInvalidEnum = 99;
constexpr int kTooManyWords = 5000;  // more tokens than any model takes, fewer characters than the server allows

/// Makes the last item, or what else the kind is about, bad.
void Spoil(Kind kind, RawClassifyRequest* request) {
  internal::RawItem* last = request->mutable_items(request->items_size() - 1);
  switch (kind) {
    case Kind::kPartial:
      request->set_allow_partial(true);
      last->set_text(" ");
      return;
    case Kind::kBlank:
      return last->set_text(" \t");
    case Kind::kBadUtf8:
      return last->set_text("good \xc3\x28");
    case Kind::kNoItems:
      return request->clear_items();
    case Kind::kTooLong:
      last->clear_text();
      for (int i = 0; i < kTooManyWords; ++i) last->mutable_text()->append(" word");
      return;
    case Kind::kUnknownProfile:
      return request->set_profile("nonsense");
    case Kind::kNotReady:
      return request->set_profile(kNeverLoaded);
    case Kind::kBadField:
      return request->set_truncation(kInvalidEnum);
    case Kind::kValid:
    case Kind::kMalformed:
    case Kind::kShortDeadline:
    case Kind::kCancelled:
      return;
  }
}

std::set<StatusCode> ExpectedOf(Kind kind, const std::string& profile) {
  std::set<StatusCode> expected;
  switch (kind) {
    case Kind::kValid:
    case Kind::kPartial:
      expected = {StatusCode::kOk};
      break;
    case Kind::kNotReady:
      return {StatusCode::kFailedPrecondition};
    case Kind::kShortDeadline:
      return {StatusCode::kOk, StatusCode::kDeadlineExceeded, StatusCode::kResourceExhausted};
    case Kind::kCancelled:
      return {StatusCode::kOk, StatusCode::kCancelled};
    default:
      expected = {StatusCode::kInvalidArgument};
  }
  if (profile == kComesAndGoes) expected.insert(StatusCode::kFailedPrecondition);
  return expected;
}

}  // namespace

std::string_view KindName(Kind kind) {
  static constexpr std::array<std::string_view, kKinds> kNames = {
      "valid",           "partial",   "blank",     "bad UTF-8", "no items",       "too long",
      "unknown profile", "not ready", "bad field", "malformed", "short deadline", "cancelled"};
  return kNames[static_cast<size_t>(kind)];
}

RandomCall CallGenerator::Next() {
  // A third of the calls is not what a server wishes for.
  return NextOf(Below(3) > 0 ? Kind::kValid : static_cast<Kind>(Below(kKinds)));
}

RandomCall CallGenerator::NextOf(Kind kind) {
  RandomCall call = {.kind = kind, .profile = profiles_[Below(profiles_.size())], .timeout = kPatience};
  if (call.MayBeGivenUp()) call.profile = kGivenUp;
  RawClassifyRequest request;
  request.set_profile(call.profile);
  request.set_return_logits(true);
  request.set_priority(static_cast<int>(Below(3)));
  const uint64_t items = kind == Kind::kPartial ? 2 + Below(kMostItems) : 1 + Below(kMostItems);
  for (uint64_t i = 0; i < items; ++i) {
    call.texts.push_back(Below(texts_.size()));
    request.add_items()->set_text(texts_[call.texts.back()].text());
  }
  Spoil(kind, &request);
  if (kind == Kind::kPartial) call.texts.pop_back();
  call.wire = request.SerializeAsString();
  // A length that the message does not have.
  if (kind == Kind::kMalformed) call.wire = std::string("\x0a\x7f", 2) + call.wire.substr(0, 5);
  if (kind == Kind::kShortDeadline) call.timeout = std::chrono::microseconds(50 + Below(20'000));
  if (kind == Kind::kCancelled) call.cancel_after = std::chrono::microseconds(Below(20'000));
  call.expected = ExpectedOf(kind, call.profile);
  return call;
}

}  // namespace roberta::soak
