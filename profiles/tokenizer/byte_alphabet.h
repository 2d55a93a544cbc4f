#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace roberta::tokenizer {

/// Byte-level BPE spells every byte as a printable character (GPT-2's bytes_to_unicode): printable Latin-1 bytes as
/// themselves, the other 68 as U+0100 and up, in order.

/// The bytes that `token` (UTF-8, as vocab.json spells it) stands for; nullopt if it has a character outside of the
/// alphabet.
std::optional<std::string> BytesOfToken(std::string_view token);

/// The other way round: how vocab.json spells `bytes`.
std::string TokenOfBytes(std::string_view bytes);

}  // namespace roberta::tokenizer
