#include "client/cli/item_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/client/fake_server.h"

namespace roberta::cli {
namespace {

using client::Echo;
using client::FakeServer;
using End = ItemPipeline::End;

std::vector<std::string> Numbers(size_t count) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back(std::to_string(i));
  return texts;
}

const auto kNeverStop = [] { return false; };

struct PipelineTest : testing::Test {
  End Run(const std::string& address, std::vector<std::string> texts, const std::function<bool()>& stop = kNeverStop) {
    client::Client client({.address = address});
    ItemPipeline pipeline(&client, options);
    const auto source = TextsOfCommandLine(std::move(texts));
    const End end = pipeline.Run(source.get(), stop, [&](const Batch& batch) {
      Collect(batch);
      return !output_full;
    });
    refusal = pipeline.refusal();
    parts = pipeline.stream_phases().calls();
    return end;
  }

  void Collect(const Batch& batch) {
    int next = 0;
    for (const Item& item : batch.items) {
      indexes.push_back(item.index);
      if (!item.problem.ok()) {
        labels.push_back("problem");
      } else if (!batch.answer->ok()) {
        labels.push_back(absl::StatusCodeToString(batch.answer->status().code()));
      } else {
        const v1::ItemResult& result = (*batch.answer)->results(next++);
        labels.push_back(result.has_status()
                             ? absl::StatusCodeToString(static_cast<absl::StatusCode>(result.status().code()))
                             : result.classification().label());
      }
    }
  }

  PipelineOptions options;
  bool output_full = false;
  std::vector<uint64_t> indexes;
  std::vector<std::string> labels;
  absl::Status refusal;
  uint64_t parts = 0;
};

struct StreamPipelineTest : PipelineTest {
  StreamPipelineTest() {
    options.stream = true;
    options.items_per_call = 4;
  }

  static grpc::Status NoCalls(grpc::ServerContext*, const v1::ClassifyRequest&, v1::ClassifyResponse*) {
    ADD_FAILURE() << "a call where a stream was to be";
    return grpc::Status(grpc::StatusCode::INTERNAL, "");
  }
};

TEST_F(PipelineTest, KeepsTheOrderWhateverTheServerDoes) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    if (++calls % 3 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));  // later calls overtake this one
    return Echo(context, request, response);
  });
  options.items_per_call = 7;
  EXPECT_EQ(Run(server.address(), Numbers(200)), End::kDone);
  EXPECT_EQ(labels, Numbers(200));
  EXPECT_EQ(calls, 29);
}

TEST_F(PipelineTest, NeverMoreCallsInFlightThanAllowed) {
  std::atomic<int> inside{0}, most{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    most = std::max(most.load(), ++inside);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --inside;
    return Echo(context, request, response);
  });
  options.items_per_call = 1;
  options.calls_in_flight = 3;
  EXPECT_EQ(Run(server.address(), Numbers(60)), End::kDone);
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 3);
}

TEST_F(PipelineTest, ABadItemIsNotSentAndHarmsNobody) {
  FakeServer server(Echo);
  EXPECT_EQ(Run(server.address(), {"a", "\xFF", "b"}), End::kDone);
  EXPECT_EQ(labels, (std::vector<std::string>{"a", "problem", "b"}));
}

TEST_F(PipelineTest, NothingIsSentWhenAllItemsAreBad) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    ++calls;
    return Echo(context, request, response);
  });
  EXPECT_EQ(Run(server.address(), {"\xFF"}), End::kDone);
  EXPECT_EQ(labels, std::vector<std::string>{"problem"});
  EXPECT_EQ(calls, 0);
}

TEST_F(PipelineTest, ALargeTextTravelsAlone) {
  std::mutex mutex;
  std::vector<int> sizes;
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    const std::lock_guard lock(mutex);
    sizes.push_back(request.items_size());
    return Echo(context, request, response);
  });
  options.bytes_per_call = 10;
  options.calls_in_flight = 1;
  EXPECT_EQ(Run(server.address(), {"a", "b", "much longer than ten", "c"}), End::kDone);
  EXPECT_EQ(sizes, (std::vector<int>{2, 1, 1}));
}

