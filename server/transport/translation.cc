#include "server/transport/translation.h"

#include <charconv>

#include "profiles/errors/errors.h"

namespace roberta::transport {

absl::Status FieldError(const std::string& field, std::string_view what, std::vector<service::FieldProblem>* problems,
                        call::FailureReason reason) {
  absl::Status status = call::MakeStatus(reason, absl::StrCat(field, ": ", errors::Piece(what)));
  problems->push_back({field, status});
  return status;
}

std::optional<ItemField> ParseItemField(std::string_view field) {
  constexpr std::string_view kItems = "items[";
  if (!field.starts_with(kItems)) return std::nullopt;
  ItemField parsed;
  const char* const end = field.data() + field.size();
  if (std::from_chars(field.data() + kItems.size(), end, parsed.item).ec != std::errc()) return std::nullopt;
  parsed.is_pair = field.ends_with(".text_pair");
  return parsed;
}

void RenameFields(absl::FunctionRef<std::string(const std::string&)> new_name, absl::Status* status,
                  std::vector<service::FieldProblem>* problems) {
  const auto renamed = [](const absl::Status& about, const std::string& from, const std::string& to) {
    const std::string message(about.message());
    return message.starts_with(from) ? call::WithMessage(about, to + message.substr(from.size())) : about;
  };
  for (size_t i = 0; i < problems->size(); ++i) {
    service::FieldProblem& problem = (*problems)[i];
    const std::string name = new_name(problem.field);
    if (i == 0) *status = renamed(*status, problem.field, name);
    problem.status = renamed(problem.status, problem.field, name);
    problem.field = name;
  }
}

}  // namespace roberta::transport
