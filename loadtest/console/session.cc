#include "loadtest/console/session.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "client/client.h"
#include "loadtest/console/output.h"
#include "loadtest/target/metrics_page.h"
#include "loadtest/target/metrics_watch.h"
#include "profiles/errors/errors.h"

namespace roberta::loadtest::console {

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
    return errors::FailedPrecondition("profile ", wanted, " is ", v1::ProfileState_Name(info.state()),
                                      info.reason().empty() ? "" : absl::StrCat(": ", info.reason()));
  }
  return errors::NotFound("the server has no profile \"", wanted, "\"; it has ", absl::StrJoin(names, ", "));
}

using record::kBaseline;

constexpr std::chrono::milliseconds kHttpProbe(1000);

/// A line of the server's log without its time and level.
std::string_view MessageOf(std::string_view line) {
  if (line.empty() || std::isdigit(static_cast<unsigned char>(line.front())) == 0) return line;
  for (int word = 0; word < 2; ++word) {
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos) return line;
    line.remove_prefix(blank + 1);
  }
  return line;
}

/// Answers are compared with baseline's, so that is there as well, unless a config says which profiles there are.
std::vector<std::string> ProfilesToLoad(const RunOptions& options) {
  std::vector<std::string> profiles = options.profiles;
  const bool compared = !profiles.empty() && !options.no_quality && options.server.config.empty();
  if (compared && std::ranges::find(profiles, kBaseline) == profiles.end()) {
    profiles.emplace_back(kBaseline);
  }
  return profiles;
}

/// What to look at where one side speaks TLS and the other does not.
const char* TlsHint(const std::string& message) {
  if (absl::StrContains(message, "Socket closed")) return "; if it speaks TLS, say --tls";
  if (absl::StrContains(message, "wrong version number")) return "; it speaks no TLS";
  return "";
}

