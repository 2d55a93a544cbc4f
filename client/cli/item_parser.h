#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/item.h"

namespace roberta::cli {

enum class InputFormat {
  kText,       ///< a text a line
  kTsv,        ///< a header line that names the columns: text, and if there are, text_pair, label, id
  kJsonLines,  ///< an object a line: text, and if there are, text_pair, label, id
};

/// By the end of a file's name: .tsv, .jsonl, else text.
InputFormat FormatOfFile(std::string_view name);

/// Byte offset of the first byte that is not UTF-8; nullopt if there is none.
std::optional<size_t> FirstInvalidByte(std::string_view text);

/// Turns the lines of one file into items. One thread.
class ItemParser {
 public:
  virtual ~ItemParser() = default;
  static std::unique_ptr<ItemParser> Make(InputFormat format);

  /// Reads the first line if it is a header. True if it was; an error if it should be one but is not.
  virtual absl::StatusOr<bool> ReadHeader(std::string_view) { return false; }

  /// Fills the text, pair, id and label of `*item`, or its problem (InvalidArgument: the field and what is wrong).
  void Parse(std::string_view line, Item* item) const;

 protected:
  virtual absl::Status ParseFields(std::string_view line, Item* item) const = 0;
};

}  // namespace roberta::cli
