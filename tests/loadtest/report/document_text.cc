#include "tests/loadtest/report/document_text.h"

#include "loadtest/document/chart_script.h"

namespace roberta::loadtest::report_fixture {

namespace {

std::string TextOf(const document::Table& table) {
  std::string text = table.caption + "\n";
  for (const document::Column& column : table.columns) text += column.title + " | ";
  text += "\n";
  for (const auto& row : table.rows) {
    for (const document::Cell& cell : row)
      text += cell.text + (cell.note.empty() ? "" : " [" + cell.note + "]") + " | ";
    text += "\n";
  }
  return text;
}

}  // namespace

std::string TextOf(const document::Block& block) {
  if (const auto* heading = std::get_if<document::Heading>(&block)) return "# " + heading->text + "\n";
  if (const auto* paragraph = std::get_if<document::Paragraph>(&block)) return paragraph->text + "\n";
  if (const auto* table = std::get_if<document::Table>(&block)) return TextOf(*table);
  if (const auto* chart = std::get_if<document::Chart>(&block)) {
    const std::string why_empty = document::WhyEmpty(*chart);
    return "(" + chart->title + ": " + (why_empty.empty() ? chart->reading : why_empty) + ")\n";
  }
  return "";
}

std::string TextOf(const document::Document& document) {
  std::string text = document.title + "\n" + document.subtitle + "\n";
  for (const document::Block& block : document.blocks) text += TextOf(block);
  return text;
}

}  // namespace roberta::loadtest::report_fixture
