// What counting costs beside the cheapest call there is: one short text through the demo model's fastest profile.
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "profiles/registry/registry.h"
#include "server/call/failure_reason.h"
#include "server/metrics/server_metrics.h"
#include "server/transport/rpc_counter.h"
#include "tests/test_paths.h"

namespace {

using Clock = std::chrono::steady_clock;
using roberta::call::Method;
using roberta::call::Phase;
using roberta::call::PhaseClock;
using roberta::metrics::ServerMetrics;

/// The fewest nanoseconds that one of `count` runs took in one of `rounds`.
double BestNanoseconds(int rounds, int count, const std::function<void()>& run) {
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) run();
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count);
  }
  return best;
}

/// Everything that is stamped and counted for a call of one text that is a batch of its own.
void CountCall(ServerMetrics& metrics) {
  const auto& rpc = metrics.rpcs().Started("/roberta.v1.Classifier/Classify");
  const auto start = Clock::now();
  PhaseClock clock(start);
  const auto in_flight = metrics.calls().Started();
  for (const Phase phase :
       {Phase::kQueue, Phase::kTokenize, Phase::kQueue, Phase::kForm, Phase::kInfer, Phase::kPost}) {
    clock.End(phase);
  }
  metrics.batches().Count("integrated", {.items = 1, .tokens = 3});
  metrics.items().Count("integrated", {.answered = 1, .tokens = 3});
  metrics.calls().Ended({.method = Method::kClassify, .profile = "integrated"}, clock);
  metrics.rpcs().Ended(rpc, 0, Clock::now() - start);
}

/// The same from `threads` threads at once: nanoseconds of a call on each.
double CountOnThreads(ServerMetrics& metrics, int threads, int rounds, int count) {
  std::vector<double> best(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (double& own : best) {
    running.emplace_back([&] { own = BestNanoseconds(rounds, count, [&metrics] { CountCall(metrics); }); });
  }
  for (std::thread& thread : running) thread.join();
  return *std::max_element(best.begin(), best.end());
}

/// The cheapest method there can be.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context, const grpc::health::v1::HealthCheckRequest*,
                                  grpc::health::v1::HealthCheckResponse*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

/// A server of it in this process, with our interceptor or without.
class HealthServer {
 public:
  explicit HealthServer(roberta::metrics::RpcMetrics* rpcs) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    if (rpcs != nullptr) {
      std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
      interceptors.push_back(roberta::transport::MakeRpcCounter(
          rpcs, &first_messages_,
          {.count_reset = [](std::string_view) {}, .calls_of = [](std::string_view) { return nullptr; }}));
      builder.experimental().SetInterceptorCreators(std::move(interceptors));
    }
    server_ = builder.BuildAndStart();
    stub_ = grpc::health::v1::Health::NewStub(server_->InProcessChannel({}));
  }
  ~HealthServer() { server_->Shutdown(); }

  void Check() {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckResponse response;
    if (!stub_->Check(&context, {}, &response).ok()) std::abort();
  }

 private:
  roberta::transport::FirstMessages first_messages_;
  HealthService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
};

/// What the interceptor adds to a call, in nanoseconds: the difference of the best of many short alternating rounds.
double InterceptorNanoseconds(ServerMetrics& metrics, int rounds, int count) {
  HealthServer plain(nullptr), counting(&metrics.rpcs());
  double without = std::numeric_limits<double>::infinity();
  double with = without;
  for (int round = 0; round < rounds; ++round) {
    without = std::min(without, BestNanoseconds(1, count, [&] { plain.Check(); }));
    with = std::min(with, BestNanoseconds(1, count, [&] { counting.Check(); }));
  }
  std::printf("gRPC call in process: %.0f ns, with the counting interceptor %.0f ns\n", without, with);
  return std::max(0.0, with - without);
}

absl::StatusOr<double> CheapestCallNanoseconds(const std::string& model, int rounds) {
  roberta::registry::RegistryOptions options;
  options.directory = model;
  options.profiles = {{.name = "baseline", .recipe = "baseline"}, {.name = "integrated", .recipe = "integrated"}};
  options.default_profile = "integrated";
  auto registry = roberta::registry::Registry::Open(options);
  if (!registry.ok()) return registry.status();
  for (const auto& name : (*registry)->names()) {
    if (absl::Status status = (*registry)->Load(name); !status.ok()) return status;
  }
  const auto loaded = (*registry)->GetDefault();
  roberta::tokenizer::Encoding encoding;
  absl::Status status = (*registry)->tokenizer().Encode("good", std::nullopt, {}, &encoding);
  const int32_t cu_seqlens[] = {0, static_cast<int32_t>(encoding.ids.size())};
  std::vector<float> logits(static_cast<size_t>((*registry)->checkpoint().config().num_labels()));
  const double nanoseconds = BestNanoseconds(rounds, 20, [&] {
    status.Update(loaded->profile->Run({encoding.ids, cu_seqlens}, absl::MakeSpan(logits)));
  });
  if (!status.ok()) return status;
  return nanoseconds;
}

int Run(const std::string& model, int rounds, int count) {
  ServerMetrics metrics({.profiles = {"baseline", "quantized", "pruned", "amp", "integrated", "reference"},
                         .failure_reasons = roberta::call::FailureReasonNames(),
                         .rpc_methods = roberta::transport::RpcMethods(),
                         .rpc_codes = roberta::transport::RpcCodes()});
  const auto call = CheapestCallNanoseconds(model, rounds);
  if (!call.ok()) {
    std::fprintf(stderr, "metrics_bench: %s\n", std::string(call.status().message()).c_str());
    return 1;
  }
  const double alone = CountOnThreads(metrics, 1, rounds, count);
  const double contended = CountOnThreads(metrics, 2, rounds, count);
  const double interceptor = InterceptorNanoseconds(metrics, rounds * 20, std::max(1, count / 100));
  const double scrape = BestNanoseconds(rounds, 1, [&] { metrics.Scrape(); });
  constexpr double kScrapeIntervalNanoseconds = 15e9;
  std::printf("cheapest call, computing alone: %.0f ns\n", *call);
  std::printf("counting a call: %.0f ns, %.0f ns while another thread counts too\n", alone, contended);
  std::printf("a scrape: %.1f ms of one core, %.3f %% of it when done every 15 s\n", scrape * 1e-6,
              100 * scrape / kScrapeIntervalNanoseconds);
  std::printf("counting and interceptor beside the cheapest call: %.2f %%\n", 100 * (contended + interceptor) / *call);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures what metrics cost beside the cheapest call.", "metrics_bench");
  std::string model = roberta::test_paths::InRepository("models/demo-sst2");
  int rounds = 20;
  int count = 20000;
  app.add_option("--model", model, "Model directory");
  app.add_option("--rounds", rounds, "Rounds, of which the best counts")->check(CLI::PositiveNumber);
  app.add_option("--calls", count, "Counted calls a round")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return Run(model, rounds, count);
}
