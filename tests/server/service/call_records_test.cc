#include "server/service/call_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tests/server/service/puppet_server.h"

namespace roberta::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The only line of the log.
nlohmann::json OnlyLine(PuppetServer& server) {
  const std::vector<std::string>& lines = server.CloseLog();
  EXPECT_EQ(lines.size(), 1u);
  return lines.empty() ? nlohmann::json() : nlohmann::json::parse(absl::StrCat("{", lines.front(), "}"));
}

nlohmann::json LineOf(const std::shared_ptr<ClassifyCall>& call) {
  PuppetServer server;
  server.Run(call);
  return OnlyLine(server);
}

nlohmann::json LineOf(const std::shared_ptr<ComparisonCall>& call) {
  PuppetServer server;
  std::promise<void> ended;
  call->done = [&](Outcome<v1::CompareResponse>&) { ended.set_value(); };
  server.comparison.Start(call);
  ended.get_future().wait();
  return OnlyLine(server);
}

std::shared_ptr<ComparisonCall> CompareCallOf(const std::string& text) {
  auto call = std::make_shared<ComparisonCall>(call::PhaseClock::Clock::now());
  call->request.mutable_item()->set_text(text);
  return call;
}

TEST(CallRecords, WhoIsNotInTheCredentialsFileHasNoName) {
  auto call = PuppetServer::Call({"good"});
  call->caller = std::make_shared<const security::Caller>(security::Caller{.name = "anonymous"});
  EXPECT_FALSE(LineOf(call).contains("caller"));
}

