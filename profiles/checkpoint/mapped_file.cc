#include "profiles/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace roberta::checkpoint {
namespace {

struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

}  // namespace

MappedFile::MappedFile(std::string path, const std::byte* data, size_t size_bytes)
    : path_(std::move(path)), data_(data), size_bytes_(size_bytes) {}

void MappedFile::ReleasePages() const {
  if (data_ != nullptr) madvise(const_cast<std::byte*>(data_), size_bytes_, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_bytes_);
}

absl::StatusOr<std::unique_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that stands where a file should would otherwise wait for a writer forever.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return absl::ErrnoToStatus(errno, "cannot open");
  struct stat status {};
  if (fstat(file.number, &status) != 0) return absl::ErrnoToStatus(errno, "cannot read its size");
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError("not a regular file");
  const auto size_bytes = static_cast<size_t>(status.st_size);
  void* data = nullptr;
  if (size_bytes > 0) {
    data = mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, file.number, 0);
    if (data == MAP_FAILED) return absl::ErrnoToStatus(errno, "cannot map");
  }
  return std::unique_ptr<const MappedFile>(new MappedFile(path, static_cast<const std::byte*>(data), size_bytes));
}

absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t most_bytes) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const std::string_view text = (*file)->text();
  if (text.size() > most_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("is ", text.size(), " bytes long; at most ", most_bytes, " are read"));
  }
  return std::string(text);
}

}  // namespace roberta::checkpoint
