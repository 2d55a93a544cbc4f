#!/usr/bin/env python3
"""Makes tests/golden/tokenizer_demo.jsonl: what Hugging Face's `tokenizers` makes of texts of our own with the demo model's
vocabulary. Needs the package (made with 0.23.3); the tests need only the file.

Usage: tests/golden/make_tokenizer_golden.py > tests/golden/tokenizer_demo.jsonl
"""

import copy
import json
import pathlib
import random

import tokenizers

DEMO = pathlib.Path(__file__).resolve().parents[2] / "models/demo-sst2/tokenizer.json"

TEXTS = [
    "", " ", "   ", "a", " a", "  a  b   ", "a warm, funny and deeply moving film", "I'll say it's what they've'd 'Tis 's 's",
    "tabs\tand\nlines\r\nand\u00a0no-break\u3000ideographic spaces", "1234567890 3.14 ² ½ Ⅷ ٣", "naïve café, e\u0301 ǅ ß",
    "日本語のテキスト 한국어 עברית العربية हिन्दी", "👩‍👩‍👧 🎬🍿 🇫🇷", "<mask>", "a <mask> b", "a  <mask>  b<mask>", "\n<mask>",
    "<s></s><pad><unk>", "<s> nested </s>", "< s > <masks> <mask", "Ġ Ċ Ā spelled bytes", "\0 NUL \0", "\u200b\ufeff\u2028\u0085",
    "word" * 30, "!?" * 20, "." * 70, "CamelCaseAndSNAKE_case-with-dashes", "http://example.org/?a=b&c=d#e", "\ud7ff\ue000\U0010ffff",
    "the quick brown fox jumps over the lazy dog " * 3,
]

ATOMS = ["a", "word", "wor", "words", " ", "  ", "\n", "\u3000", "é", "éz", "e\u0301", "<mask>", "<s>", "</s>", "[A]", "[B]", "[AB", " x", "x",
         "\u3000z", "1", "²", "日本", "🎬", "'s", "'", "!", "...", "_", "Ġ", "\0", "\u0085", "ǅ", "A", "The", "-", "Ⅷ", "\u180e"]


NORMALIZERS = {
    "nfkc": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
    "nfd": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Replace", "pattern": {"Regex": "\\p{Mn}+"}, "content": "~"},
                                                {"type": "Replace", "pattern": {"String": "a"}, "content": "an"}]},
    "nfc": {"type": "Sequence", "normalizers": [{"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "NFC"}, {"type": "Prepend", "prepend": "\u00e9x"}]},
    "nfkd": {"type": "NFKD"},
}
SPLITS = {"splits": [{"type": "Split", "pattern": {"Regex": "[.,!?-]"}, "behavior": "MergedWithPrevious", "invert": False}, {"type": "Digits", "individual_digits": True}]}

NORMALIZED_ATOMS = ["a", "A", "FIN", "\ufb01n", "\uff26in", "\u00e9", "e\u0301", "\u0301", "\u0327\u0301", "\u0301\u0327", "\u1ec7", "\u0130", "\u212b", "\ud55c", "\u1112\u1161\u11ab", "\u1112\u1161",
                    "\u11ab", "\u0958", "\ufdfa", "\u00bd", "\u2126", "\u0344", " ", "  ", "\u3000", "1", "\u0662", "\u2460", "-", ".", "!?", "x", "\U0001d15e", "\u0f73", "<mask>"]


def variant(name):
    """The demo's tokenizer.json with a prefix space, with added tokens of every kind, with normalizers, split further, or as it is.
    The test does the same."""
    description = json.loads(DEMO.read_text())
    if name == "prefix":
        description["pre_tokenizer"]["add_prefix_space"] = True
        description["post_processor"]["add_prefix_space"] = True
    if name in NORMALIZERS:
        description["normalizer"] = NORMALIZERS[name]
        description["added_tokens"].append({"id": 12288, "content": "FIN", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True, "special": False})
    if name in SPLITS:
        description["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*SPLITS[name], {**description["pre_tokenizer"], "add_prefix_space": True}]}
        description["post_processor"]["add_prefix_space"] = True
    if name == "added":
        plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
        for content, flags in [("[A]", {"lstrip": True, "rstrip": True}), ("[B]", {"rstrip": True}), ("word", {"single_word": True}),
                               ("wor", {"normalized": True}), (" x", {"normalized": True, "lstrip": True}),
                               ("éz", {"normalized": True, "rstrip": True}), ("[AB", {"single_word": True, "lstrip": True}),
                               ("\u3000z", {"lstrip": True})]:
            identifier = 12288 + len(description["added_tokens"]) - 5
            description["added_tokens"].append({**plain, **flags, "id": identifier, "content": content})
    return tokenizers.Tokenizer.from_str(json.dumps(description))


def case(tokenizer, name, text, pair=None, max_tokens=None, side=None):
    tokenizer = copy.deepcopy(tokenizer)
    if max_tokens:
        tokenizer.enable_truncation(max_tokens, strategy="longest_first", direction=side)
    encoding = tokenizer.encode(text, pair) if pair is not None else tokenizer.encode(text)
    result = {"variant": name, "text": text}
    if pair is not None:
        result["pair"] = pair
    if max_tokens:
        result.update(max_tokens=max_tokens, truncation=side)
    result.update(ids=encoding.ids, offsets=encoding.offsets)
    print(json.dumps(result, ensure_ascii=True))


def main():
    chance = random.Random(1)
    for name in ("plain", "prefix", "added"):
        tokenizer = variant(name)
        for text in TEXTS:
            case(tokenizer, name, text)
        for _ in range(150):
            pieces = [chance.choice(ATOMS) for _ in range(chance.randint(1, 10))]
            pair = None if chance.random() < 0.7 else "".join(chance.choice(ATOMS) for _ in range(chance.randint(0, 6)))
            case(tokenizer, name, "".join(pieces), pair)
    for name in (*NORMALIZERS, *SPLITS):
        tokenizer = variant(name)
        for _ in range(80):
            case(tokenizer, name, "".join(chance.choice(NORMALIZED_ATOMS) for _ in range(chance.randint(1, 10))))
    tokenizer = variant("plain")
    for max_tokens in (4, 5, 8, 13):
        for side in ("right", "left"):
            for text, pair in [("one two three four five six", None), ("one two three four", "five six seven eight nine"),
                               ("one", "two three four five six seven"), ("one two three four five six", "seven"), ("", "one two three four")]:
                case(tokenizer, "plain", text, pair, max_tokens, side)


main()