/// Of a page that was only guessed to be the target's: it must have counted what the target answered.
bool IsAnothers(const record::ServerCounters& counters, const runner::RunResult& result) {
  const int64_t answered =
      result.Total().Count(stats::Outcome::kAnswered) + result.warm_up.Count(stats::Outcome::kAnswered);
  return counters.missing.empty() && counters.answered < answered / 2;
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
    RETURN_IF_ERROR(CheckProfile(*list, profile));
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
    if (std::ranges::find(profiles, name) == profiles.end()) profiles.push_back(name);
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

std::unique_ptr<Session> Session::Open(const RunOptions& options, int* exit_code) {
  std::unique_ptr<Session> session(new Session);
  const int connected = session->Connect(options);
  if (connected == kValid) return session;
  *exit_code = connected;
  return nullptr;
}

int Session::Connect(const RunOptions& options) {
  if (const absl::Status found = FindServer(options); !found.ok()) {
    if (absl::IsCancelled(found)) return Complain(found, kInterrupted);
    return Complain(found, absl::IsDeadlineExceeded(found) ? kServerUnreachable : kSomethingFailed);
  }
  auto server = DescribeServer(target_, options.profiles, credentials_);
  if (!server.ok()) return ComplainOfServer(target_, server.status());
  server_ = *std::move(server);
  auto profiles = ProfilesToMeasure(options.profiles, server_);
  if (!profiles.ok()) return Complain(profiles.status());
  profiles_ = *std::move(profiles);
  client_ = std::make_unique<client::DirectClient>(
      client::DirectOptions{.address = target_, .connections = ConnectionsOf(options), .credentials = credentials_});
  const absl::Status connected = client_->Connect(kTimeout);
  return connected.ok() ? kValid : ComplainOfServer(target_, connected);
}

absl::Status Session::FindServer(const RunOptions& options) {
  const std::string address = options.server.spawn.empty() ? options.target : "127.0.0.1:0";
  ASSIGN_OR_RETURN(credentials_, client::ReadCredentials(options.server.credentials, address));
  target_ = options.target;
  metrics_ = options.server.metrics;
  if (!options.server.spawn.empty()) {
    RETURN_IF_ERROR(Spawn(options));
    target_ = process_->address();
    if (metrics_.empty()) metrics_ = process_->metrics_address();
  }
  metrics_are_guessed_ = metrics_.empty();
  if (metrics_are_guessed_) metrics_ = UsualMetricsAddress(options.target);
  if (metrics_ == kNoMetrics) metrics_.clear();
  return absl::OkStatus();
}

absl::Status Session::Spawn(const RunOptions& options) {
  const ServerOptions& wanted = options.server;
  target::LaunchOptions launch;
  ASSIGN_OR_RETURN(launch.program, target::FindServerProgram(wanted.program));
  launch.flags = ServerFlags(wanted, ProfilesToLoad(options));
  // A file goes as a flag, by its own name, so that the server's errors have it.
  if (IsConfigText(wanted.config)) launch.config = wanted.config;
  launch.log_file = wanted.log;
  if (!wanted.cpus.empty()) {
    const auto cpus = target::ParseCpus(wanted.cpus);
    if (!cpus.ok()) return errors::In("--spawn-cpus", cpus.status());
    launch.cpus = *cpus;
  }
  launch.timeout = std::chrono::milliseconds(static_cast<int64_t>(1000 * wanted.start_timeout_seconds));
  launch.stop_requested = terminal::StopRequested;
  terminal::ProgressBar bar(stderr, options.quiet ? terminal::Display::kNone : terminal::DisplayFor(stderr));
  launch.on_line = [&](const std::string& line) {
    bar.Update(absl::StrCat("starting the server: ", std::string(MessageOf(line))), 0, 0);
  };
  auto process = target::ServerProcess::Start(launch);
  if (process.ok()) {
    process_ = *std::move(process);
    return absl::OkStatus();
  }
  if (absl::IsCancelled(process.status())) return process.status();
  return errors::In("the server did not start", process.status());
}

Session::~Session() {
  client_.reset();  // before the server that it is connected to
  if (process_ == nullptr) return;
  const absl::Status stopped = process_->Stop();
  if (!stopped.ok() && !end_is_told_) {
    Complain(absl::StrCat("the server did not stop in order: ", stopped.message()));
  }
}

std::function<void(record::RunRecord*)> Session::WatchRun(std::chrono::nanoseconds longest) const {
  if (metrics_.empty()) {
    return [](record::RunRecord* record) {
      record->resources.missing = record->counters.missing = "the metrics page was not read";
    };
  }
  auto watch = std::make_shared<target::MetricsWatch>(metrics_, longest);
  return [this, watch](record::RunRecord* record) {
    target::MetricsWatch::Seen seen = watch->Stop();
    if (metrics_are_guessed_ && IsAnothers(seen.counters, record->result)) {
      seen = {};
      seen.resources.missing = seen.counters.missing =
          absl::StrCat("http://", metrics_, "/metrics is another server's; say --metrics HOST:PORT");
    }
    record->resources = std::move(seen.resources);
    record->counters = std::move(seen.counters);
  };
}

absl::StatusOr<Measured> Session::Measure(const RunOptions& options, std::vector<workload::RequestClass> classes,
                                          const std::string& title, size_t runs_later) const {
  terminal::ProgressBar bar(stderr, options.quiet ? terminal::Display::kNone : terminal::DisplayFor(stderr));
  return console::Measure({.options = options,
                           .target = target_,
                           .profiles = profiles_,
                           .classes = std::move(classes),
                           .server = server_,
                           .client = client_.get(),
                           .stop_requested = terminal::StopRequested,
                           .watch = [this](std::chrono::nanoseconds longest) { return WatchRun(longest); },
                           .title = title,
                           .runs_later = runs_later},
                          &bar);
}

std::string Session::WhyLost() {
  const absl::Status running = process_ == nullptr ? absl::OkStatus() : process_->CheckRunning();
  end_is_told_ = !running.ok();
  if (!running.ok()) return absl::StrCat("the server was lost: ", running.message());
  return absl::StrCat("the server was lost: ", target_, " has been UNAVAILABLE for seconds");
}

int ComplainOfServer(const std::string& target, const absl::Status& status) {
  const std::string message(status.message());
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return Complain(message);
  // gRPC's own words for that are of no help.
  if (target::SpeaksHttp1(target, kHttpProbe)) {
    return Complain(absl::StrCat("cannot reach ", target, ": an HTTP server answers there, which speaks no gRPC"),
                    kServerUnreachable);
  }
  return Complain(absl::StrCat("cannot reach ", target, ": ", message, TlsHint(message)), kServerUnreachable);
}

}  // namespace roberta::loadtest::console
