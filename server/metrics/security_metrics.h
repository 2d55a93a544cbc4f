#pragma once

#include <array>
#include <chrono>

#include "server/metrics/families.h"
#include "server/security/files.h"
#include "server/security/guard.h"

namespace roberta::metrics {

/// Who is refused, and the files that say who may call: authentication_failures_total, security_file_reads_total,
/// tls_certificate_expiry_timestamp_seconds. Any thread may call.
class SecurityMetrics {
 public:
  /// `registry` must outlive this.
  explicit SecurityMetrics(prometheus::Registry* registry);

  void CountFailure(security::Failure failure);
  /// Files were read because they are new or have changed, and are in use now, or are not because they are wrong.
  void CountRead(security::FileKind kind, bool used);
  /// It is NaN before.
  void SetExpiry(std::chrono::system_clock::time_point expires);

 private:
  std::array<prometheus::Counter*, security::kFailureNames.size()> failures_;
  std::array<std::array<prometheus::Counter*, 2>, security::kFileKindNames.size()> reads_;  ///< [kind][used]
  prometheus::Gauge* expiry_;
};

}  // namespace roberta::metrics
