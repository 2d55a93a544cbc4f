#include "loadtest/console/session.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/client.h"
#include "loadtest/console/output.h"

namespace roberta::loadtest::console {

namespace {

volatile std::sig_atomic_t stop_requested = 0;

}  // namespace

void CatchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_requested = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool StopRequested() {
  return stop_requested != 0;
}

namespace {

using record::kAuto;

constexpr std::chrono::seconds kTimeout(10);
constexpr char kAll[] = "all";

record::ServerDescription::Profile Describe(const v1::ProfileInfo& info) {
  record::ServerDescription::Profile profile;
  profile.name = info.name();
  profile.state = v1::ProfileState_Name(info.state());
  profile.reason = info.reason();
  profile.summary = info.summary();
  profile.precision = info.precision();
  profile.revision = info.revision();
  profile.kernels.assign(info.kernels().begin(), info.kernels().end());
  profile.weight_bytes = info.weight_bytes();
  profile.expected_tokens_per_second = info.expected_tokens_per_second();
  if (info.has_accuracy()) profile.accuracy = info.accuracy();
  if (info.has_agreement()) profile.agreement = info.agreement();
  return profile;
}

absl::Status CheckProfile(const v1::ListProfilesResponse& list, const std::string& wanted) {
  if (wanted.empty() || wanted == kAuto || wanted == kAll) return absl::OkStatus();
  std::vector<std::string> names;
  for (const v1::ProfileInfo& info : list.profiles()) {
    names.push_back(info.name());
    if (info.name() != wanted) continue;
    if (info.state() == v1::READY) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("profile ", wanted, " is ", v1::ProfileState_Name(info.state()),
                                                      info.reason().empty() ? "" : absl::StrCat(": ", info.reason())));
  }
  return absl::NotFoundError(
      absl::StrCat("the server has no profile \"", wanted, "\"; it has ", absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<record::ServerDescription> DescribeServer(const std::string& target,
                                                         const std::vector<std::string>& profiles,
                                                         const client::Credentials& credentials) {
  client::Client client({.address = target, .credentials = credentials});
  const auto list = client.ListProfiles(kTimeout);
  if (absl::IsUnimplemented(list.status())) return record::ServerDescription();
  if (!list.ok()) return list.status();
  for (const std::string& profile : profiles) {
    if (absl::Status status = CheckProfile(*list, profile); !status.ok()) return status;
  }
  record::ServerDescription server;
  server.model = list->model();
  server.model_revision = list->model_revision();
  server.default_profile = list->default_profile();
  for (const v1::ProfileInfo& info : list->profiles()) server.profiles.push_back(Describe(info));
  return server;
}

absl::StatusOr<std::vector<std::string>> ProfilesToMeasure(const std::vector<std::string>& wanted,
                                                           const record::ServerDescription& server) {
  if (wanted.empty()) return std::vector<std::string>{""};
  std::vector<std::string> profiles;
  const auto add = [&](const std::string& name) {
    if (std::find(profiles.begin(), profiles.end(), name) == profiles.end()) profiles.push_back(name);
  };
  for (const std::string& name : wanted) {
    if (name != kAll) add(name);
    for (const auto& profile : server.profiles) {
      if (name == kAll && profile.state == v1::ProfileState_Name(v1::READY)) add(profile.name);
    }
  }
  if (profiles.empty()) return absl::FailedPreconditionError("the server lists no profile that is READY");
  return profiles;
}

namespace {

int ComplainOfStart(const absl::Status& status) {
  if (absl::IsCancelled(status)) return Complain(status, kInterrupted);
  return Complain(status, absl::IsDeadlineExceeded(status) ? kServerUnreachable : kSomethingFailed);
}

}  // namespace

std::optional<Session> OpenSession(const RunOptions& options, int* exit_code) {
  const auto fail = [&](int code) {
    *exit_code = code;
    return std::nullopt;
  };
  Session session;
  auto target_server = TargetServer::Make(options, StopRequested);
  if (!target_server.ok()) return fail(ComplainOfStart(target_server.status()));
  session.target_server = *std::move(target_server);
  const std::string& target = session.target_server->target();
  const client::Credentials& credentials = session.target_server->credentials();
  auto server = DescribeServer(target, options.profiles, credentials);
  if (!server.ok()) return fail(ComplainOfServer(target, server.status()));
  session.server = *std::move(server);
  auto profiles = ProfilesToMeasure(options.profiles, session.server);
  if (!profiles.ok()) return fail(Complain(profiles.status()));
  session.profiles = *std::move(profiles);
  session.client = std::make_unique<client::DirectClient>(
      client::DirectOptions{.address = target, .connections = ConnectionsOf(options), .credentials = credentials});
  if (absl::Status status = session.client->Connect(kTimeout); !status.ok()) {
    return fail(ComplainOfServer(target, status));
  }
  return session;
}

absl::StatusOr<Measured> MeasureOn(const Session& session, const RunOptions& options,
                                   std::vector<workload::RequestClass> classes, const std::string& title,
                                   size_t runs_later) {
  terminal::ProgressBar bar(stderr, options.quiet ? terminal::Display::kNone : terminal::DisplayFor(stderr));
  return Measure({.options = options,
                  .target = session.target_server->target(),
                  .profiles = session.profiles,
                  .classes = std::move(classes),
                  .server = session.server,
                  .client = session.client.get(),
                  .stop_requested = StopRequested,
                  .watch = session.target_server->Watcher(),
                  .title = title,
                  .runs_later = runs_later},
                 &bar);
}

}  // namespace roberta::loadtest::console
