#include "tests/soak/scenarios.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/direct_client.h"
#include "loadtest/target/metrics_page.h"
#include "tests/soak/drive.h"
#include "tests/soak/memory.h"
#include "tests/soak/settle.h"

namespace roberta::soak {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kCallsPerConnection = 200;  // below the server's limit
constexpr uint64_t kOneOfSoManyIsKept = 50;  // of a storm
constexpr uint64_t kLongestStormUs = 1'000'000;
constexpr std::chrono::seconds kPatience(120);

client::DirectOptions OptionsFor(const Setup& setup, size_t calls) {
  return {.address = setup.server->address(), .connections = static_cast<int>(1 + calls / kCallsPerConnection)};
}

void Append(Broken* broken, const Broken& more) {
  broken->insert(broken->end(), more.begin(), more.end());
}

/// Calls at once on every executor.
Broken ExecutorsAnswer(const Setup& setup, client::DirectClient* client) {
  CallGenerator generator(&setup.texts, {kSteady, kExact}, setup.seed);
  Books books(&setup.alone);
  size_t left = 4 * std::max(1u, std::thread::hardware_concurrency());
  Drive(
      client, left, [&] { return left-- > 0; }, [&] { return generator.NextOf(Kind::kValid); }, &books);
  return books.Broken();
}

/// The most that a gauge was while this lived.
class Peak {
 public:
  Peak(std::string metrics_address, std::string gauge)
      : thread_([this, address = std::move(metrics_address), gauge = std::move(gauge)] {
          while (!ending_) {
            const auto page = loadtest::target::MetricsPage::Of(address);
            if (page.ok()) most_ = std::max(most_.load(), page->Sum(gauge));
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }
        }) {}
  double Stop() {
    ending_ = true;
    thread_.join();
    return most_;
  }

 private:
  std::atomic<bool> ending_{false};
  std::atomic<double> most_{0};
  std::thread thread_;
};

}  // namespace

Broken ClassifyAlone(Setup* setup) {
  client::DirectClient client(OptionsFor(*setup, 1));
  for (size_t i = 0; i < setup->texts.size(); ++i) {
    v1::ClassifyRequest request;
    request.set_profile(kExact);
    request.set_return_logits(true);
    *request.add_items() = setup->texts[i];
    const client::Answer answer = CallAndWait(&client, {.wire = request.SerializeAsString(), .timeout = kPatience});
    if (!answer.status.ok()) return {absl::StrCat("text ", i, " alone: ", answer.status.ToString())};
    const auto& logits = answer.response.results(0).classification().logits();
    setup->alone.emplace_back(logits.begin(), logits.end());
  }
  return {};
}

Broken CancelStorm(const Setup& setup, size_t calls, int rounds) {
  Broken broken;
  std::mt19937_64 random(setup.seed);
  CallGenerator generator(&setup.texts, {kSteady, kExact}, setup.seed);
  client::DirectClient client(OptionsFor(setup, calls));
  if (!client.Connect(kPatience).ok()) return {"the connections cannot be made"};
  std::vector<int64_t> resident;
  for (int round = 0; round < rounds; ++round) {
    const auto before = loadtest::target::MetricsPage::Of(setup.server->metrics_address());
    if (!before.ok()) return {std::string(before.status().message())};
    Books books(&setup.alone);
    const auto start = Clock::now();
    Peak peak(setup.server->metrics_address(), "roberta_inflight_requests");
    size_t left = calls;
    const auto next = [&] {
      if (random() % kOneOfSoManyIsKept == 0) return generator.NextOf(Kind::kValid);
      RandomCall call = generator.NextOf(Kind::kCancelled);
      call.cancel_after = std::chrono::microseconds(random() % kLongestStormUs);
      return call;
    };
    Drive(
        &client, calls, [&] { return left-- > 0; }, next, &books);
    PrintBooks("cancel storm", books, start);
    std::printf("  most calls under way in the server: %.0f\n", peak.Stop());
    Append(&broken, Settle(setup, *before, books));
    Append(&broken, ExecutorsAnswer(setup, &client));
    resident.push_back(ResidentBytes(setup.server->pid()));
  }
  Append(&broken, GrowthOf("resident memory over the storms", resident.front(), resident.back()));
  return broken;
}

Broken RandomCalls(const Setup& setup, size_t calls) {
  const auto before = loadtest::target::MetricsPage::Of(setup.server->metrics_address());
  if (!before.ok()) return {std::string(before.status().message())};
  client::DirectClient client(OptionsFor(setup, setup.in_flight));
  CallGenerator generator(&setup.texts, {kSteady, kExact, kComesAndGoes}, setup.seed);
  Books books(&setup.alone);
  const auto start = Clock::now();
  size_t left = calls;
  Drive(
      &client, setup.in_flight, [&] { return left-- > 0; }, [&] { return generator.Next(); }, &books);
  PrintBooks("random calls", books, start);
  return Settle(setup, *before, books);
}

Broken ExactUnderLoad(const Setup& setup, size_t calls) {
  Broken broken;
  for (const size_t in_flight : {size_t{1}, size_t{4}, size_t{32}, size_t{256}}) {
    client::DirectClient client(OptionsFor(setup, in_flight));
    CallGenerator generator(&setup.texts, {kExact, kExact, kExact, kSteady}, setup.seed + in_flight);
    Books books(&setup.alone);
    const auto start = Clock::now();
    size_t left = calls / 4;
    Drive(
        &client, in_flight, [&] { return left-- > 0; }, [&] { return generator.NextOf(Kind::kValid); }, &books);
    PrintBooks(absl::StrCat("int8, ", in_flight, " at once"), books, start);
    Append(&broken, books.Broken());
    if (books.compared() == 0) broken.emplace_back("no int8 result was compared");
  }
  return broken;
}

}  // namespace roberta::soak
