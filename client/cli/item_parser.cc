#include "client/cli/item_parser.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace roberta::cli {

namespace {

using Json = nlohmann::json;

absl::Status CheckUtf8(const char* field, std::string_view text) {
  const std::optional<size_t> invalid = FirstInvalidByte(text);
  if (!invalid) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, ": invalid UTF-8 at byte ", *invalid));
}

class TextParser final : public ItemParser {
 protected:
  absl::Status ParseFields(std::string_view line, Item* item) const override {
    item->text = line;
    return absl::OkStatus();
  }
};

class TsvParser final : public ItemParser {
 public:
  absl::StatusOr<bool> ReadHeader(std::string_view line) override {
    columns_ = Cells(line);
    for (const std::string_view known : {"text", "text_pair", "label", "id"}) {
      if (std::count(columns_.begin(), columns_.end(), known) > 1) {
        return absl::InvalidArgumentError(absl::StrCat("the header names column \"", std::string(known), "\" twice"));
      }
    }
    if (std::find(columns_.begin(), columns_.end(), "text") == columns_.end()) {
      return absl::InvalidArgumentError(
          "the header names no column \"text\"; a .tsv file starts with a line such as label<TAB>text");
    }
    return true;
  }

 protected:
  absl::Status ParseFields(std::string_view line, Item* item) const override {
    const std::vector<std::string> cells = Cells(line);
    if (cells.size() != columns_.size()) {
      return absl::InvalidArgumentError(absl::StrCat(cells.size(), " columns; the header has ", columns_.size()));
    }
    for (size_t i = 0; i < cells.size(); ++i) {
      if (columns_[i] == "text") item->text = cells[i];
      if (columns_[i] == "text_pair") item->text_pair = cells[i];
      if (columns_[i] == "label") item->expected_label = cells[i];
      if (columns_[i] == "id") item->id = cells[i];
    }
    return absl::OkStatus();
  }

 private:
  static std::vector<std::string> Cells(std::string_view line) {
    std::vector<std::string> cells;
    for (size_t begin = 0; begin <= line.size();) {
      const size_t end = std::min(line.find('\t', begin), line.size());
      cells.emplace_back(line.substr(begin, end - begin));
      begin = end + 1;
    }
    return cells;
  }

  std::vector<std::string> columns_;
};

class JsonLinesParser final : public ItemParser {
 protected:
  absl::Status ParseFields(std::string_view line, Item* item) const override {
    // nlohmann's parser takes a NUL for the end of the text and would not see what follows.
    if (line.find('\0') != std::string_view::npos) return absl::InvalidArgumentError("not JSON: it holds a NUL byte");
    Json object;
    try {
      object = Json::parse(line);
    } catch (const Json::parse_error& error) {
      return absl::InvalidArgumentError(absl::StrCat("not JSON from byte ", error.byte, " on"));
    } catch (const Json::exception&) {
      return absl::InvalidArgumentError("not JSON that fits into memory");
    }
    if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
    if (!object.contains("text")) return absl::InvalidArgumentError("text is missing");
    std::string pair;
    bool has_pair = false;
    absl::Status status = ReadString(object, "text", /*or_number=*/false, &item->text);
    if (status.ok()) status = ReadString(object, "text_pair", false, &pair, &has_pair);
    if (status.ok()) status = ReadString(object, "id", true, &item->id);
    if (status.ok()) status = ReadString(object, "label", true, &item->expected_label);
    if (has_pair) item->text_pair = std::move(pair);
    return status;
  }

 private:
  static absl::Status ReadString(const Json& object, const char* field, bool or_number, std::string* value,
                                 bool* found = nullptr) {
    const auto at = object.find(field);
    if (at == object.end() || (at->is_null() && std::string_view(field) != "text")) return absl::OkStatus();
    if (at->is_string()) {
      *value = at->get<std::string>();
    } else if (or_number && at->is_number_integer()) {
      *value = at->dump();
    } else {
      return absl::InvalidArgumentError(absl::StrCat(field, " is not a string", or_number ? " or an integer" : ""));
    }
    if (found != nullptr) *found = true;
    return absl::OkStatus();
  }
};

}  // namespace

InputFormat FormatOfFile(std::string_view name) {
  if (name.ends_with(".tsv")) return InputFormat::kTsv;
  if (name.ends_with(".jsonl")) return InputFormat::kJsonLines;
  return InputFormat::kText;
}

std::optional<size_t> FirstInvalidByte(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    UChar32 code_point;
    U8_NEXT(text.data(), at, text.size(), code_point);
    if (code_point < 0) return start;
  }
  return std::nullopt;
}

std::unique_ptr<ItemParser> ItemParser::Make(InputFormat format) {
  if (format == InputFormat::kTsv) return std::make_unique<TsvParser>();
  if (format == InputFormat::kJsonLines) return std::make_unique<JsonLinesParser>();
  return std::make_unique<TextParser>();
}

void ItemParser::Parse(std::string_view line, Item* item) const {
  absl::Status status = ParseFields(line, item);
  if (status.ok()) status = CheckUtf8("text", item->text);
  if (status.ok() && item->text_pair) status = CheckUtf8("text_pair", *item->text_pair);
  if (status.ok()) status = CheckUtf8("id", item->id);
  if (FirstInvalidByte(item->id)) item->id.clear();  // it could not be repeated in the output
  item->problem = status;
}

}  // namespace roberta::cli
