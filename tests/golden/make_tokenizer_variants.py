#!/usr/bin/env python3
"""Makes tests/golden/tokenizer_variants.jsonl: the ids that AutoTokenizer of `transformers` 4 and 5 gives for directories that
differ from a small tokenizer (the first tokens of models/demo-sst2) by edits. The tests make the same edits and need only the file.

Each version is asked in an environment of its own, and the answers are put together:
  python4 tests/golden/make_tokenizer_variants.py save > saved.jsonl      # directories that each version writes itself
  python5 tests/golden/make_tokenizer_variants.py save >> saved.jsonl
  python4 tests/golden/make_tokenizer_variants.py run --saved saved.jsonl > v4.jsonl
  python5 tests/golden/make_tokenizer_variants.py run --saved saved.jsonl > v5.jsonl
  python3 tests/golden/make_tokenizer_variants.py merge v4.jsonl v5.jsonl > tests/golden/tokenizer_variants.jsonl
(made with transformers 4.57.6 with tokenizers 0.22.2, and transformers 5.24.0 with tokenizers 0.23.3)

`run --random N --seed S` draws N combinations of the edits instead, for a differential run by hand:
  python3 tests/golden/make_tokenizer_variants.py merge --base v5.jsonl random4.jsonl random5.jsonl > /tmp/random.jsonl
  ROBERTA_TOKENIZER_VARIANTS=/tmp/random.jsonl build/release/bin/tokenizer_test --gtest_filter='*Variants*'
"""

import argparse
import copy
import itertools
import json
import pathlib
import random
import sys
import tempfile

DEMO = pathlib.Path(__file__).resolve().parents[2] / "models/demo-sst2"
BASE_TOKENS = 1000  # the test takes as many

TEXTS = [
    "NOT bad at ALL, a good film!", "  a <mask>  b<mask>c ", "good </s> bad<s>", "singing [ALERT] login 1234 56.7", "caf\u00e9 cafe\u0301 \ufb01ne \u00c5\u212b \u0130",
    "[A] [B]x  [A]", "tabs\tand\n\nlines  ", "x-y--z, it's 'n' the", "", "\u0661\u0662 \u2460 film<unk><pad>", "<extra> bad film badfilm bad",
    "\ud55c\uae00 \u1112\u1161\u11ab",
]
PAIRS = [("good", "a film"), ("a b", "")]

PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}


def base_files():
    """The files of the small tokenizer, as text."""
    description = json.loads((DEMO / "tokenizer.json").read_text())
    model = description["model"]
    vocab = {token: i for token, i in model["vocab"].items() if i < BASE_TOKENS}
    merges = [m for m in model["merges"] if m[0] + m[1] in vocab and m[0] in vocab and m[1] in vocab]
    model["vocab"], model["merges"] = vocab, merges
    return {"tokenizer.json": description, "vocab.json": vocab,
            "merges.txt": "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges),
            "config.json": json.loads((DEMO / "config.json").read_text())}


def apply(files, edits):
    """Edits: {"remove": [file], "patch": {file: [[pointer, value] or [pointer]]}, "write": {file: JSON or text}}."""
    files = copy.deepcopy(files)
    for name in edits.get("remove", []):
        del files[name]
    for name, patches in edits.get("patch", {}).items():
        for pointer, *value in patches:
            at = files[name]
            *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
            for part in path:
                at = at[int(part)] if isinstance(at, list) else at[part]
            if isinstance(at, list):
                if last == "-":
                    at.append(value[0])
                elif value:
                    at[int(last)] = value[0]
                else:
                    del at[int(last)]
            elif value:
                at[last] = value[0]
            else:
                del at[last]
    files.update(copy.deepcopy(edits.get("write", {})))
    return files


def joined(*parts):
    """One set of edits of several."""
    result = {}
    for part in parts:
        for kind, what in copy.deepcopy(part).items():
            if kind == "remove":
                result.setdefault(kind, []).extend(name for name in what if name not in result.get(kind, []))
            elif kind == "patch":
                for name, patches in what.items():
                    result.setdefault(kind, {}).setdefault(name, []).extend(patches)
            else:
                for name, content in what.items():
                    known = result.setdefault(kind, {}).get(name)
                    both = isinstance(known, dict) and isinstance(content, dict)
                    result[kind][name] = {**known, **content} if both else content
    return result


