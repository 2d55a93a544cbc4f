#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "roberta/v1/classifier.grpc.pb.h"
#include "roberta/v1/profiles.grpc.pb.h"

namespace roberta::client {

/// A Classifier on a free loopback port that a test gives its behavior.
class FakeServer final : public v1::Classifier::Service {
 public:
  using Behavior = std::function<grpc::Status(grpc::ServerContext*, const v1::ClassifyRequest&, v1::ClassifyResponse*)>;

  using Stream = grpc::ServerReaderWriter<v1::ClassifyStreamResponse, v1::ClassifyStreamRequest>;
  using StreamBehavior = std::function<grpc::Status(grpc::ServerContext*, Stream*)>;

  /// Without a `stream` it does not know streams.
  explicit FakeServer(Behavior behavior, StreamBehavior stream = nullptr,
                      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials())
      : behavior_(std::move(behavior)), stream_(std::move(stream)) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Classify(grpc::ServerContext* context, const v1::ClassifyRequest* request,
                        v1::ClassifyResponse* response) override {
    return behavior_(context, *request, response);
  }

  grpc::Status ClassifyStream(grpc::ServerContext* context, Stream* stream) override {
    if (stream_ == nullptr) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
    return stream_(context, stream);
  }

  const std::string& address() const { return address_; }
  grpc::Server& server() { return *server_; }

 private:
  const Behavior behavior_;
  const StreamBehavior stream_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

/// Answers every item with its own text as the label; blank ones with INVALID_ARGUMENT.
inline grpc::Status Echo(grpc::ServerContext*, const v1::ClassifyRequest& request, v1::ClassifyResponse* response) {
  response->set_profile_used("echo");
  for (const v1::Item& item : request.items()) {
    v1::ItemResult* result = response->add_results();
    if (item.text().empty()) {
      result->mutable_status()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    } else {
      result->mutable_classification()->set_label(item.text());
    }
  }
  return grpc::Status::OK;
}

/// Adds the answer to one item of a stream, as Echo gives it.
inline void EchoItem(const v1::Item& item, uint64_t sequence, v1::ClassifyStreamResponse* response) {
  v1::StreamResult* result = response->add_results();
  result->set_sequence(sequence);
  result->mutable_result()->mutable_classification()->set_label(item.text());
}

/// Answers every message of a stream by one, the last item first.
inline grpc::Status EchoStream(grpc::ServerContext*, FakeServer::Stream* stream) {
  v1::ClassifyStreamRequest request;
  uint64_t read = 0;
  while (stream->Read(&request)) {
    v1::ClassifyStreamResponse response;
    if (read == 0) response.mutable_start()->set_profile_used("echo");
    for (int i = request.items_size() - 1; i >= 0; --i) {
      EchoItem(request.items(i), read + static_cast<uint64_t>(i), &response);
    }
    read += static_cast<uint64_t>(request.items_size());
    stream->Write(response);
  }
  v1::ClassifyStreamResponse last;
  last.mutable_end()->set_items_taken(read);
  last.mutable_end()->set_parts(1);
  stream->Write(last);
  return grpc::Status::OK;
}

}  // namespace roberta::client
