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

/// A Classifier on a free loopback port that a test gives its behaviour.
class FakeServer final : public v1::Classifier::Service {
 public:
  using Behaviour =
      std::function<grpc::Status(grpc::ServerContext*, const v1::ClassifyRequest&, v1::ClassifyResponse*)>;

  explicit FakeServer(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~FakeServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Classify(grpc::ServerContext* context, const v1::ClassifyRequest* request,
                        v1::ClassifyResponse* response) override {
    return behaviour_(context, *request, response);
  }

  const std::string& address() const { return address_; }
  grpc::Server& server() { return *server_; }

 private:
  const Behaviour behaviour_;
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

}  // namespace roberta::client
