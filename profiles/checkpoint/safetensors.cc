#include "profiles/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "profiles/errors/errors.h"
#include "profiles/json/strict_json.h"

namespace roberta::checkpoint {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kMetadataName = "__metadata__";

/// A tensor as the header of a safetensors file declares it. Nothing but the types of the fields has been checked.
struct TensorDeclaration {
  std::string name;
  Dtype dtype = Dtype::kF32;
  std::vector<int64_t> shape;  ///< no dimension is negative
  uint64_t begin_bytes = 0;    ///< within the data that follows the header
  uint64_t end_bytes = 0;
};

struct SafetensorsHeader {
  std::vector<TensorDeclaration> tensors;  ///< in the order of the text
  std::map<std::string, std::string> metadata;
};

/// What may come next. A header has one shape only, so every state takes one kind of value.
enum class State {
  kStart,
  kTop,
  kTensorBegin,
  kTensor,
  kDtype,
  kShapeBegin,
  kShape,
  kOffsetsBegin,
  kOffsets,
  kMetadataBegin,
  kMetadata,
  kMetadataValue,
  kUnknownField,
  kDone
};

std::string_view Wanted(State state) {
  switch (state) {
    case State::kStart:
      return "the header must be an object";
    case State::kTensorBegin:
      return "must be an object with dtype, shape and data_offsets";
    case State::kDtype:
      return "field \"dtype\" must be a string";
    case State::kShapeBegin:
    case State::kShape:
      return "field \"shape\" must be an array of integers from 0 to 2^63 - 1";
    case State::kOffsetsBegin:
    case State::kOffsets:
      return "field \"data_offsets\" must be an array of two non-negative integers";
    case State::kMetadataBegin:
    case State::kMetadataValue:
      return "must be an object of strings";
    default:
      return "the header ends with its object";
  }
}

/// Reads the JSON of a header as its parser goes, without building a tree of it: memory stays in proportion to the
/// tensors declared. Wrong are a tensor or field twice and a field that is missing or of another type or range. As for
/// the safetensors library, metadata may be null, and fields that the format does not have may hold anything.
class HeaderBuilder final : public nlohmann::json_sax<Json> {
 public:
  SafetensorsHeader TakeHeader() { return std::move(header_); }
  const std::string& error() const { return error_; }

