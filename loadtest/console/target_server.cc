#include "loadtest/console/target_server.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "loadtest/console/output.h"
#include "loadtest/target/http_get.h"
#include "profiles/terminal/progress.h"

namespace roberta::loadtest::console {

namespace {

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
  if (compared && std::find(profiles.begin(), profiles.end(), kBaseline) == profiles.end()) {
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

absl::StatusOr<std::unique_ptr<TargetServer>> TargetServer::Make(const RunOptions& options,
                                                                 const std::function<bool()>& stop_requested) {
  std::unique_ptr<TargetServer> made(new TargetServer);
  auto credentials = client::ReadCredentials(options.server.credentials);
  if (!credentials.ok()) return credentials.status();
  made->credentials_ = *std::move(credentials);
  made->target_ = options.target;
  made->metrics_ = options.server.metrics;
  if (!options.server.spawn.empty()) {
    if (absl::Status status = made->Spawn(options, stop_requested); !status.ok()) return status;
    made->target_ = made->process_->address();
    if (made->metrics_.empty()) made->metrics_ = made->process_->metrics_address();
  }
  made->metrics_are_guessed_ = made->metrics_.empty();
  if (made->metrics_are_guessed_) made->metrics_ = UsualMetricsAddress(options.target);
  if (made->metrics_ == kNoMetrics) made->metrics_.clear();
  return made;
}

absl::Status TargetServer::Spawn(const RunOptions& options, const std::function<bool()>& stop_requested) {
  const ServerOptions& wanted = options.server;
  const auto program = target::FindServerProgram(wanted.program);
  if (!program.ok()) return program.status();
  target::LaunchOptions launch;
  launch.program = *program;
  launch.flags = ServerFlags(wanted, ProfilesToLoad(options));
  // A file goes as a flag, by its own name, so that the server's errors have it.
  if (IsConfigText(wanted.config)) launch.config = wanted.config;
  launch.log_file = wanted.log;
  if (!wanted.cpus.empty()) {
    const auto cpus = target::ParseCpus(wanted.cpus);
    if (!cpus.ok()) return absl::InvalidArgumentError(absl::StrCat("--spawn-cpus: ", cpus.status().message()));
    launch.cpus = *cpus;
  }
  launch.timeout = std::chrono::milliseconds(static_cast<int64_t>(1000 * wanted.start_timeout_seconds));
  launch.stop_requested = stop_requested;
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
  return absl::Status(process.status().code(), absl::StrCat("the server did not start: ", process.status().message()));
}

TargetServer::~TargetServer() {
  if (process_ == nullptr) return;
  const absl::Status stopped = process_->Stop();
  if (!stopped.ok() && !end_is_told_) {
    Complain(absl::StrCat("the server did not stop in order: ", stopped.message()));
  }
}

Watch TargetServer::Watcher() const {
  return [this](std::chrono::nanoseconds run) -> std::function<void(record::RunRecord*)> {
    if (metrics_.empty()) {
      return [](record::RunRecord* record) {
        record->resources.missing = record->counters.missing = "the metrics page was not read";
      };
    }
    auto watch = std::make_shared<target::MetricsWatch>(metrics_, run);
    return [this, watch](record::RunRecord* record) { Book(watch->Stop(), record); };
  };
}

void TargetServer::Book(target::MetricsWatch::Seen seen, record::RunRecord* record) const {
  if (metrics_are_guessed_ && IsAnothers(seen.counters, record->result)) {
    seen = {};
    seen.resources.missing = seen.counters.missing =
        absl::StrCat("http://", metrics_, "/metrics is another server's; say --metrics HOST:PORT");
  }
  record->resources = std::move(seen.resources);
  record->counters = std::move(seen.counters);
}

std::string TargetServer::WhyLost() {
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
