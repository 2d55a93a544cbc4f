"""Writes variations.jsonl: what transformers 5 makes of variations of the demo model.

    python3 make_checkpoint_golden.py > variations.jsonl
    python3 make_checkpoint_golden.py --random 200 --seed 7 > /tmp/random.jsonl
    ROBERTA_CHECKPOINT_VARIATIONS=/tmp/random.jsonl build/release/bin/golden_logits_test --gtest_filter='*Variations*'

It runs where transformers 5 and torch are. The first line holds the token ids of the texts. Every other line is a variation: its
name, its edits (described at Directory.edit), and either the logits of every text in float32 or why it is refused. "here" is there
where this project differs on purpose, and says what it does and why. With --random, every line combines the edits of some of them.
tests/profiles/golden/checkpoint_variations_test.cc makes the same edits and compares.
"""
import argparse
import json
import os
import random
import re
import shutil
import struct
import sys
import tempfile

import numpy

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../models/demo-sst2")
IDS = [[0, 3139, 416, 2], [0, 1140, 631, 416, 87, 34, 812, 258, 9, 2], [0, 7, 2]]
LAYERS = [0, 3, 5]  # of the demo model's six, so that a variation takes less time
BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
        "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "I64": 64,
        "U64": 64, "F64": 64}


def read_safetensors(path):
    """name -> (dtype, shape, bytes)"""
    with open(path, "rb") as file:
        content = file.read()
    length = struct.unpack("<Q", content[:8])[0]
    data = memoryview(content)[8 + length:]
    header = json.loads(content[8:8 + length])
    return {name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def zeros(dtype, shape):
    return dtype, shape, bytes(int(numpy.prod(shape, dtype=numpy.int64)) * BITS[dtype] // 8)


def converted(tensor, dtype):
    if tensor[0] != "F16":
        raise ValueError(f"{tensor[0]} is converted already")
    values = numpy.frombuffer(tensor[2], dtype=numpy.float16)
    if dtype == "BF16":  # rounded to nearest, ties to even
        bits = values.astype(numpy.float32).view(numpy.uint32)
        return dtype, tensor[1], ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(numpy.uint16).tobytes()
    to = {"F16": numpy.float16, "F32": numpy.float32, "F64": numpy.float64}.get(dtype)
    return (dtype, tensor[1], values.astype(to).tobytes()) if to else zeros(dtype, tensor[1])


def with_rows(tensor, rows):
    """As many of its rows, or zeros below them."""
    dtype, shape, data = tensor
    row_bytes = len(data) // shape[0]
    return dtype, [rows] + shape[1:], (bytes(data) + bytes(max(0, rows - shape[0]) * row_bytes))[:rows * row_bytes]


class Directory:
    """A model directory of the first layers of the demo model, with edits."""

    def __init__(self, path, tensors, config):
        self.path, self.tensors, self.config = path, tensors, config

    def edit(self, edits):
        """In this order, each as far as it is there:

        config: {field: value}; without: [field]; config_text: [[part, replacement]] of the text of config.json
        tensors: list of [operation, part of a name (that of "copy" and "add" is whole), ...], for every tensor whose name has it:
            drop | rename, replacement of the part | dtype, dtype | copy, new name | add, dtype, shape | rows, count | shape, shape
        metadata: __metadata__ of the header; header: [[part, replacement]] of the text of the header; tail: bytes of zeros at the end
        shards: {file name: part of the names of its tensors}, the first that fits; unindexed: part of names that the index leaves out;
            index: {name: file name} more entries of it; index_text: [[part, replacement]]
        files: {name: text}, null: none of that name; truncate: {name: bytes}; link: {name: name of the file that is behind the link}
        """
        config = {name: value for name, value in {**self.config, **edits.get("config", {})}.items()
                  if name not in edits.get("without", [])}
        self.write("config.json", replaced(dumped(config), edits.get("config_text", [])).encode("utf-8", "surrogatepass"))
        tensors = dict(self.tensors)
        for operation, part, *values in edits.get("tensors", []):
            tensors = getattr(self, operation)(tensors, part, *values)
        self.write_weights(tensors, edits)
        for name, text in edits.get("files", {}).items():
            if text is None:
                os.remove(os.path.join(self.path, name))
            else:
                self.write(name, text.encode("utf-8", "surrogatepass"))
        for name, size in edits.get("truncate", {}).items():
            os.truncate(os.path.join(self.path, name), size)
        for name, target in edits.get("link", {}).items():
            os.rename(os.path.join(self.path, name), os.path.join(self.path, target))
            os.symlink(target, os.path.join(self.path, name))

    def drop(self, tensors, part):
        return {name: tensor for name, tensor in tensors.items() if part not in name}

    def rename(self, tensors, part, to):
        return {name.replace(part, to, 1): tensor for name, tensor in tensors.items()}

    def dtype(self, tensors, part, dtype):
        return {name: converted(tensor, dtype) if part in name else tensor for name, tensor in tensors.items()}

    def copy(self, tensors, name, to):
        return {**tensors, to: tensors[name]}

    def add(self, tensors, name, dtype, shape):
        return {**self.drop_one(tensors, name), name: zeros(dtype, shape)}

    def drop_one(self, tensors, dropped):
        return {name: tensor for name, tensor in tensors.items() if name != dropped}

    def rows(self, tensors, part, count):
        return {name: with_rows(tensor, count) if part in name else tensor for name, tensor in tensors.items()}

    def shape(self, tensors, part, shape):
        return {name: (tensor[0], shape, tensor[2]) if part in name else tensor for name, tensor in tensors.items()}

    def write(self, name, content):
        os.makedirs(os.path.dirname(os.path.join(self.path, name)), exist_ok=True)
        with open(os.path.join(self.path, name), "wb") as file:
            file.write(content)

    def write_weights(self, tensors, edits):
        shards = edits.get("shards", {"model.safetensors": ""})
        weight_map = {}
        for shard, part in shards.items():
            of_shard = {name: tensor for name, tensor in tensors.items() if part in name and name not in weight_map}
            weight_map.update({name: shard for name in of_shard})
            self.write_safetensors(shard, of_shard, edits)
        if "shards" not in edits:
            return
        weight_map = {name: shard for name, shard in weight_map.items() if edits.get("unindexed", "\n") not in name}
        index = {"metadata": {"total_size": 0}, "weight_map": {**weight_map, **edits.get("index", {})}}
        self.write("model.safetensors.index.json", replaced(dumped(index), edits.get("index_text", [])).encode())

    def write_safetensors(self, name, tensors, edits):
        metadata = edits.get("metadata", {"format": "pt"})
        header, end = {"__metadata__": metadata} if metadata != "absent" else {}, 0
        for tensor, (dtype, shape, data) in tensors.items():
            header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(data)]}
            end += len(data)
        text = replaced(dumped(header), edits.get("header", [])).encode("utf-8", "surrogatepass")
        self.write(name, b"".join([struct.pack("<Q", len(text)), text, *[data for _, _, data in tensors.values()],
                                   bytes(edits.get("tail", 0))]))