TEST(CallRecords, AnAnsweredCallReportsWhatItWasAndWhatItHadToDo) {
  auto call = PuppetServer::Call({"good", "not good"});
  call->identity = {"mine-1", "4bf92f3577b34da6a3ce929d0e0e4736"};
  call->caller = std::make_shared<const security::Caller>(security::Caller{.name = "app", .index = 1});
  call->request.set_profile("baseline");
  call->request.set_priority(v1::PRIORITY_HIGH);
  const nlohmann::json line = LineOf(call);
  EXPECT_EQ(line["caller"], "app");
  EXPECT_EQ(line["message"], "request");
  EXPECT_EQ(line["method"], "Classify");
  EXPECT_EQ(line["code"], "OK");
  EXPECT_FALSE(line.contains("reason"));
  EXPECT_EQ(line["request_id"], "mine-1");
  EXPECT_EQ(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(line["profile_requested"], "baseline");
  EXPECT_EQ(line["profile"], "baseline");
  EXPECT_EQ(line["items"], 2);
  EXPECT_EQ(line["failed_items"], 0);
  EXPECT_EQ(line["tokens"], 7);
  EXPECT_EQ(line["truncated_items"], 0);
  EXPECT_EQ(line["priority"], "high");
  EXPECT_EQ(line["batch_items"], 2);
}

TEST(CallRecords, PhasesAddUpToTheTotal) {
  const nlohmann::json line = LineOf(PuppetServer::Call({"good"}));
  double sum = 0;
  for (const char* phase : {"tokenize_ms", "queue_ms", "form_ms", "infer_ms", "post_ms"}) {
    sum += line[phase].get<double>();
  }
  EXPECT_GT(line["total_ms"].get<double>(), 0);
  EXPECT_NEAR(sum, line["total_ms"].get<double>(), 0.0031);  // six values, each rounded to a microsecond
}

TEST(CallRecords, TheResponseAndTheLogHaveTheSameRequestId) {
  PuppetServer server;
  const CallOutcome outcome = server.Run(PuppetServer::Call({"good"}));
  EXPECT_EQ(outcome.response.request_id().size(), 32u);
  EXPECT_EQ(OnlyLine(server)["request_id"], outcome.response.request_id());
}

TEST(CallRecords, ACallWithoutAnAnswerReportsItsSituation) {
  const nlohmann::json line = LineOf(PuppetServer::Call({"good", " "}));
  EXPECT_EQ(line["message"], "request not answered");
  EXPECT_EQ(line["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(line["reason"], "blank_text");
  EXPECT_EQ(line["items"], 2);
  EXPECT_EQ(line["failed_items"], 2);
}

TEST(CallRecords, ItemsThatFailAloneAreCounted) {
  auto call = PuppetServer::Call({"good", " "});
  call->request.set_allow_partial(true);
  const nlohmann::json line = LineOf(call);
  EXPECT_EQ(line["code"], "OK");
  EXPECT_EQ(line["failed_items"], 1);
}

TEST(CallRecords, TruncatedItemsAreCounted) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "good ";
  auto call = PuppetServer::Call({text, "good"});
  call->request.set_truncation(v1::TRUNCATION_RIGHT);
  EXPECT_EQ(LineOf(call)["truncated_items"], 1);
}

TEST(CallRecords, AProfileThatIsNotReadyIsNamed) {
  auto call = PuppetServer::Call({"good"});
  call->metadata_profile = "quantized";
  const nlohmann::json line = LineOf(call);
  EXPECT_EQ(line["reason"], "profile_not_ready");
  EXPECT_EQ(line["profile_requested"], "quantized");
  EXPECT_FALSE(line.contains("profile"));
}

TEST(CallRecords, AProfileThatNobodyKnowsIsNotNamed) {
  auto call = PuppetServer::Call({"good"});
  call->request.set_profile("turbo\n{\"level\":\"error\"}");
  const nlohmann::json line = LineOf(call);
  EXPECT_EQ(line["reason"], "unknown_profile");
  EXPECT_EQ(line["profile_requested"], "(unknown)");
}

TEST(CallRecords, ACallThatFailsInsideIsAnError) {
  PuppetServer server(std::make_shared<PuppetProfile>(
      [](const encoder::PackedBatch&, absl::Span<float>) { return absl::InternalError("no"); }));
  server.Run(PuppetServer::Call({"good"}));
  const nlohmann::json line = OnlyLine(server);
  EXPECT_EQ(line["message"], "request failed");
  EXPECT_EQ(line["reason"], "backend_failure");
}

TEST(CallRecords, AComparisonNamesTheProfilesItWasAskedFor) {
  auto call = CompareCallOf("good");
  call->identity.request_id = "mine-2";
  for (const char* name : {"quantized", "baseline"}) call->request.add_profiles(name);
  const nlohmann::json line = LineOf(call);
  EXPECT_EQ(line["method"], "Compare");
  EXPECT_EQ(line["code"], "OK");
  EXPECT_EQ(line["request_id"], "mine-2");
  EXPECT_EQ(line["profile_requested"], "baseline,quantized");
  EXPECT_EQ(line["items"], 1);
  EXPECT_EQ(line["tokens"], 3);
}

/// A request that fails in one way or succeeds, with kMarker wherever a client may write.
class MarkedRequest : public testing::TestWithParam<std::function<void(internal::RawClassifyRequest&)>> {};

constexpr char kMarker[] = "zebra";

TEST_P(MarkedRequest, LeavesNoTraceOfItsTextsInTheLog) {
  auto call = std::make_shared<ClassifyCall>(call::PhaseClock::Clock::now());
  internal::RawItem* item = call->request.add_items();
  item->set_text(absl::StrCat("a ", kMarker));
  item->set_text_pair(absl::StrCat("another ", kMarker));
  item->set_id(kMarker);
  GetParam()(call->request);
  PuppetServer server;
  server.Run(call);
  const std::vector<std::string>& lines = server.CloseLog();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], Not(HasSubstr(kMarker)));
  EXPECT_EQ(lines[0].find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(CallRecords, MarkedRequest,
                         testing::Values([](internal::RawClassifyRequest&) {},
                                         [](internal::RawClassifyRequest& request) { request.set_profile(kMarker); },
                                         [](internal::RawClassifyRequest& request) {
                                           request.set_profile(absl::StrCat(kMarker, "\n\xff"));
                                         },
                                         [](internal::RawClassifyRequest& request) { request.set_priority(77); },
                                         [](internal::RawClassifyRequest& request) {
                                           request.mutable_items(0)->set_text(absl::StrCat(kMarker, "\xff\n", kMarker));
                                         },
                                         [](internal::RawClassifyRequest& request) {
                                           request.mutable_items(0)->set_text_pair(absl::StrCat(kMarker, "\xff"));
                                         },
                                         [](internal::RawClassifyRequest& request) {
                                           request.mutable_items(0)->set_id(absl::StrCat(kMarker, "\xff"));
                                         },
                                         [](internal::RawClassifyRequest& request) {
                                           std::string text;
                                           for (int i = 0; i < 1000; ++i) absl::StrAppend(&text, kMarker, " ");
                                           request.mutable_items(0)->set_text(text);
                                         }));

}  // namespace
}  // namespace roberta::service
