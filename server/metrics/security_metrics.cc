#include "server/metrics/security_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>

#include <limits>

namespace roberta::metrics {

SecurityMetrics::SecurityMetrics(prometheus::Registry* registry) {
  auto& failures = AddCounters(*registry, "roberta_authentication_failures_total",
                               "Number of calls whose caller was refused, by reason.");
  for (size_t i = 0; i < failures_.size(); ++i) failures_[i] = &failures.Add({{"reason", security::kFailureNames[i]}});
  auto& reads = AddCounters(*registry, "roberta_security_file_reads_total",
                            "Number of times that the TLS files or the credentials file were read because they are new "
                            "or have changed, by whether they are used.");
  for (size_t i = 0; i < reads_.size(); ++i) {
    for (size_t used = 0; used < 2; ++used) {
      reads_[i][used] =
          &reads.Add({{"files", security::kFileKindNames[i]}, {"outcome", used == 1 ? "used" : "refused"}});
    }
  }
  expiry_ = AddGauge(*registry, "roberta_tls_certificate_expiry_timestamp_seconds",
                     "When the certificate of the server expires, in seconds since 1970. It is NaN without TLS.");
  expiry_->Set(std::numeric_limits<double>::quiet_NaN());
}

void SecurityMetrics::CountFailure(security::Failure failure) {
  failures_[static_cast<size_t>(failure)]->Increment();
}

void SecurityMetrics::CountRead(security::FileKind kind, bool used) {
  reads_[static_cast<size_t>(kind)][used ? 1 : 0]->Increment();
}

void SecurityMetrics::SetExpiry(std::chrono::system_clock::time_point expires) {
  expiry_->Set(std::chrono::duration<double>(expires.time_since_epoch()).count());
}

}  // namespace roberta::metrics