def patch(*patches):
    return {"patch": {"tokenizer.json": [list(p) for p in patches]}}


def config(**fields):
    return {"write": {"tokenizer_config.json": fields}}


ALONE = {"remove": ["vocab.json", "merges.txt"]}
VOCAB = {"remove": ["tokenizer.json"]}
WHOLE = config(tokenizer_class="PreTrainedTokenizerFast")
LAYOUTS = {"": {}, "alone": ALONE, "vocab": VOCAB}


def normalizers():
    string = lambda a, b: {"type": "Replace", "pattern": {"String": a}, "content": b}
    regex = lambda a, b: {"type": "Replace", "pattern": {"Regex": a}, "content": b}
    strip = lambda left, right: {"type": "Strip", "strip_left": left, "strip_right": right}
    kinds = {name: {"type": name} for name in ["Lowercase", "NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Nmt", "ByteLevel", "Unheard"]}
    kinds.update({
        "strip": strip(True, True), "strip-left": strip(True, False), "strip-right": strip(False, True), "strip-none": strip(False, False),
        "prepend": {"type": "Prepend", "prepend": "x"}, "prepend-space": {"type": "Prepend", "prepend": " "}, "prepend-nothing": {"type": "Prepend", "prepend": ""},
        "replace": string("bad", "good"), "replace-longer": string("a", "an "), "replace-nothing": string("o", ""), "replace-none": string("zebra", "x"),
        "replace-punctuation": string(".*", "x"), "replace-space": string(" ", "_"), "regex-spaces": regex("\\s+", " "), "regex-digits": regex("[0-9]+", "0"),
        "regex-words": regex("\\w+", "w"), "regex-ends": regex("^\\s|\\s$", "."), "regex-empty": regex("x*", "-"), "regex-case": regex("(?i:BAD|Good)", "film"),
        "regex-look": regex("(?<=o)o(?=d)", "u"), "regex-unicode": regex("\\p{M}|\\p{Lu}", ""),
        "sequence": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}, strip(True, True)]},
        "sequence-other-way": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFD"}, regex("\\p{Mn}", "")]},
        "sequence-nested": {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [{"type": "NFKD"}]}, string("fi", "FI")]},
        "sequence-empty": {"type": "Sequence", "normalizers": []},
        "bert": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    })
    return {f"normalizer {name}": patch(("/normalizer", value)) for name, value in kinds.items()}