TEST_F(PipelineTest, AnOverloadedCallFailsAlone) {
  FakeServer server([](auto* context, const auto& request, auto* response) {
    if (request.items(0).text() == "1") return grpc::Status(grpc::StatusCode::INTERNAL, "no luck");
    return Echo(context, request, response);
  });
  options.items_per_call = 1;
  EXPECT_EQ(Run(server.address(), {"0", "1", "2"}), End::kDone);
  EXPECT_EQ(labels, (std::vector<std::string>{"0", "INTERNAL", "2"}));
}

TEST_F(PipelineTest, StopsReadingAfterARefusalThatLasts) {
  FakeServer server(
      [](auto*, const auto&, auto*) { return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "gate failed"); });
  options.items_per_call = 1;
  options.calls_in_flight = 1;
  EXPECT_EQ(Run(server.address(), Numbers(1000)), End::kRefused);
  EXPECT_TRUE(absl::IsFailedPrecondition(refusal));
  EXPECT_LT(labels.size(), 10u);
  EXPECT_GE(labels.size(), 1u);
}

TEST_F(PipelineTest, AStopRequestEndsItAndKeepsWhatWasAnswered) {
  std::atomic<int> calls{0};
  FakeServer server([&](auto* context, const auto& request, auto* response) {
    if (++calls > 3) {
      while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Echo(context, request, response);
  });
  options.items_per_call = 1;
  options.calls_in_flight = 1;
  EXPECT_EQ(Run(server.address(), Numbers(1000), [&] { return labels.size() >= 3; }), End::kStopRequested);
  ASSERT_GE(labels.size(), 3u);
  EXPECT_EQ(std::vector<std::string>(labels.begin(), labels.begin() + 3), Numbers(3));
}

TEST_F(PipelineTest, EndsWhenItsOutputFails) {
  FakeServer server(Echo);
  options.items_per_call = 1;
  output_full = true;
  EXPECT_EQ(Run(server.address(), Numbers(1000)), End::kOutputFailed);
  EXPECT_LT(labels.size(), 20u);
}

TEST_F(StreamPipelineTest, KeepsTheOrderWhateverTheServerDoes) {
  FakeServer server(NoCalls, client::EchoStream);
  EXPECT_EQ(Run(server.address(), Numbers(1000)), End::kDone);
  EXPECT_EQ(labels, Numbers(1000));
  EXPECT_EQ(parts, 1u);
}

TEST_F(StreamPipelineTest, ThePriorityIsTheStreamsToo) {
  for (const std::optional<v1::Priority> given :
       {std::optional<v1::Priority>(), {v1::PRIORITY_HIGH}, {v1::PRIORITY_NORMAL}}) {
    std::optional<v1::Priority> got;
    FakeServer server(NoCalls, [&](auto*, auto* stream) {
      v1::ClassifyStreamRequest request;
      stream->Read(&request);
      if (request.settings().has_priority()) got = request.settings().priority();
      return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "enough");
    });
    options.priority = given;
    EXPECT_EQ(Run(server.address(), {"a"}), End::kRefused);
    EXPECT_EQ(got, given);
  }
}

TEST_F(PipelineTest, ThePriorityIsThatOfEachCall) {
  FakeServer server([](auto* context, const auto& request, auto* response) {
    EXPECT_EQ(request.priority(), v1::PRIORITY_HIGH);
    return Echo(context, request, response);
  });
  options.priority = v1::PRIORITY_HIGH;
  EXPECT_EQ(Run(server.address(), Numbers(3)), End::kDone);
}