  bool null() override { return state_ == State::kMetadataBegin ? Go(State::kTop) : Unexpected("null"); }
  bool boolean(bool value) override { return Unexpected(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return Unexpected(absl::StrCat(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Unexpected(text); }
  bool binary(binary_t&) override { return Unexpected("binary"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::kShape && value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      tensor_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (state_ == State::kOffsets && offsets_.size() < 2) {
      offsets_.push_back(value);
      return true;
    }
    return Unexpected(absl::StrCat(value));
  }
  bool string(string_t& value) override {
    if (state_ == State::kMetadataValue) {
      header_.metadata[std::move(metadata_key_)] = std::move(value);
      return Go(State::kMetadata);
    }
    if (state_ != State::kDtype) return Unexpected(value);
    const std::optional<Dtype> dtype = DtypeFromName(value);
    if (!dtype)
      return Fail(absl::StrCat("field \"dtype\" is ", json::Quoted(value), ", which is no type of the format"));
    tensor_.dtype = *dtype;
    return Go(State::kTensor);
  }
  bool start_object(std::size_t) override {
    if (state_ == State::kUnknownField) return Skip(1);
    if (state_ == State::kStart) return Go(State::kTop);
    if (state_ == State::kMetadataBegin) return Go(State::kMetadata);
    if (state_ != State::kTensorBegin) return Unexpected("{");
    tensor_ = TensorDeclaration{};
    tensor_.name = name_;
    fields_.clear();
    offsets_.clear();
    return Go(State::kTensor);
  }
  bool key(string_t& name) override {
    if (state_ == State::kUnknownField) return true;
    if (state_ == State::kTop) return TopKey(name);
    return state_ == State::kTensor ? TensorKey(name) : MetadataKey(name);
  }
  bool end_object() override {
    if (state_ == State::kUnknownField) return Skip(-1);
    if (state_ == State::kTop) return Go(State::kDone);
    if (state_ == State::kMetadata) return Go(State::kTop);
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (fields_.count(field) == 0) return Fail(absl::StrCat("field \"", field, "\" is missing"));
    }
    tensor_.begin_bytes = offsets_[0];
    tensor_.end_bytes = offsets_[1];
    header_.tensors.push_back(std::move(tensor_));
    return Go(State::kTop);
  }
  bool start_array(std::size_t) override {
    if (state_ == State::kUnknownField) return Skip(1);
    if (state_ == State::kShapeBegin) return Go(State::kShape);
    if (state_ == State::kOffsetsBegin) return Go(State::kOffsets);
    return Unexpected("[");
  }
  bool end_array() override {
    if (state_ == State::kUnknownField) return Skip(-1);
    if (state_ == State::kOffsets && offsets_.size() != 2) return Unexpected("fewer");
    return Go(State::kTensor);
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    error_ = json::SyntaxErrorText(error);
    return false;
  }

 private:
  bool Fail(std::string_view text) {
    const bool inside = state_ != State::kStart && state_ != State::kTop && state_ != State::kDone;
    error_ = absl::StrCat(inside ? absl::StrCat("tensor ", json::Quoted(name_), ": ") : "", std::string(text));
    return false;
  }
  /// A value that no state but that of an unknown field takes.
  bool Unexpected(std::string_view value) {
    if (state_ == State::kUnknownField) return Skip(0);
    return Fail(absl::StrCat(std::string(Wanted(state_)), ", not ", json::Quoted(value)));
  }
  bool Go(State next) {
    state_ = next;
    return true;
  }
  /// Within the value of an unknown field, of which `opened` more objects and arrays are open.
  bool Skip(int opened) {
    depth_ += opened;
    return depth_ > 0 || Go(State::kTensor);
  }
  bool TopKey(std::string& name) {
    if (!names_.insert(name).second) return Fail(absl::StrCat("tensor ", json::Quoted(name), " is declared twice"));
    name_ = std::move(name);
    return Go(name_ == kMetadataName ? State::kMetadataBegin : State::kTensorBegin);
  }
  bool TensorKey(const std::string& field) {
    const State next = field == "dtype"          ? State::kDtype
                       : field == "shape"        ? State::kShapeBegin
                       : field == "data_offsets" ? State::kOffsetsBegin
                                                 : State::kUnknownField;
    if (next != State::kUnknownField && !fields_.insert(field).second) {
      return Fail(absl::StrCat("field ", json::Quoted(field), " occurs twice"));
    }
    return Go(next);
  }
  bool MetadataKey(std::string& name) {
    metadata_key_ = std::move(name);
    return Go(State::kMetadataValue);
  }

  State state_ = State::kStart;
  SafetensorsHeader header_;
  std::set<std::string> names_;
  std::string name_;  ///< of the tensor (or __metadata__) being read
  std::string metadata_key_;
  TensorDeclaration tensor_;
  std::set<std::string> fields_;  ///< of tensor_, read so far
  std::vector<uint64_t> offsets_;
  int64_t depth_ = 0;  ///< of the value of an unknown field
  std::string error_;
};

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
absl::Status CheckRange(const TensorDeclaration& tensor, uint64_t previous_end_bytes, uint64_t data_bytes) {
  const std::string where = absl::StrCat("tensor ", json::Quoted(tensor.name), ": field \"data_offsets\" is [",
                                         tensor.begin_bytes, ", ", tensor.end_bytes, "], ");
  const auto shape_bytes = ShapeBytes(tensor.dtype, tensor.shape);
  if (!shape_bytes) {
    return errors::InvalidArgument("tensor ", json::Quoted(tensor.name),
                                   ": field \"shape\" overflows or ends in a byte");
  }
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
  HeaderBuilder builder;
  if (!json::ScanJson(text, &builder)) return errors::InvalidArgument("header: ", builder.error());
  SafetensorsHeader header = builder.TakeHeader();
  std::sort(header.tensors.begin(), header.tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin_bytes, a.end_bytes, a.name) < std::tie(b.begin_bytes, b.end_bytes, b.name);
  });
  const absl::Span<const std::byte> data = bytes.subspan(kPrefixBytes + text.size());
  SafetensorsFile file;
  file.metadata = std::move(header.metadata);
  file.tensors.reserve(header.tensors.size());
  uint64_t covered_bytes = 0;
  for (TensorDeclaration& tensor : header.tensors) {
    RETURN_IF_ERROR(CheckRange(tensor, covered_bytes, data.size()));
    covered_bytes = tensor.end_bytes;
    file.tensors.push_back(TensorView{std::move(tensor.name), tensor.dtype, std::move(tensor.shape),
                                      data.subspan(tensor.begin_bytes, tensor.end_bytes - tensor.begin_bytes)});
  }
  if (covered_bytes != data.size()) {
    return errors::InvalidArgument("has ", data.size(), " bytes of data, but its tensors end at ", covered_bytes);
  }
  return file;
}

}  // namespace roberta::checkpoint
