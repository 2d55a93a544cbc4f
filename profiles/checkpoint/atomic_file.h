#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace roberta::checkpoint {

/// A file that appears under its name only when it is complete. Until Commit succeeds, the bytes are in a temporary
/// file beside it, which the destructor removes. One thread at a time. Errors name the file and what the system said.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status Append(absl::Span<const std::byte> bytes);
  /// Syncs the bytes to disk, and then renames the file to its name. Nothing may be appended afterwards.
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary_path, int descriptor);
  absl::Status Failure(const char* what) const;

  std::string path_;
  std::string temporary_path_;  ///< empty once there is nothing to remove
  int descriptor_;              ///< -1 once closed
};

}  // namespace roberta::checkpoint