TEST_F(StreamPipelineTest, ResultsOfManyMessagesMayComeInAnyOrder) {
  FakeServer server(NoCalls, [](auto*, auto* stream) {
    std::vector<v1::Item> items;
    v1::ClassifyStreamRequest request;
    while (stream->Read(&request)) items.insert(items.end(), request.items().begin(), request.items().end());
    v1::ClassifyStreamResponse response;
    for (size_t i = items.size(); i > 0; --i) client::EchoItem(items[i - 1], i - 1, &response);
    stream->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(Run(server.address(), Numbers(50)), End::kDone);
  EXPECT_EQ(labels, Numbers(50));
}

TEST_F(StreamPipelineTest, KeepsNoMoreThanItsWindow) {
  std::atomic<int> most{0};
  FakeServer server(NoCalls, [&](auto*, auto* stream) {  // takes everything, answers nothing
    v1::ClassifyStreamRequest request;
    int read = 0;
    while (stream->Read(&request)) most = std::max(most.load(), read += request.items_size());
    return grpc::Status::CANCELLED;
  });
  options.items_in_stream = 40;
  options.timeout = std::chrono::seconds(1);  // after which it gives up; the items arrive long before
  Run(server.address(), Numbers(100));
  EXPECT_EQ(labels.size(), 100u);
  EXPECT_EQ(most, 40);
}

TEST_F(StreamPipelineTest, AServerThatKnowsNoStreamsIsAskedByCalls) {
  FakeServer server(Echo);
  EXPECT_EQ(Run(server.address(), Numbers(100)), End::kDone);
  EXPECT_EQ(labels, Numbers(100));
}

TEST_F(StreamPipelineTest, ALargeTextTravelsInACallOfItsOwn) {
  FakeServer server(
      [](auto* context, const auto& request, auto* response) {
        EXPECT_EQ(request.items_size(), 1);
        return Echo(context, request, response);
      },
      client::EchoStream);
  options.bytes_per_call = 10;
  EXPECT_EQ(Run(server.address(), {"a", "b", "much longer than ten", "c"}), End::kDone);
  EXPECT_EQ(labels, (std::vector<std::string>{"a", "b", "much longer than ten", "c"}));
}

TEST_F(StreamPipelineTest, WhatAStoppingServerDidNotAnswerFailsItemByItem) {
  FakeServer server(NoCalls, [](auto*, auto* stream) {
    v1::ClassifyStreamRequest request;
    stream->Read(&request);
    v1::ClassifyStreamResponse response;
    for (uint64_t i = 0; i < 3; ++i) client::EchoItem(request.items(static_cast<int>(i)), i, &response);
    response.mutable_end()->set_items_taken(3);
    stream->Write(response);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down");
  });
  EXPECT_EQ(Run(server.address(), Numbers(4)), End::kRefused);
  EXPECT_EQ(labels, (std::vector<std::string>{"0", "1", "2", "UNAVAILABLE"}));
  EXPECT_TRUE(absl::IsUnavailable(refusal));
}

TEST_F(StreamPipelineTest, ASettingThatIsRefusedEndsTheRun) {
  FakeServer server(NoCalls,
                    [](auto*, auto*) { return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "gate failed"); });
  EXPECT_EQ(Run(server.address(), Numbers(100000)), End::kRefused);
  EXPECT_TRUE(absl::IsFailedPrecondition(refusal));
  EXPECT_LT(labels.size(), 100000u);
}

TEST_F(StreamPipelineTest, ASilentStreamIsGivenUpAndAnotherBegun) {
  std::atomic<int> streams{0};
  FakeServer server(NoCalls, [&](auto* context, auto* stream) {
    if (++streams > 1) return client::EchoStream(context, stream);
    while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return grpc::Status::CANCELLED;
  });
  options.timeout = std::chrono::seconds(2);  // much longer than the second stream takes
  options.items_in_stream = 8;
  EXPECT_EQ(Run(server.address(), Numbers(20)), End::kDone);
  ASSERT_EQ(labels.size(), 20u);
  EXPECT_EQ(labels[0], "DEADLINE_EXCEEDED");
  EXPECT_EQ(labels[19], "19");
}

TEST_F(StreamPipelineTest, AStopRequestEndsItAndKeepsWhatWasAnswered) {
  FakeServer server(NoCalls, client::EchoStream);
  options.items_in_stream = 8;
  EXPECT_EQ(Run(server.address(), Numbers(100000), [&] { return labels.size() >= 40; }), End::kStopRequested);
  ASSERT_GE(labels.size(), 40u);
  EXPECT_LT(labels.size(), 100u);
  EXPECT_EQ(std::vector<std::string>(labels.begin(), labels.begin() + 40), Numbers(40));
}

TEST_F(StreamPipelineTest, EndsWhenItsOutputFails) {
  FakeServer server(NoCalls, client::EchoStream);
  output_full = true;
  EXPECT_EQ(Run(server.address(), Numbers(1000)), End::kOutputFailed);
}

}  // namespace
}  // namespace roberta::cli