def byte_level(prefix=False, trim=True, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def pre_tokenizers():
    sequence = lambda *steps: {"type": "Sequence", "pretokenizers": list(steps)}
    split = lambda pattern, behavior="Isolated", invert=False: {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}
    digits = lambda alone: {"type": "Digits", "individual_digits": alone}
    kinds = {"prefix": byte_level(prefix=True), "no-regex": byte_level(regex=False), "no-regex-prefix": byte_level(True, True, False),
             "null": None, "whitespace": {"type": "Whitespace"}, "whitespace-before": sequence({"type": "WhitespaceSplit"}, byte_level()),
             "digits": sequence(digits(False), byte_level()), "digits-alone": sequence(digits(True), byte_level()),
             "digits-alone-prefix": sequence(digits(True), byte_level(prefix=True)), "digits-after": sequence(byte_level(), digits(True)),
             "sequence-of-one": sequence(byte_level()), "sequence-nested": sequence(sequence(digits(True)), byte_level(regex=False)),
             "punctuation": sequence({"type": "Punctuation", "behavior": "Isolated"}, byte_level()),
             "llama": sequence(split({"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}),
                               byte_level(regex=False))}
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            for name, pattern in [("dash", {"String": "-"}), ("word", {"Regex": "\\w+"}), ("empty", {"Regex": "x*"})]:
                kinds[f"split-{name}-{behavior}{'-inverted' if invert else ''}"] = sequence(split(pattern, behavior, invert), byte_level(regex=name == "dash"))
    return {f"pre_tokenizer {name}": patch(("/pre_tokenizer", value)) for name, value in kinds.items()}


def post_processors():
    special = {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
               "both": {"id": "both", "ids": [0, 4, 2], "tokens": ["<s>", "<mask>", "</s>"]}}
    place = lambda name: {"Sequence": {"id": name, "type_id": 0}} if name in "AB" else {"SpecialToken": {"id": name, "type_id": 0}}
    template = lambda single, pair: {"type": "TemplateProcessing", "single": [place(p) for p in single.split()], "pair": [place(p) for p in pair.split()], "special_tokens": special}
    roberta = lambda cls=("<s>", 0), sep=("</s>", 2), trim=True, prefix=False: {"type": "RobertaProcessing", "sep": list(sep), "cls": list(cls), "trim_offsets": trim, "add_prefix_space": prefix}
    kinds = {"null": None, "byte-level": byte_level(), "byte-level-no-trim": byte_level(trim=False), "roberta-no-trim": roberta(trim=False), "roberta-prefix": roberta(prefix=True),
             "roberta-other-cls": roberta(cls=("<mask>", 4)), "roberta-other-sep": roberta(sep=("<pad>", 1)), "roberta-wrong-id": roberta(cls=("<s>", 4)),
             "template": template("<s> A </s>", "<s> A </s> </s> B </s>"), "template-bert": template("<s> A </s>", "<s> A </s> B </s>"), "template-bare": template("A", "A B"),
             "template-backward": template("A </s>", "B </s> A"), "template-many": template("both A both", "both A B"), "template-no-pair": template("<s> A", "<s> A"),
             "template-unknown": template("<t> A", "A B"), "template-twice": template("A A", "A B A"),
             "sequence": {"type": "Sequence", "processors": [byte_level(), template("<s> A </s>", "<s> A </s> </s> B </s>")]},
             "sequence-two": {"type": "Sequence", "processors": [roberta(), roberta()]},
             "bert": {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}}
    return {f"post_processor {name}": patch(("/post_processor", value)) for name, value in kinds.items()}


def models():
    unknown = {"type": "BPE"}
    kinds = {"ignore_merges": [("/model/ignore_merges", True)], "dropout": [("/model/dropout", 0.1)], "dropout-0": [("/model/dropout", 0.0)], "unk": [("/model/unk_token", "<unk>")],
             "unk-not-there": [("/model/unk_token", "<huh>")], "fuse": [("/model/unk_token", "<unk>"), ("/model/fuse_unk", True)], "byte_fallback": [("/model/byte_fallback", True)],
             "prefix": [("/model/continuing_subword_prefix", "##")], "suffix": [("/model/end_of_word_suffix", "</w>")], "empty-affixes": [("/model/continuing_subword_prefix", ""), ("/model/end_of_word_suffix", "")],
             "no-type": [("/model/type",)], "other-type": [("/model/type", "WordLevel")], "no-merges": [("/model/merges", [])],
             "byte-gone": [("/model/vocab/a",), ("/model/merges", [])], "byte-gone-unk": [("/model/vocab/a",), ("/model/merges", []), ("/model/unk_token", "<unk>")],
             "gap": [("/model/vocab/zq", 1005)], "far-gap": [("/model/vocab/zq", 2000000)], "merge-not-there": [("/model/merges/0", ["q", "q"])], "merge-string": [("/model/merges/0", "Ġ t")],
             "merges-strings": [("/model/merges", ["Ġ t", "Ġ a", "h e", "i n"])],
             "truncation": [("/truncation", {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0})],
             "padding": [("/padding", {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "<pad>"})],
             "version": [("/version", "2.0")], "unheard-field": [("/unheard", 1), ("/model/unheard", 1)], "no-added": [("/added_tokens", [])], "added-null": [("/added_tokens",)]}
    return {f"model {name}": patch(*patches) for name, patches in kinds.items()}


def flagged(content, identifier, **flags):
    return {**PLAIN, **flags, "id": identifier, "content": content}


def added_tokens():
    result = {}
    contents = {"[A]": 1000, "ing": 271, " bad": 1000, "film": 1000, "é": 1000}
    flags = [{}, {"special": True}, {"normalized": True}, {"lstrip": True}, {"rstrip": True, "special": True}, {"single_word": True}, {"lstrip": True, "rstrip": True, "normalized": True}]
    vocab = base_files()["vocab.json"]
    for (content, identifier), flag in itertools.product(contents.items(), flags):
        token = flagged(content, vocab.get(content, identifier), **flag)
        result[f"added {content} {' '.join(flag)}"] = patch(("/added_tokens/-", token))
    result["added wrong-id"] = patch(("/added_tokens/-", flagged("[A]", 1007)))
    result["added wrong-id-of-token"] = patch(("/added_tokens/-", flagged("ing", 1000)))
    result["added two"] = patch(("/added_tokens/-", flagged("[A]", 1000, special=True)), ("/added_tokens/-", flagged("[B]", 1001, rstrip=True)))
    result["added overlapping"] = patch(("/added_tokens/-", flagged("bad f", 1000)), ("/added_tokens/-", flagged("bad", 1001)))
    result["added mask-no-lstrip"] = patch(("/added_tokens/4/lstrip", False))
    result["added mask-rstrip"] = patch(("/added_tokens/4/rstrip", True))
    result["added normalized-lowercase"] = patch(("/normalizer", {"type": "Lowercase"}), ("/added_tokens/-", flagged("Bad", 1000, normalized=True)))
    result["added raw-lowercase"] = patch(("/normalizer", {"type": "Lowercase"}), ("/added_tokens/-", flagged("NOT", 1000)), ("/added_tokens/-", flagged("not", 1001)))
    result["added empty"] = patch(("/added_tokens/-", flagged("", 1000)))
    return result


def beside():
    """What stands beside tokenizer.json or vocab.json."""
    result = {}
    token = lambda content, **flags: {"__type": "AddedToken", "content": content, **{k: v for k, v in PLAIN.items() if k != "special"}, **flags}
    decoder = {str(i): {**PLAIN, "content": c, "special": True, "lstrip": c == "<mask>"} for i, c in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])}
    extra = lambda content, identifier=1000, **flags: {**decoder, str(identifier): {**PLAIN, "content": content, **flags}}
    configs = {
        "empty": {}, "max-length": {"model_max_length": 5}, "max-length-none": {"model_max_length": 1e30}, "prefix": {"add_prefix_space": True}, "no-trim": {"trim_offsets": False},
        "split-special": {"split_special_tokens": True}, "decoder": {"added_tokens_decoder": decoder}, "decoder-empty": {"added_tokens_decoder": {}},
        "decoder-alert": {"added_tokens_decoder": extra("[ALERT]")}, "decoder-alert-special": {"added_tokens_decoder": extra("[ALERT]", special=True)},
        "decoder-alert-normalized": {"added_tokens_decoder": extra("[ALERT]", normalized=True)}, "decoder-ing": {"added_tokens_decoder": extra("ing", 271)},
        "decoder-far": {"added_tokens_decoder": extra("[ALERT]", 1200)}, "decoder-strips": {"added_tokens_decoder": extra("[ALERT]", lstrip=True, rstrip=True)},
        "decoder-only-alert": {"added_tokens_decoder": {"1000": {**PLAIN, "content": "[ALERT]"}}},
        "decoder-mask-no-lstrip": {"added_tokens_decoder": {**decoder, "4": {**PLAIN, "content": "<mask>", "special": True}}},
        "decoder-and-split": {"added_tokens_decoder": extra("[ALERT]", special=True), "split_special_tokens": True},
        "decoder-and-additional": {"added_tokens_decoder": extra("[ALERT]", special=True), "additional_special_tokens": ["[ALERT]"]},
        "additional": {"additional_special_tokens": ["[ALERT]", "[A]"]}, "additional-objects": {"additional_special_tokens": [token("[A]", rstrip=True)]},
        "extra": {"extra_special_tokens": ["[A]"]}, "extra-named": {"extra_special_tokens": {"alert_token": "[ALERT]"}}, "own-name": {"alert_token": "[ALERT]"},
        "mask-string": {"mask_token": "<mask>"}, "mask-object": {"mask_token": token("<mask>", lstrip=True)}, "mask-object-no-lstrip": {"mask_token": token("<mask>")},
        "mask-null": {"mask_token": None}, "mask-other": {"mask_token": "[MASK]"}, "mask-normalized": {"mask_token": token("<mask>", lstrip=True, normalized=True)},
        "cls-other": {"cls_token": "<pad>"}, "sep-other": {"sep_token": "<unk>"}, "cls-new": {"cls_token": "[CLS]"}, "sep-null": {"sep_token": None}, "cls-null": {"cls_token": None},
        "bos-other": {"bos_token": "<pad>"}, "eos-other": {"eos_token": "<pad>"}, "pad-other": {"pad_token": "[PAD]"}, "unk-other": {"unk_token": "[UNK]"}, "pad-null": {"pad_token": None},
        "all-objects": {name: token(content, lstrip=content == "<mask>") for name, content in [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"),
                                                                                               ("pad_token", "<pad>"), ("cls_token", "<s>"), ("mask_token", "<mask>")]},
        "decorations": {"clean_up_tokenization_spaces": True, "errors": "replace", "use_fast": True, "do_lower_case": True, "name_or_path": "x", "padding_side": "left", "model_input_names": ["input_ids"]},
        "add-bos": {"add_bos_token": True}, "add-eos": {"add_eos_token": True}, "truncation-left": {"truncation_side": "left"},
    }
    for name, fields in configs.items():
        result[f"config {name}"] = config(**fields)
    for name in ["RobertaTokenizer", "RobertaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", "GPT2Tokenizer", "GPT2TokenizerFast", "BartTokenizer", "LongformerTokenizerFast", "BertTokenizer",
                 "XLMRobertaTokenizer", "T5TokenizerFast", "MyOwnTokenizer", None]:
        result[f"class {name}"] = config(tokenizer_class=name)
        result[f"class {name} prefix"] = config(tokenizer_class=name, add_prefix_space=True)
    result["class in config.json GPT2Tokenizer"] = {"patch": {"config.json": [["/tokenizer_class", "GPT2Tokenizer"]]}}
    result["class in config.json RobertaTokenizer"] = {"patch": {"config.json": [["/tokenizer_class", "RobertaTokenizer"]]}}
    older = lambda **fields: {"write": {"special_tokens_map.json": fields}}
    plain = {k: v for k, v in PLAIN.items() if k != "special"}
    maps = {"usual": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "mask_token": {"content": "<mask>", **plain, "lstrip": True}},
            "mask-no-lstrip": {"mask_token": {"content": "<mask>", **plain}}, "additional": {"additional_special_tokens": ["[ALERT]"]}, "cls-other": {"cls_token": "<pad>"}, "mask-string": {"mask_token": "<mask>"}}
    for name, fields in maps.items():
        result[f"map {name}"] = older(**fields)
        result[f"map {name} and decoder"] = joined(older(**fields), config(added_tokens_decoder=extra("[ALERT]")))
    result["map cls against config"] = joined(older(cls_token="<pad>"), config(cls_token="<s>"))
    added = lambda **tokens: {"write": {"added_tokens.json": tokens}}
    for name, tokens in {"alert": {"[ALERT]": 1000}, "two": {"[B]": 1001, "[A]": 1000}, "far": {"[ALERT]": 1100}, "known": {"ing": 271}, "known-special": {"<mask>": 4}, "empty": {}}.items():
        result[f"added_tokens.json {name}"] = added(**tokens)
    result["added_tokens.json with decoder"] = joined(added(**{"[ALERT]": 1000}), config(added_tokens_decoder=extra("[ALERT]", special=True)))
    result["added_tokens.json special"] = joined(added(**{"[ALERT]": 1000}), config(additional_special_tokens=["[ALERT]"]))
    result["added_tokens.json special by map"] = joined(added(**{"[ALERT]": 1000}), older(additional_special_tokens=["[ALERT]"]))
    return result


