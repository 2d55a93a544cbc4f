#pragma once

#include <string>

#include "loadtest/document/content.h"

namespace roberta::loadtest::report_fixture {

/// What a reader reads of `document`, a line each: headings, paragraphs, tables ("cell | cell"), charts' titles and
/// readings; and of a chart that shows nothing why it does not.
std::string TextOf(const document::Document& document);
std::string TextOf(const document::Block& block);

}  // namespace roberta::loadtest::report_fixture
