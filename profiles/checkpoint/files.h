#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace roberta::checkpoint {

/// A regular file mapped read-only. It must not be shortened while it is mapped: a read past its new end kills the
/// process with SIGBUS. Replace files by renaming, as AtomicFile does. Immutable: any number of threads may read.
class MappedFile {
 public:
  /// Errors say what the system said, without the name of the file: NotFound, PermissionDenied, ...; InvalidArgument if
  /// it is not a regular file.
  static absl::StatusOr<std::unique_ptr<const MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Gives the pages that are in memory back to the system; they are read again when they are next looked at.
  void ReleasePages() const;

  const std::string& path() const { return path_; }
  absl::Span<const std::byte> bytes() const { return {data_, size_bytes_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_bytes_}; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size_bytes);

  std::string path_;
  const std::byte* data_;  ///< nullptr for an empty file
  size_t size_bytes_;
};

/// A whole text file as a string. InvalidArgument if it is larger than `most_bytes`; otherwise as MappedFile::Open.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t most_bytes);

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

/// Gives memory that is free, but held by the process, back to the system: what was packed leaves holes in the heap.
void ReturnFreeMemory();

/// A 64-bit hash of bytes that is the same in every process and on every machine, at the speed of memory. Chain calls
/// through `seed` to hash a sequence: lengths are part of the hash, so ("ab", "c") and ("a", "bc") differ. It
/// distinguishes versions; it does not resist someone who constructs collisions.
uint64_t ContentHash(absl::Span<const std::byte> bytes, uint64_t seed);
uint64_t ContentHash(std::string_view text, uint64_t seed);

}  // namespace roberta::checkpoint
