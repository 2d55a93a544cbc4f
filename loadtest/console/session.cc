#include "loadtest/console/session.h"

#include <chrono>
#include <utility>

#include "loadtest/console/output.h"
#include "loadtest/console/stop_signals.h"
#include "loadtest/console/target.h"

namespace roberta::console {

namespace {

constexpr std::chrono::seconds kConnectTimeout(10);

}  // namespace

std::optional<Session> OpenSession(const RunOptions& options, int* exit_code) {
  const auto fail = [&](int code) {
    *exit_code = code;
    return std::nullopt;
  };
  Session session;
  auto at_hand = ServerAtHand::Make(options, StopRequested);
  if (!at_hand.ok()) return fail(ComplainOfStart(at_hand.status()));
  session.at_hand = *std::move(at_hand);
  const std::string& target = session.at_hand->target();
  const client::Credentials& credentials = session.at_hand->credentials();
  auto server = DescribeServer(target, options.profiles, credentials);
  if (!server.ok()) return fail(ComplainOfServer(target, server.status()));
  session.server = *std::move(server);
  auto profiles = ProfilesToMeasure(options.profiles, session.server);
  if (!profiles.ok()) return fail(Complain(std::string(profiles.status().message())));
  session.profiles = *std::move(profiles);
  session.client = std::make_unique<client::DirectClient>(
      client::DirectOptions{.address = target, .connections = ConnectionsOf(options), .credentials = credentials});
  if (absl::Status status = session.client->Connect(kConnectTimeout); !status.ok()) {
    return fail(ComplainOfServer(target, status));
  }
  return session;
}

}  // namespace roberta::console