MERGES = {"no-version": lambda text: text.split("\n", 1)[1], "no-last-newline": lambda text: text[:-1], "crlf": lambda text: text.replace("\n", "\r\n"),
          "two-versions": lambda text: text + "#version: 0.3\n"}


def variants():
    """All variants, by name."""
    result = {f"base {layout}": edits for layout, edits in LAYOUTS.items()}
    whole_file = {**normalizers(), **pre_tokenizers(), **post_processors(), **models()}
    for name, edits in whole_file.items():
        result[name] = edits
        result[name + " whole"] = joined(edits, WHOLE)
    for name, edits in normalizers().items():
        result[name + " alone"] = joined(edits, ALONE)
    for name, edits in added_tokens().items():
        result[name] = edits
    for name, edits in beside().items():
        for layout, files in LAYOUTS.items():
            if layout != "alone":
                result[f"{name} {layout}"] = joined(edits, files)
    merges = base_files()["merges.txt"]
    for name, change in MERGES.items():
        result[f"merges {name}"] = joined(VOCAB, {"change_merges": {name: True}})
    return result


def drawn(count, seed):
    """Combinations of two to four edits."""
    generator = random.Random(seed)
    base = base_files()
    pools = [normalizers(), pre_tokenizers(), post_processors(), models(), added_tokens(), beside(), {"alone": ALONE, "vocab": VOCAB, "whole": WHOLE}]
    result = {}
    while len(result) < count:
        picked = [generator.choice(list(pool.items())) for pool in generator.sample(pools, generator.randint(2, 4))]
        edits = joined(*(edits for _, edits in picked))
        if "tokenizer.json" in edits.get("remove", []):
            edits.get("patch", {}).pop("tokenizer.json", None)
        try:
            apply(base, edits)
        except (KeyError, IndexError):  # one edit is of what another has removed
            continue
        result[" + ".join(name for name, _ in picked)] = edits
    return result


