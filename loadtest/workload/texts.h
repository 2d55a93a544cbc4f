#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "roberta/v1/classifier.pb.h"

namespace roberta::loadtest::workload {

/// Items to send and what is expected of them, which is not sent.
struct Texts {
  std::vector<v1::Item> items;
  std::vector<std::string> labels;  ///< by name or index, one for each item, "" where there is none; empty: none at all
};

/// The texts of a file in the dialect of rows::Format, by its name: a text a line unless that says otherwise. Errors
/// name file and line: NotFound if it cannot be opened, InvalidArgument for a bad row or a file without texts.
absl::StatusOr<Texts> ReadTexts(const std::string& file);

/// A text of `tokens` tokens, the two special ones included (at least 3), of words that are a token each in byte-level
/// BPE vocabularies of English. Texts of different `variant`s differ.
std::string TextOfTokens(int tokens, size_t variant);

/// Texts whose token counts are the numbers of `file`, one a line. InvalidArgument, naming the line, if one is not from
/// 3 to 100000 or there is none.
absl::StatusOr<std::vector<v1::Item>> TextsOfLengths(const std::string& file);

/// `count` texts of at least `characters` characters, each made of texts of `items` (not empty) one after the other.
std::vector<v1::Item> JoinedTexts(const std::vector<v1::Item>& items, size_t characters, size_t count, uint64_t seed);

/// Sentences that come with the program, for those who have no file.
std::vector<v1::Item> BuiltInTexts();

}  // namespace roberta::loadtest::workload
