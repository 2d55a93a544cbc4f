#include "profiles/checkpoint/writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "profiles/checkpoint/atomic_file.h"
#include "profiles/checkpoint/problem.h"
#include "profiles/checkpoint/safetensors_header.h"
#include "profiles/json/quoted.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kHeaderAlignmentBytes = 8;

absl::Status CheckTensors(absl::Span<const TensorView> tensors) {
  std::set<std::string_view> names;
  for (const TensorView& tensor : tensors) {
    const std::string where = absl::StrCat("tensor ", json::Quoted(tensor.name), ": ");
    if (!IsValidTensorName(tensor.name)) return absl::InvalidArgumentError(where + "not a name for a tensor");
    if (!names.insert(tensor.name).second) return absl::InvalidArgumentError(where + "occurs twice");
    const auto shape_bytes = ShapeBytes(tensor.dtype, tensor.shape);
    if (shape_bytes != tensor.data.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, "has ", tensor.data.size(), " bytes, which is not the size of ",
                       std::string(DtypeName(tensor.dtype)), " ", ShapeText(tensor.shape)));
    }
  }
  return absl::OkStatus();
}

std::vector<const TensorView*> FileOrder(absl::Span<const TensorView> tensors) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return DtypeBytes(a->dtype) > DtypeBytes(b->dtype); });
  return order;
}

absl::StatusOr<std::string> HeaderText(const std::vector<const TensorView*>& order,
                                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t begin_bytes = 0;
  for (const TensorView* tensor : order) {
    const uint64_t end_bytes = begin_bytes + tensor->data.size();
    header[tensor->name] = {
        {"dtype", DtypeName(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {begin_bytes, end_bytes}}};
    begin_bytes = end_bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError("a tensor name or the metadata is not UTF-8");
  }
  text.resize((text.size() + kHeaderAlignmentBytes - 1) / kHeaderAlignmentBytes * kHeaderAlignmentBytes, ' ');
  return text;
}

absl::Span<const std::byte> BytesOf(const void* data, size_t size_bytes) {
  return {static_cast<const std::byte*>(data), size_bytes};
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path, absl::Span<const TensorView> tensors,
                              const std::map<std::string, std::string>& metadata) {
  absl::Status status = CheckTensors(tensors);
  const std::vector<const TensorView*> order = FileOrder(tensors);
  const auto header = status.ok() ? HeaderText(order, metadata) : status;
  if (!header.ok()) return absl::Status(header.status().code(), absl::StrCat(path, ": ", header.status().message()));
  const uint64_t header_bytes = header->size();
  auto file = AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  status = file->Append(BytesOf(&header_bytes, sizeof header_bytes));
  if (status.ok()) status = file->Append(BytesOf(header->data(), header->size()));
  for (const TensorView* tensor : order) {
    if (status.ok()) status = file->Append(tensor->data);
  }
  return status.ok() ? file->Commit() : status;
}

}  // namespace roberta::checkpoint