def write(files, directory):
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (pathlib.Path(directory) / name).write_bytes(text.encode())


def edits_to(directory):
    """The edits that make of the base files what transformers has written."""
    base = base_files()
    edits = {"remove": [], "patch": {}, "write": {}}
    written = {path.name: path.read_text() for path in sorted(pathlib.Path(directory).iterdir())}
    edits["remove"] = [name for name in base if name not in written and name != "config.json"]
    for name, text in written.items():
        content = text if name.endswith(".txt") else json.loads(text)
        if name != "tokenizer.json":
            if content != base.get(name):
                edits["write"][name] = content
            continue
        content["model"]["merges"] = [merge.split(" ") if isinstance(merge, str) else merge for merge in content["model"]["merges"]]
        model = content.pop("model")
        changed = [[f"/{field}", value] for field, value in content.items() if value != base[name].get(field)]
        changed += [[f"/model/{field}", value] for field, value in model.items() if value != base[name]["model"].get(field)]
        if changed:
            edits["patch"][name] = changed
    return {kind: what for kind, what in edits.items() if what}


def saved():
    """Directories that this version of transformers writes, as variants."""
    import transformers
    from tokenizers import AddedToken

    version = transformers.__version__.split(".")[0]
    writers = {"fast": lambda directory, **options: transformers.AutoTokenizer.from_pretrained(directory, **options)}
    if version == "4":
        writers["slow"] = lambda directory, **options: transformers.AutoTokenizer.from_pretrained(directory, use_fast=False, **options)
    additions = {"as it is": lambda t: None, "added": lambda t: t.add_tokens(["[ALERT]", "ing"]), "added special": lambda t: t.add_tokens(["[ALERT]"], special_tokens=True),
                 "added with flags": lambda t: t.add_tokens([AddedToken("[A]", lstrip=True, rstrip=True), AddedToken("film", single_word=True, normalized=False)]),
                 "additional special": lambda t: t.add_special_tokens({"additional_special_tokens": ["[ALERT]", "<extra>"]}),
                 "own mask": lambda t: t.add_special_tokens({"mask_token": "[MASK]"}), "own pad": lambda t: t.add_special_tokens({"pad_token": "[PAD]"})}
    options = {"": {}, "prefix": {"add_prefix_space": True}, "short": {"model_max_length": 6}}
    for (writer, load), (layout, files), (addition, add), (option, given), legacy in itertools.product(
            writers.items(), {"tokenizer.json": {}, "vocab.json": VOCAB}.items(), additions.items(), options.items(), [None, True, False]):
        if option and (addition not in ("as it is", "added") or legacy is not None):
            continue
        with tempfile.TemporaryDirectory() as source, tempfile.TemporaryDirectory() as target:
            write(apply(base_files(), files), source)
            try:
                tokenizer = load(source, **given)
                add(tokenizer)
                tokenizer.save_pretrained(target, legacy_format=legacy)
            except BaseException as error:
                print(f"{writer} {layout} {addition} {option} {legacy}: {error}"[:160], file=sys.stderr)
                continue
            name = f"saved by {version} {writer} from {layout} {addition} {option} {'' if legacy is None else 'legacy' if legacy else 'not legacy'}"
            print(json.dumps({"name": " ".join(name.split()), "edits": edits_to(target)}))


