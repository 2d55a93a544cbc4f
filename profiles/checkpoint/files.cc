#include "profiles/checkpoint/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "profiles/errors/errors.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace roberta::checkpoint {
namespace {

struct Descriptor {
  int number = -1;
  ~Descriptor() {
    if (number >= 0) close(number);
  }
};

constexpr int kMostAttempts = 100;

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// A name that no other thread or running process uses. A file of that name can only be left from a crash.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return absl::StrCat(path, ".tmp-", getpid(), "-", counter.fetch_add(1));
}

__extension__ typedef unsigned __int128 Uint128;

constexpr size_t kLanes = 4;  // independent chains, so that multiplications overlap in the pipeline
constexpr size_t kLaneBytes = 16;
constexpr size_t kBlockBytes = kLanes * kLaneBytes;

// Fractional bits of the square roots of 2, 3, 5 and 7: odd or not, they only have to be unrelated to each other.
constexpr uint64_t kSalt[kLanes] = {0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1};

uint64_t Load(const std::byte* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Folds the 128-bit product, so that every input bit reaches both halves of the result.
uint64_t Fold(uint64_t a, uint64_t b) {
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

void MixBlock(const std::byte* block, std::array<uint64_t, kLanes>* lanes) {
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const uint64_t low = Load(block + lane * kLaneBytes);
    const uint64_t high = Load(block + lane * kLaneBytes + 8);
    // Adding the words again keeps them in the state even where a factor happens to be zero.
    uint64_t& state = (*lanes)[lane];
    state = Fold(state ^ low, kSalt[lane] ^ high) + (low ^ (high << 32 | high >> 32));
  }
}

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
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const std::string_view text = file->text();
  if (text.size() > most_bytes) {
    return errors::InvalidArgument("is ", text.size(), " bytes long; at most ", most_bytes, " are read");
  }
  return std::string(text);
}

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path) {
  for (int attempt = 0;; ++attempt) {
    std::string temporary_path = TemporaryName(path);
    const int descriptor = open(temporary_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return AtomicFile(path, std::move(temporary_path), descriptor);
    if (errno != EEXIST || attempt == kMostAttempts) {
      return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot create a file beside it"));
    }
  }
}

AtomicFile::AtomicFile(std::string path, std::string temporary_path, int descriptor)
    : path_(std::move(path)), temporary_path_(std::move(temporary_path)), descriptor_(descriptor) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::exchange(other.temporary_path_, "")),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

absl::Status AtomicFile::Failure(const char* what) const {
  return absl::ErrnoToStatus(errno, absl::StrCat(path_, ": ", what));
}

absl::Status AtomicFile::Append(absl::Span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failure("cannot write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Commit() {
  if (fsync(descriptor_) != 0) return Failure("cannot sync to disk");
  if (close(std::exchange(descriptor_, -1)) != 0) return Failure("cannot close");
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) return Failure("cannot rename a temporary file to it");
  temporary_path_.clear();
  // Only now is the name durable too. That is best effort: not every file system can sync a directory, and the file is
  // complete.
  const int directory = open(DirectoryOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    fsync(directory);
    close(directory);
  }
  return absl::OkStatus();
}

void ReturnFreeMemory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

uint64_t ContentHash(absl::Span<const std::byte> bytes, uint64_t seed) {
  std::array<uint64_t, kLanes> lanes;
  for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = seed + kSalt[lane];
  const size_t whole_bytes = bytes.size() / kBlockBytes * kBlockBytes;
  for (size_t at = 0; at < whole_bytes; at += kBlockBytes) MixBlock(bytes.data() + at, &lanes);
  if (const size_t rest_bytes = bytes.size() - whole_bytes; rest_bytes > 0) {
    std::array<std::byte, kBlockBytes> padded{};
    std::memcpy(padded.data(), bytes.data() + whole_bytes, rest_bytes);
    MixBlock(padded.data(), &lanes);
  }
  uint64_t hash = Fold(seed ^ kSalt[1], bytes.size() ^ kSalt[2]);
  for (const uint64_t lane : lanes) hash = Fold(hash ^ lane, kSalt[0] ^ (lane >> 29)) + lane;
  return hash ^ (hash >> 32);
}

uint64_t ContentHash(std::string_view text, uint64_t seed) {
  return ContentHash({reinterpret_cast<const std::byte*>(text.data()), text.size()}, seed);
}

}  // namespace roberta::checkpoint