def dumped(value):
    return json.dumps(value, separators=(",", ":"))


def replaced(text, replacements):
    for part, replacement in replacements:
        assert part in text, part
        text = text.replace(part, replacement, 1)
    return text


def base_model():
    tensors = read_safetensors(os.path.join(DEMO, "model.safetensors"))
    kept = {}
    for name, tensor in tensors.items():
        layer = re.search(r"layer\.(\d+)\.", name)
        if layer is None:
            kept[name] = tensor
        elif int(layer[1]) in LAYERS:
            kept[name.replace(layer[0], f"layer.{LAYERS.index(int(layer[1]))}.")] = tensor
    with open(os.path.join(DEMO, "config.json")) as file:
        return kept, {**json.load(file), "num_hidden_layers": len(LAYERS)}


def answer(path):
    """{"logits": ...}, or {"refused": ...}; weights that are missing are random for transformers, and nobody's numbers."""
    import torch
    import transformers
    try:
        transformers.utils.logging.disable_progress_bar()
        torch.manual_seed(1)
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            path, dtype=torch.float32, output_loading_info=True, local_files_only=True)
        if type(model).__name__ != "RobertaForSequenceClassification":
            return {"refused": f"is a {type(model).__name__}"}
        missing = sorted(info["missing_keys"])
        if missing:
            return {"refused": f"weights of {missing[0]} and {len(missing) - 1} more are missing, and random"}
        model.eval()
        with torch.no_grad():
            logits = [model(input_ids=torch.tensor([ids]))[0][0].tolist() for ids in IDS]
        if not numpy.isfinite(numpy.array(logits)).all():
            return {"refused": "logits are not finite"}
        labels = [model.config.id2label.get(i) for i in range(len(logits[0]))]
        labels = [re.sub("[\ud800-\udfff]", "\ufffd", label) if isinstance(label, str) else dumped(label) for label in labels]
        return {"logits": [[round(value, 6) for value in row] for row in logits], "labels": labels}
    except Exception as error:  # whatever it is, the model is not served
        line = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}".replace(path, "DIR"))
        return {"refused": re.sub(r"[^ -~]", "?", line)[:160]}


def combined(rng, cases):
    """The edits of two to four variations together; where they meet, the last one's value holds."""
    chosen = rng.sample(cases, rng.randint(2, 4))
    edits = {}
    for _, part, _ in chosen:
        for key, value in part.items():
            if isinstance(value, dict) and isinstance(edits.get(key), dict) and key != "shards":
                edits[key] = {**edits[key], **value}
            elif isinstance(value, list) and key in edits:
                edits[key] = edits[key] + value
            else:
                edits[key] = value
    here = "; ".join(dict.fromkeys(reason for _, _, reason in chosen if reason))
    return " + ".join(name for name, _, _ in chosen), edits, here and f"may be {here}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--random", type=int, metavar="N", help="N combinations of variations in place of all of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only variations whose name has this in it")
    options = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical")
    from checkpoint_variations import CASES
    cases = [case for case in CASES if options.only in case[0]]
    if options.random:
        rng = random.Random(options.seed)
        alike = [case for case in CASES if not case[2].startswith("served")]
        cases = [combined(rng, alike) for _ in range(options.random)]
    tensors, config = base_model()
    print(json.dumps({"ids": IDS, "layers": LAYERS}))
    for name, edits, here in cases:
        path = tempfile.mkdtemp()
        try:
            try:
                Directory(path, tensors, config).edit(edits)
            except (AssertionError, OSError, ValueError, KeyError) as error:  # parts of a combination may exclude each other
                print(f"{name}: cannot be made: {error!r}", file=sys.stderr)
                continue
            row = {"name": name, "edits": edits, **answer(path)}
            if here:
                row["here"] = here
            print(json.dumps(row), flush=True)
        finally:
            shutil.rmtree(path)


if __name__ == "__main__":
    main()