def answers(edits):
    """What this version of transformers makes of a variant: ids of every text and pair, or why it fails."""
    import transformers

    files = apply(base_files(), {k: v for k, v in edits.items() if k != "change_merges"})
    for name in edits.get("change_merges", {}):
        files["merges.txt"] = MERGES[name](files["merges.txt"])
    with tempfile.TemporaryDirectory() as directory:
        write(files, directory)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
            limit = tokenizer.model_max_length if tokenizer.model_max_length < 1e9 else None
            ids = [tokenizer(text, truncation=limit is not None)["input_ids"] for text in TEXTS]
            return {"ids": ids + [tokenizer(*pair, truncation=limit is not None)["input_ids"] for pair in PAIRS]}
        except BaseException as error:  # a panic of the Rust part is no Exception
            return {"error": f"{type(error).__name__}: {error}".split("\n")[0].replace(directory, "DIR")[:160]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--random", type=int, default=0)
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--saved", type=argparse.FileType())
    commands.add_parser("save")
    merge = commands.add_parser("merge")
    merge.add_argument("files", nargs=2)
    merge.add_argument("--base", type=argparse.FileType(), help="answers that begin with those of the base, if the two files do not")
    options = parser.parse_args()
    if options.command == "save":
        return saved()
    if options.command == "run":
        import transformers

        transformers.logging.set_verbosity_error()
        chosen = drawn(options.random, options.seed) if options.random else variants()
        if options.saved:
            chosen.update((row["name"], row["edits"]) for row in map(json.loads, options.saved))
        for number, (name, edits) in enumerate(chosen.items()):
            print(json.dumps({"name": name, "edits": edits, **answers(edits)}), flush=True)
            if number % 50 == 0:
                print(f"{number} of {len(chosen)}", file=sys.stderr)
        return
    four, five = ([json.loads(line) for line in open(name)] for name in options.files)
    base = [json.loads(line) for line in open(options.files[1])][0]["ids"] if options.base is None else json.loads(options.base.readline())["ids"]
    # Of each variant only the ids that differ from those of the base, by the index of the text.
    answer = lambda row: {"error": row["error"]} if "error" in row else {"ids": {i: ids for i, ids in enumerate(row["ids"]) if ids != base[i]}}
    print(json.dumps({"texts": TEXTS, "pairs": PAIRS, "tokens": BASE_TOKENS, "ids": base}, separators=(",", ":")))
    for old, new in zip(four, five, strict=True):
        assert old["name"] == new["name"]
        row = {"name": new["name"], "edits": new["edits"]}
        if answer(old) == answer(new) or ("error" in old and "error" in new):
            row["both"] = answer(new)
        else:
            row.update(v4=answer(old), v5=answer(new))
        print(json.dumps(row, separators=(",", ":")))


if __name__ == "__main__":
    main()
