#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "roberta/v1/classifier.grpc.pb.h"
#include "roberta/v1/profiles.grpc.pb.h"
#include "server/app/options.h"
#include "server/app/server.h"
#include "server/config/server_config.h"
#include "tests/test_paths.h"

namespace roberta::app {

/// A complete config for the demo model on free ports, which loads only the baseline.
inline config::ServerConfig DemoConfig() {
  config::ServerConfig config;
  config::CompleteConfig({.model_directory = test_paths::QuickDemoModel(),
                          .port = 0,
                          .metrics_port = 0,
                          .http_port = 0,
                          .profiles = {"baseline"}},
                         2, KnownRecipes(), &config);
  return config;
}

/// The real server on the demo model, with stubs on a connection of their own.
struct RunningServer {
  explicit RunningServer(const config::ServerConfig& config = DemoConfig()) {
    auto started = Server::Start(config);
    EXPECT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                        grpc::InsecureChannelCredentials(), arguments);
    classifier = v1::Classifier::NewStub(channel);
    profiles = v1::Profiles::NewStub(channel);
  }

  struct Answer {
    grpc::Status status;
    v1::ClassifyResponse response;
  };
  Answer Classify(const v1::ClassifyRequest& request) {
    grpc::ClientContext context;
    Answer answer;
    answer.status = classifier->Classify(&context, request, &answer.response);
    return answer;
  }

  /// The server still answers a plain request as it should.
  void ExpectUnharmed() {
    v1::ClassifyRequest request;
    request.add_items()->set_text("a warm, funny and deeply moving film");
    const Answer answer = Classify(request);
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.response.results(0).classification().label(), "positive");
  }

  std::unique_ptr<Server> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Classifier::Stub> classifier;
  std::unique_ptr<v1::Profiles::Stub> profiles;
};

}  // namespace roberta::app
