#include "client/cli/items.h"

#include <utility>

#include "profiles/errors/errors.h"

namespace roberta::cli {
namespace {

absl::Status ProblemStatus(const std::string& problem) {
  return problem.empty() ? absl::OkStatus() : absl::InvalidArgumentError(problem);
}

class CommandLineSource final : public ItemSource {
 public:
  explicit CommandLineSource(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  Outcome Next(std::chrono::milliseconds, Item* item) override {
    if (next_ == texts_.size()) return Outcome::kEnd;
    *item = Item{.index = next_, .place = absl::StrCat("text ", next_ + 1), .text = texts_[next_]};
    item->problem = ProblemStatus(rows::Utf8Problem(rows::kText, item->text));
    ++next_;
    return Outcome::kRow;
  }

 private:
  const std::vector<std::string> texts_;
  size_t next_ = 0;
};

class FileSource final : public ItemSource {
 public:
  explicit FileSource(std::unique_ptr<rows::RowFile> file) : file_(std::move(file)) {}

  Outcome Next(std::chrono::milliseconds patience, Item* item) override {
    rows::Row row;
    if (const Outcome outcome = file_->Next(patience, &row); outcome != Outcome::kRow) return outcome;
    if (row.is_too_long) row.problem += " (--max-line-bytes)";
    const bool has_good_id = rows::Utf8Problem(rows::kId, row.values[rows::kId].value_or("")).empty();
    *item = Item{.index = index_++,
                 .place = absl::StrCat(file_->name(), ":", row.line),
                 .text = std::move(row.values[rows::kText]).value_or(""),
                 .text_pair = std::move(row.values[rows::kPair]),
                 .id = has_good_id ? std::move(row.values[rows::kId]).value_or("") : "",  // else it cannot be printed
                 .expected_label = std::move(row.values[rows::kLabel]).value_or(""),
                 .end_bytes = file_->bytes(),
                 .problem = ProblemStatus(row.problem)};
    return Outcome::kRow;
  }

  absl::Status error() const override { return file_->error(); }
  uint64_t total_bytes() const override { return file_->total_bytes(); }

 private:
  const std::unique_ptr<rows::RowFile> file_;
  uint64_t index_ = 0;
};

}  // namespace

std::unique_ptr<ItemSource> TextsOfCommandLine(std::vector<std::string> texts) {
  return std::make_unique<CommandLineSource>(std::move(texts));
}

absl::StatusOr<std::unique_ptr<ItemSource>> RowsOfFile(const std::string& file, const rows::RowFileOptions& options) {
  ASSIGN_OR_RETURN(auto opened, rows::RowFile::Open(file, options));
  return std::make_unique<FileSource>(std::move(opened));
}

}  // namespace roberta::cli
