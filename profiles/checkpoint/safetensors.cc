#include "profiles/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/problem.h"
#include "profiles/checkpoint/safetensors_header.h"
#include "profiles/json/quoted.h"

namespace roberta::checkpoint {
namespace {

constexpr uint64_t kPrefixBytes = 8;

/// The header's text, within the bytes of the file.
absl::StatusOr<std::string_view> HeaderText(absl::Span<const std::byte> bytes) {
  if (bytes.size() < kPrefixBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("is ", bytes.size(), " bytes long; a safetensors file has at least 8"));
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kPrefixBytes);
  if (length > kLongestHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("header length is ", length, " bytes; at most ", kLongestHeaderBytes, " are allowed"));
  }
  if (length > bytes.size() - kPrefixBytes) {
    return absl::InvalidArgumentError(absl::StrCat("header length is ", length, " bytes, but only ",
                                                   bytes.size() - kPrefixBytes, " follow: the file is cut short"));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data() + kPrefixBytes), length);
  if (text.empty() || text.front() != '{') return absl::InvalidArgumentError("header: must begin with {");
  return text;
}

/// Checks `tensor` against the end of its predecessor's data and the size of all data.
absl::Status CheckRange(const TensorDeclaration& tensor, uint64_t previous_end_bytes, uint64_t data_bytes) {
  const std::string where = absl::StrCat("tensor ", json::Quoted(tensor.name), ": field \"data_offsets\" is [",
                                         tensor.begin_bytes, ", ", tensor.end_bytes, "], ");
  const auto shape_bytes = ShapeBytes(tensor.dtype, tensor.shape);
  if (!shape_bytes)
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", json::Quoted(tensor.name), ": field \"shape\" overflows"));
  if (tensor.end_bytes < tensor.begin_bytes)
    return absl::InvalidArgumentError(absl::StrCat(where, "which ends before it begins"));
  if (tensor.end_bytes > data_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(where, "but the file has ", data_bytes, " bytes of data"));
  }
  if (tensor.end_bytes - tensor.begin_bytes != *shape_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(where, "but dtype and shape take ", *shape_bytes, " bytes"));
  }
  if (tensor.begin_bytes != previous_end_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, tensor.begin_bytes < previous_end_bytes ? "which overlaps" : "which leaves a gap after",
                     " the tensor before it, whose data end at ", previous_end_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafetensorsFile> ParseSafetensors(absl::Span<const std::byte> bytes) {
  const auto text = HeaderText(bytes);
  if (!text.ok()) return text.status();
  auto header = ParseSafetensorsHeader(*text);
  if (!header.ok()) return header.status();
  std::sort(header->tensors.begin(), header->tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin_bytes, a.end_bytes, a.name) < std::tie(b.begin_bytes, b.end_bytes, b.name);
  });
  const absl::Span<const std::byte> data = bytes.subspan(kPrefixBytes + text->size());
  SafetensorsFile file;
  file.metadata = std::move(header->metadata);
  file.tensors.reserve(header->tensors.size());
  uint64_t covered_bytes = 0;
  for (TensorDeclaration& tensor : header->tensors) {
    if (const absl::Status status = CheckRange(tensor, covered_bytes, data.size()); !status.ok()) return status;
    covered_bytes = tensor.end_bytes;
    file.tensors.push_back(TensorView{std::move(tensor.name), tensor.dtype, std::move(tensor.shape),
                                      data.subspan(tensor.begin_bytes, tensor.end_bytes - tensor.begin_bytes)});
  }
  if (covered_bytes != data.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", data.size(), " bytes of data, but its tensors end at ", covered_bytes));
  }
  return file;
}

}  // namespace roberta::checkpoint
