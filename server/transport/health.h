#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "grpc/health/v1/health.pb.h"
#include "server/transport/raw_service.h"

namespace roberta::transport {

/// grpc.health.v1: whether the server (""), its services and its profiles ("profile/baseline") are served. Its calls
/// need no role and wait for nothing. Must outlive the server that it is registered with. Any thread may call.
class HealthService final : public RawService {
 public:
  static constexpr size_t kMostWatches = 65536;           ///< at once; further ones end with RESOURCE_EXHAUSTED
  static constexpr size_t kMostWatchesOfConnection = 16;  ///< likewise; Unix sockets may have any number

  HealthService();

  /// What `service` is from now on. Its watches send that.
  void Set(const std::string& service, bool serving);
  /// From now on all that is known is NOT_SERVING, whatever is set.
  void Stop();
  /// Ends the watches, and those that come later, with UNAVAILABLE.
  void EndWatches();

 private:
  class Watch;
  using Lock = std::unique_lock<std::mutex>;
  using ServingStatus = grpc::health::v1::HealthCheckResponse::ServingStatus;

  std::optional<ServingStatus> StatusOf(std::string_view service) const;
  absl::Status Add(Watch* watch);
  void Remove(Watch* watch);
  void StepAll();

  std::mutex mutex_;                                  ///< guards all that follows
  std::map<std::string, bool, std::less<>> serving_;  ///< by the name of the service
  std::set<Watch*, std::less<>> watches_;
  std::map<std::string, size_t> per_connection_;  ///< watches, by grpc::ServerContextBase::peer
  bool stopped_ = false;
  bool ended_ = false;
};

}  // namespace roberta::transport
