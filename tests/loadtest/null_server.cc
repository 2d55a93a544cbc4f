// A server that answers every Classify call with the same bytes at once, so that what drives it can be measured.
// null_server prints its address and serves until its standard input ends. With --certificate and --key it speaks TLS,
// with --ca it wants certificates of its callers, and with --token that token of every call.
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "roberta/v1/classifier.grpc.pb.h"

namespace {

class NullClassifier final
    : public roberta::v1::Classifier::WithRawCallbackMethod_Classify<roberta::v1::Classifier::Service> {
 public:
  /// `token`: what every call must bring; empty: nothing.
  explicit NullClassifier(const std::string& token) : authorization_(token.empty() ? "" : "Bearer " + token) {
    roberta::v1::ClassifyResponse response;
    response.set_profile_used("null");
    auto* classification = response.add_results()->mutable_classification();
    classification->set_label("positive");
    classification->set_token_count(1);
    response.mutable_phases()->set_total_ns(1);
    const std::string bytes = response.SerializeAsString();
    const grpc::Slice slice(bytes);
    answer_ = grpc::ByteBuffer(&slice, 1);
  }

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                     grpc::ByteBuffer* response) override {
    auto* reactor = context->DefaultReactor();
    if (!authorization_.empty() && !IsAllowed(*context)) {
      reactor->Finish(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "no valid token"));
      return reactor;
    }
    *response = answer_;
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  bool IsAllowed(const grpc::CallbackServerContext& context) const {
    const auto found = context.client_metadata().find("authorization");
    return found != context.client_metadata().end() && found->second == authorization_;
  }

  const std::string authorization_;
  grpc::ByteBuffer answer_;
};

struct Options {
  std::string certificate, key, ca, token;
};

std::string Content(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(name).rdbuf();
  return text.str();
}

std::shared_ptr<grpc::ServerCredentials> CredentialsOf(const Options& options) {
  if (options.certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls(options.ca.empty()
                                            ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                            : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  if (!options.ca.empty()) tls.pem_root_certs = Content(options.ca);
  tls.pem_key_cert_pairs.push_back({Content(options.key), Content(options.certificate)});
  return grpc::SslServerCredentials(tls);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Answers every Classify call at once, until its standard input ends.", "null_server");
  app.add_option("--certificate", options.certificate, "PEM; with it TLS is spoken");
  app.add_option("--key", options.key, "Its key");
  app.add_option("--ca", options.ca, "What callers' certificates must stem from");
  app.add_option("--token", options.token, "What every call must bring");
  CLI11_PARSE(app, argc, argv);
  NullClassifier classifier(options.token);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", CredentialsOf(options), &port);
  builder.RegisterService(&classifier);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server->Shutdown();
  return 0;
}
