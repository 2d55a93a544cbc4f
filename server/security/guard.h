#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/security/credentials.h"
#include "server/security/role.h"

namespace roberta::security {

/// What a caller shows of itself.
struct Presented {
  std::optional<std::string_view> authorization;  ///< the only header or metadata of that name; empty if there are more
  bool has_certificate = false;                   ///< one that a client CA of ours has signed
  std::vector<std::string_view> identities;       ///< of that certificate: alternative names and the common name
};

/// Why a caller is refused.
enum class Failure {
  kMissing,             ///< no credentials came, and what is asked for needs some
  kUnknownToken,        ///< no entry has it
  kMalformed,           ///< not one "Bearer TOKEN"
  kUnknownCertificate,  ///< of a CA of ours, but no entry has one of its names, and what is asked for needs one
  kNotPermitted,        ///< the caller is known; its role is not enough
};

/// In the order of Failure: values of the label `reason` of metrics.
inline constexpr std::array<const char*, 5> kFailureNames = {"missing", "unknown_token", "malformed",
                                                             "unknown_certificate", "not_permitted"};

struct Decision {
  std::shared_ptr<const Caller> caller;  ///< never nullptr; the anonymous where nobody is known
  std::optional<Failure> failure;        ///< set: the call is refused
};

/// How long the answer to a refused call waits, with the place that it takes meanwhile.
struct Delay {
  std::chrono::milliseconds length{0};  ///< 0: it does not wait
  std::shared_ptr<const void> place;    ///< to be kept for so long
};

struct GuardOptions {
  Role anonymous_role = Role::kAdmin;  ///< of callers without credentials
  bool certificates = false;           ///< connections may have verified certificates: Presented has theirs
  std::chrono::milliseconds failure_delay{250};
  size_t max_delayed_failures = 256;                     ///< answers that wait at a time; beyond that they do not wait
  std::function<void(Failure)> failed = [](Failure) {};  ///< counts; any thread, and must not block
};

/// Decides who calls and what they may do. A token is looked up by its SHA-256 in time that does not depend on it. Any
/// thread may call; nothing blocks.
class Guard {
 public:
  explicit Guard(GuardOptions options);

  bool looks_at_certificates() const { return options_.certificates; }

  /// From now on these are the credentials; one thread at a time. Before the first time there are none: everybody is
  /// anonymous, and a header is not looked at.
  void Use(const Credentials& credentials);

  /// Whether who shows `presented` may do what needs the role. The header counts before the certificate. For kNone
  /// nothing is looked at, and everybody is anonymous. Counts failures.
  Decision Check(const Presented& presented, Role needed) const;

  /// The delay of the answer to a call of that peer (see sockets::PeerOf) whose credentials failed, which makes
  /// guessing slow; one peer has an eighth of the delays, and so cannot take all. Callers that are known need none. The
  /// caller waits by a timer of its own and answers then.
  Delay TakeDelay(const std::string& peer) const;

 private:
  struct Table;
  struct Delayed;

  std::shared_ptr<const Table> table() const;
  Decision Authenticate(const Presented& presented) const;
  Decision ByToken(const Table& table, std::string_view authorization) const;

  const GuardOptions options_;
  const std::shared_ptr<const Caller> anonymous_;
  const std::shared_ptr<const Caller> certified_;  ///< anonymous with a certificate
  const std::shared_ptr<Delayed> delayed_;         ///< places in it may outlive this
  /// Held for as long as it takes to copy or to swap a pointer. (libstdc++ 12's atomic shared_ptr is a spinlock, too,
  /// and has a data race.)
  mutable std::mutex mutex_;
  std::shared_ptr<const Table> table_;  ///< guarded by mutex_
};

}  // namespace roberta::security
