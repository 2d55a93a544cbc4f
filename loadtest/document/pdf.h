#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loadtest/document/content.h"

namespace roberta::loadtest::document {

/// Whether RenderPdf finds what it needs on this machine. NotFound, naming the Debian package to install, without
/// gnuplot and without any font that has letters.
absl::Status CheckRequirements();

/// Why documents will look different from their design, with the Debian package that mends it; empty if they will not.
std::string FontRemark();

/// The bytes of an A4 PDF: vector charts, embedded fonts, page numbers, metadata and an outline of the headings, with
/// the charts and tables below them. A chart of which nothing was measured, or that cannot be drawn, leaves its reason
/// in its place. Errors: NotFound if gnuplot is missing, Internal with the library's words.
absl::StatusOr<std::string> RenderPdf(const Document& document);

}  // namespace roberta::loadtest::document
