#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/security/guard.h"
#include "server/security/tls.h"

namespace roberta::security {

/// The content of a file of up to kMostCredentialsBytes. NotFound if it cannot be read, InvalidArgument if it is
/// another kind of file, such as a pipe, for which this does not wait, or too large.
absl::StatusOr<std::string> ReadSmallFile(const std::string& name);

/// Reads files together when they have changed. One thread at a time may call.
class WatchedFiles {
 public:
  explicit WatchedFiles(std::vector<std::string> names);

  /// The contents of all of them if one has changed since the last call, or at the first; else nothing. A file that was
  /// written to within the last seconds is read again, as its time may not show a later change. Errors are reported
  /// once as well: NotFound for what cannot be read, InvalidArgument for what is no file of up to
  /// kMostCredentialsBytes.
  absl::StatusOr<std::optional<std::vector<std::string>>> ReadIfChanged();

 private:
  /// What a file looks like from outside.
  struct Look {
    uint64_t device = 0, inode = 0;
    int64_t bytes = 0, changed_ns = 0;
    int error = 0;
    bool operator==(const Look&) const = default;
  };
  static Look LookAt(const std::string& name);

  const std::vector<std::string> names_;
  std::vector<Look> looks_;
  bool settled_ = false;                ///< the files are old enough that a change shows
  std::optional<Sha256> last_sha256_;   ///< of the last contents
  std::optional<absl::Status> failed_;  ///< the last error, if the last call was one
};

/// What SecurityFiles are read for.
enum class FileKind { kTls, kCredentials };
inline constexpr std::array<const char*, 2> kFileKindNames = {"tls", "credentials"};

/// What became of a change.
struct FileChange {
  FileKind kind;
  absl::Status status;                                           ///< an error if what was read is not used
  std::string line;                                              ///< the same in a line for the log
  std::optional<std::chrono::system_clock::time_point> expires;  ///< of a certificate that is used now
};

struct SecurityFilesOptions {
  std::string credentials_file;                            ///< empty: none
  std::string certificate_file, key_file, client_ca_file;  ///< PEM; without the first there is no TLS
  bool require_client_certificate = false;
  std::chrono::milliseconds interval{1000};  ///< how often they are looked at
  std::function<void(const FileChange&)> changed = [](const FileChange&) {};
};

/// Keeps a guard and the TLS material up to date with their files, on a thread of its own. What is wrong changes
/// nothing.
class SecurityFiles {
 public:
  /// Reads all files, which is the first change. Errors name the file: those of WatchedFiles, ParseCredentials and
  /// ReadTls. `guard` must outlive the result.
  static absl::StatusOr<std::unique_ptr<SecurityFiles>> Open(SecurityFilesOptions options, Guard* guard);

  /// From now on looks at the files, and tells of changes, on a thread of its own, until Stop.
  void Watch();
  void Stop() { watch_ = {}; }

  /// The material for the next handshake; nullptr if there is no TLS. Any thread may call.
  std::shared_ptr<const TlsMaterial> tls() const;

 private:
  SecurityFiles(SecurityFilesOptions options, Guard* guard);
  std::optional<FileChange> Refresh(FileKind kind);
  absl::StatusOr<FileChange> Use(FileKind kind, const std::vector<std::string>& contents);
  void WatchUntil(const std::stop_token& stop);

  const SecurityFilesOptions options_;
  Guard* const guard_;
  std::array<WatchedFiles, 2> files_;  ///< [FileKind]
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsMaterial> tls_;  ///< guarded by mutex_
  std::jthread watch_;                      ///< last: it uses the others
};

}  // namespace roberta::security
