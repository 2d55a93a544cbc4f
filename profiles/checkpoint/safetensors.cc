#include "profiles/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMetadataName = "__metadata__";

/// A tensor, and where its data are, within what follows the header.
struct Declaration {
  TensorView tensor;  ///< without its data
  uint64_t begin_bytes = 0;
  uint64_t end_bytes = 0;
};

/// The elements of an array of integers from 0 to 2^63 - 1; nullopt for anything else.
std::optional<std::vector<int64_t>> Integers(const Json& value) {
  std::vector<int64_t> integers;
  for (const Json& one : value) {
    if (!one.is_number_unsigned() || one.get<int64_t>() < 0) return std::nullopt;
    integers.push_back(one.get<int64_t>());
  }
  return value.is_array() ? std::optional(integers) : std::nullopt;
}

/// As for the safetensors library, fields that the format does not have may hold anything.
absl::StatusOr<Declaration> ReadDeclaration(const std::string& name, const Json& entry) {
  const auto wrong = [&](const char* field, const char* wanted) {
    const Json value = entry.is_object() ? entry.value(field, Json()) : entry;
    return errors::InvalidArgument("header: tensor ", json::Quoted(name), ": field \"", field, "\" is ",
                                   json::ShownValue(value), "; it must be ", wanted);
  };
  if (!entry.is_object()) return wrong("dtype", "in an object");
  const Json dtype_name = entry.value("dtype", Json());
  const auto dtype = dtype_name.is_string() ? DtypeFromName(dtype_name.get_ref<const std::string&>()) : std::nullopt;
  if (!dtype) return wrong("dtype", "a type of the format");
  const auto shape = Integers(entry.value("shape", Json())), offsets = Integers(entry.value("data_offsets", Json()));
  if (!shape) return wrong("shape", "an array of integers from 0 to 2^63 - 1");
  if (!offsets || offsets->size() != 2) return wrong("data_offsets", "an array of two integers from 0 to 2^63 - 1");
  return Declaration{
      {name, *dtype, *shape, {}}, static_cast<uint64_t>((*offsets)[0]), static_cast<uint64_t>((*offsets)[1])};
}

absl::StatusOr<std::map<std::string, std::string>> ReadMetadata(const Json& entry) {
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : entry.items()) {
    if (value.is_string()) metadata[key] = value.get<std::string>();
  }
  if (entry.is_null() || (entry.is_object() && metadata.size() == entry.size())) return metadata;
  return errors::InvalidArgument("header: ", kMetadataName, " is ", json::ShownValue(entry),
                                 "; it must be an object of strings");
}

constexpr uint64_t kPrefixBytes = 8;

/// The header's text, within the bytes of the file.
absl::StatusOr<std::string_view> HeaderText(absl::Span<const std::byte> bytes) {
  const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view mistaken = json::MistakenContent(file.substr(0, 256));
  if (!mistaken.empty()) return errors::InvalidArgument("is ", mistaken);
  if (bytes.size() < kPrefixBytes) {
    return errors::InvalidArgument("is ", bytes.size(), " bytes long; a safetensors file has at least 8");
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kPrefixBytes);
  if (length > kLongestHeaderBytes) {
    return errors::InvalidArgument("header length is ", length, " bytes; at most ", kLongestHeaderBytes,
                                   " are allowed: the file begins with ", json::Quoted(file.substr(0, 24)));
  }
  if (length > bytes.size() - kPrefixBytes) {
    return errors::InvalidArgument("header length is ", length, " bytes, but only ", bytes.size() - kPrefixBytes,
                                   " follow: the file is cut short");
  }
  return file.substr(kPrefixBytes, length);
}

/// Checks `tensor` against the end of its predecessor's data and the size of all data.
absl::Status CheckRange(const Declaration& tensor, uint64_t previous_end_bytes, uint64_t data_bytes) {
  const std::string name = json::Quoted(tensor.tensor.name);
  const std::string where =
      absl::StrCat("tensor ", name, ": field \"data_offsets\" is [", tensor.begin_bytes, ", ", tensor.end_bytes, "], ");
  const auto shape_bytes = ShapeBytes(tensor.tensor.dtype, tensor.tensor.shape);
  if (!shape_bytes) return errors::InvalidArgument("tensor ", name, ": field \"shape\" overflows or ends in a byte");
  if (tensor.end_bytes < tensor.begin_bytes) return errors::InvalidArgument(where, "which ends before it begins");
  if (tensor.end_bytes > data_bytes) {
    return errors::InvalidArgument(where, "but the file has ", data_bytes, " bytes of data: it is cut short");
  }
  if (tensor.end_bytes - tensor.begin_bytes != *shape_bytes) {
    return errors::InvalidArgument(where, "but dtype and shape take ", *shape_bytes, " bytes");
  }
  if (tensor.begin_bytes != previous_end_bytes) {
    return errors::InvalidArgument(
        where, tensor.begin_bytes < previous_end_bytes ? "which overlaps" : "which leaves a gap after",
        " the tensor before it, whose data end at ", previous_end_bytes);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafetensorsFile> ParseSafetensors(absl::Span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(const auto text, HeaderText(bytes));
  const auto header = json::ParseStrictJson(text);
  if (!header.ok()) return errors::InvalidArgument("header: ", header.status().message());
  if (!header->is_object()) return errors::InvalidArgument("header: is ", json::ShownValue(*header), ", not an object");
  SafetensorsFile file;
  std::vector<Declaration> declared;
  for (const auto& [name, entry] : header->items()) {
    if (name == kMetadataName) {
      ASSIGN_OR_RETURN(file.metadata, ReadMetadata(entry));
    } else {
      ASSIGN_OR_RETURN(declared.emplace_back(), ReadDeclaration(name, entry));
    }
  }
  std::ranges::sort(declared, {},
                    [](const Declaration& one) { return std::tie(one.begin_bytes, one.end_bytes, one.tensor.name); });
  const absl::Span<const std::byte> data = bytes.subspan(kPrefixBytes + text.size());
  uint64_t covered_bytes = 0;
  for (Declaration& one : declared) {
    RETURN_IF_ERROR(CheckRange(one, covered_bytes, data.size()));
    covered_bytes = one.end_bytes;
    one.tensor.data = data.subspan(one.begin_bytes, one.end_bytes - one.begin_bytes);
    file.tensors.push_back(std::move(one.tensor));
  }
  if (covered_bytes != data.size()) {
    return errors::InvalidArgument("has ", data.size(), " bytes of data, but its tensors end at ", covered_bytes);
  }
  return file;
}

}  // namespace roberta::checkpoint
