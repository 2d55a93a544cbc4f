#include "client/direct_client.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "version/version.h"

namespace roberta::client {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kClassify[] = "/roberta.v1.Classifier/Classify";
constexpr char kPushback[] = "grpc-retry-pushback-ms";

std::shared_ptr<grpc::Channel> MakeDirectChannel(const DirectOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else equal channels share one connection
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetUserAgentPrefix(absl::StrCat("roberta-direct/", version::kVersion));
  arguments.SetMaxReceiveMessageSize(options.max_response_bytes);
  return MakeChannel(options.address, options.credentials, std::move(arguments));
}

std::optional<std::chrono::milliseconds> PushbackOf(const grpc::ClientContext& context) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto found = trailers.find(kPushback);
  if (found == trailers.end()) return std::nullopt;
  int64_t ms = 0;
  // What is not a number arrives as a negative one, which gRPC takes for "do not try again".
  if (!absl::SimpleAtoi(absl::string_view(found->second.data(), found->second.size()), &ms) || ms < 0) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(ms);
}

}  // namespace

struct CallHandle::State {
  grpc::ClientContext context;
  grpc::ByteBuffer request, response;
  DirectClient::Done done;
};

void CallHandle::Cancel() const {
  state_->context.TryCancel();
}

struct DirectClient::Connections {
  explicit Connections(const DirectOptions& options) : token(options.credentials.token) {
    for (int i = 0; i < options.connections; ++i) {
      channels.push_back(MakeDirectChannel(options));
      stubs.push_back(std::make_unique<grpc::GenericStub>(channels.back()));
    }
  }

  void Finish(std::shared_ptr<CallHandle::State> call, const grpc::Status& status) {
    Answer answer;
    answer.received = Clock::now();
    answer.status = absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    if (status.ok()) {
      grpc::ProtoBufferReader reader(&call->response);
      if (!answer.response.ParseFromZeroCopyStream(&reader)) {
        answer.status = absl::InternalError("the answer is not a ClassifyResponse");
      }
    } else {
      answer.pushback = PushbackOf(call->context);
    }
    std::exchange(call->done, nullptr)(std::move(answer));
    // The context holds the channel. Were it deleted when the client may be gone, gRPC would tear down its threads from
    // within one of them, and abort.
    call = nullptr;
    const std::lock_guard<std::mutex> lock(mutex);
    if (--in_flight == 0) none_in_flight.notify_all();
  }

  const std::string token;
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable none_in_flight;
  size_t in_flight = 0;
};

DirectClient::DirectClient(const DirectOptions& options) : connections_(std::make_unique<Connections>(options)) {}

DirectClient::~DirectClient() {
  std::unique_lock<std::mutex> lock(connections_->mutex);
  connections_->none_in_flight.wait(lock, [this] { return connections_->in_flight == 0; });
}

absl::Status DirectClient::Connect(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::system_clock::now() + timeout;
  for (const auto& channel : connections_->channels) channel->GetState(/*try_to_connect=*/true);
  for (const auto& channel : connections_->channels) {
    if (!channel->WaitForConnected(deadline)) {
      return absl::UnavailableError(absl::StrCat("no connection within ", timeout.count(), " ms"));
    }
  }
  return absl::OkStatus();
}

CallHandle DirectClient::Start(std::string_view request, std::chrono::nanoseconds timeout, Done done) {
  auto call = std::make_shared<CallHandle::State>();
  call->done = std::move(done);
  if (timeout <= std::chrono::nanoseconds::zero()) {
    std::exchange(call->done, nullptr)(
        Answer{.status = absl::DeadlineExceededError("the deadline passed before sending"), .received = Clock::now()});
    return CallHandle(call);
  }
  const grpc::Slice slice(request.data(), request.size());
  call->request = grpc::ByteBuffer(&slice, 1);
  call->context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
  Connections* const connections = connections_.get();
  AddToken(connections->token, &call->context);
  {
    const std::lock_guard<std::mutex> lock(connections->mutex);
    ++connections->in_flight;
  }
  const size_t turn = connections->next.fetch_add(1, std::memory_order_relaxed) % connections->stubs.size();
  connections->stubs[turn]->UnaryCall(
      &call->context, kClassify, {}, &call->request, &call->response,
      [call, connections](const grpc::Status& status) mutable { connections->Finish(std::move(call), status); });
  return CallHandle(call);
}

}  // namespace roberta::client
