"""The variations of make_checkpoint_golden.py: (name, edits, what this project does otherwise and why, or "")."""

import json
import re

CASES = []

# What this project does otherwise, and why: regular expressions of the names of the variations
HERE = {
    "served: nothing is computed from the field, whatever its type (transformers 4 serves these, too)": [
        r"hidden_dropout_prob is (null|.0.1.)", r"chunk_size_feed_forward is (3|null|.x.)", r"use_cache is (null|1)", r"tie_word_embeddings is null",
        r"initializer_range is (1|null|.a.)", r"(bos|eos)_token_id is (\[.*|.2.|2\.0|true)"],
    "served: null is as good as absent": [
        r"(hidden_act|num_labels|is_decoder|add_cross_attention|pad_token_id|num_attention_heads|layer_norm_eps) is null",
        r"id2label is absent, num_labels null"],
    "served: an integer is a number (as for transformers 4)": [r"layer_norm_eps is [0-9]+"],
    "served: the scores of one label are sigmoids, as in a pipeline of transformers 4": [r"one label", r"one label and single_label_classification"],
    "served: a byte order mark is as good as none": [r"a byte order mark"],
    "served: only weight_map counts": [r"index with(out| null) metadata"],
    "refused: a label has no name, or two, so that a pipeline fails or takes the one that comes last": [
        r"id2label is \{.(1.: .a., .2|-1|0.: .a., .1.: .b., .01).*"],
    "refused: an index is written in decimal digits": [r"id2label is \{.0_0.*"],
    "refused: position_embedding_type, which transformers 4 computes with and 5 passes over": [r"position_embedding_type is .(relative_key.*|x.)"],
    "refused: is_decoder, a decoder sees only the tokens before each": [r"is_decoder is true"],
    "refused: a model without layers": [r"num_hidden_layers is (0|-1)", r"no layer"],
    "refused: the hidden state of every text would be the same": [r"layer_norm_eps is (Infinity|1e999)"],
    "refused: a weight is there twice, and which one counts depends on the order of the names": [r"gamma beside weight", r"gamma of zeros behind weight", r"no prefix, with it as well"],
    "refused: the format of safetensors forbids it": [r"a tensor twice"],
    "refused: integers and 8-bit floats are quantized weights, which need scales": [r"a bias is (I|U|BOOL|F8|C64).*", r"embeddings of int8"],
}


def case(name, **edits):
    CASES.append((name, edits, next((reason for reason, names in HERE.items() if any(re.fullmatch(one, name) for one in names)), "")))


def config(field, *values):
    for value in values:
        case(f"{field} is {json.dumps(value)[:60]}", config={field: value})


# Names of functions
config("hidden_act", "gelu", "gelu_10", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh", "gelu_python_tanh",
       "gelu_accurate", "hardswish", "laplace", "leaky_relu", "linear", "mish", "quick_gelu", "relu", "relu2", "relu6", "sigmoid",
       "silu", "sqrtsoftplus", "swish", "tanh", "prelu", "xielu", "GELU", "gelu_tanh", "", "softmax")
config("hidden_act", None, 1, True, [], {})
case("hidden_act is absent", without=["hidden_act"])

# What only decorates
DECORATION = {
    "classifier_dropout": [0.3, None, 1, 0], "hidden_dropout_prob": [0.9, 0, None, "0.1"], "attention_probs_dropout_prob": [0.5, 1],
    "chunk_size_feed_forward": [0, 1, 3, None, "x"], "torchscript": [True], "use_cache": [False, True, None, 1], "return_dict": [False, None],
    "output_attentions": [True, False], "output_hidden_states": [True, None], "tie_word_embeddings": [False, True, None],
    "tie_encoder_decoder": [True], "use_bfloat16": [True], "tf_legacy_loss": [True], "gradient_checkpointing": [True],
    "initializer_range": [1, 0.5, None, "a"], "transformers_version": ["2.1", None, 4], "finetuning_task": ["sst2", 7], "_name_or_path": ["../x", None],
    "name_or_path": ["x"], "torch_dtype": ["float32", "bfloat16", None], "dtype": ["float16", "bfloat16", None],
    "label2id": [None, {}, {"a": 7}, {"negative": "0"}, [1], {"negative": None}], "task_specific_params": [{"x": {}}], "tokenizer_class": ["BertTokenizer", None],
    "prefix": ["x"], "sep_token_id": [99, None], "decoder_start_token_id": [7], "cross_attention_hidden_size": [5],
    "adapters": [{"adapters": {}}], "auto_map": [{}], "_attn_implementation": ["eager", "sdpa"], "attn_implementation": ["eager"],
    "_commit_hash": ["abc"], "max_length": [20], "temperature": [2.0], "is_encoder_decoder": [True, False, None],
    "problem_type": [None, "regression", "multi_label_classification", "single_label_classification", "", "ranking", 1],
    "num_labels": [2, 1, 3, None, 0, "2", 2.0], "per_layer_config": [None, {}], "pruned_heads": [None, {}, {"0": []}, {"0": [], "1": []}, []],
    "num_choices": [4], "summary_type": ["x"], "head_dim": [32, 7], "layer_types": [None], "gradient_accumulation": [1e30],
    "vocab_file": ["x"], "remove_invalid_values": [True], "bad_words_ids": [[[1]]], "id2": [{"a": [None, True]}],
}
for field, values in DECORATION.items():
    config(field, *values)

# What counts
config("position_embedding_type", "absolute", None)
config("position_embedding_type", "relative_key", "relative_key_query", "x")
config("is_decoder", True)
config("is_decoder", False, None, 0)
config("add_cross_attention", False, None)
config("add_cross_attention", True)
case("is_decoder and add_cross_attention", config={"is_decoder": True, "add_cross_attention": True})
config("pruned_heads", {"0": [1]}, {"1": [0, 1]}, {"7": [1]}, {"0": 1}, {"x": [1]}, [1])
config("quantization_config", None)
config("quantization_config", {}, {"bits": 4}, {"quant_method": "bitsandbytes", "load_in_8bit": True})
config("per_layer_config", {"0": {"hidden_act": "relu"}}, {"0": {"intermediate_size": 7}}, {"1": {}})
config("model_type", "roberta")
config("model_type", "bert", "xlm-roberta", "camembert", "Roberta", None, 7, "")
case("model_type is absent", without=["model_type"])
config("transformers_weights", None, "model.safetensors", "other.safetensors", "../model.safetensors")

# Architectures
config("architectures", None, [], ["RobertaForSequenceClassification"], ["RobertaForMaskedLM"], ["RobertaModel"],
       ["RobertaForMaskedLM", "RobertaForSequenceClassification"], ["BertForSequenceClassification"], ["X"], "RobertaForMaskedLM", [None], [7], 7, {})
case("architectures are absent", without=["architectures"])
case("roberta-base", config={"architectures": ["RobertaForMaskedLM"]},
     tensors=[["drop", "classifier."], ["add", "lm_head.bias", "F32", [12288]], ["add", "lm_head.dense.weight", "F32", [384, 384]]])

# Labels
LABELS = [{"0": 0, "1": 1}, {"0": 1.5, "1": True}, {"0": None, "1": "x"}, {"0": None, "1": None}, {"0": "a", "1": "a"}, {"0": "", "1": "b"},
          {"0": ["x"], "1": {"y": 1}}, {"1": "a", "0": "b"}, {"0": "a"}, {"0": "a", "1": "b", "2": "c"}, {}, {"1": "a", "2": "b"},
          {"00": "a", "1": "b"}, {" 0": "a", "1 ": "b"}, {"0": "a", "x": "b"}, {"-1": "a", "0": "b"}, {"0": "a", "1": "b", "01": "c"},
          ["a", "b"], "ab", None, {"0": "\u00e9\n", "1": "\ud83d\ude00"}, {"0": "a", "1.0": "b"}, {"0": "a" * 5000, "1": "b"},
          {"+0": "a", "1": "b"}, {"0_0": "a", "1": "b"}, {"0": "a", "1": False}]
config("id2label", *LABELS)
case("id2label and another num_labels", config={"num_labels": 7})
case("one label", config={"id2label": {"0": "x"}}, tensors=[["rows", "classifier.out_proj", 1]])
for problem_type in [None, "regression", "multi_label_classification"]:
    case(f"one label and {problem_type}", config={"id2label": {"0": "x"}, "problem_type": problem_type}, tensors=[["rows", "classifier.out_proj", 1]])
case("one label and single_label_classification",
     config={"id2label": {"0": "x"}, "problem_type": "single_label_classification"}, tensors=[["rows", "classifier.out_proj", 1]])
case("three labels by num_labels", config={"num_labels": 3, "id2label": None}, tensors=[["rows", "classifier.out_proj", 3]])
case("three labels by id2label, num_labels two", config={"num_labels": 2, "id2label": {"0": "a", "1": "b", "2": "c"}},
     tensors=[["rows", "classifier.out_proj", 3]])
case("id2label is absent", without=["id2label", "label2id"])
case("id2label is absent, num_labels null", config={"num_labels": None}, without=["id2label"])

# Special tokens: only pad_token_id moves positions
for field in ["bos_token_id", "eos_token_id"]:
    config(field, 5, 99999, -1, None, [2, 3], "2", 2.0, True, [])
    case(f"{field} is absent", without=[field])
config("pad_token_id", 0, 2, 3, 87, None, -1, 511, 512, 600, 99999, "1", 1.0, True, [1])
case("pad_token_id is absent", without=["pad_token_id"])
config("mask_token_id", 4, 999999)

# Sizes
for field in ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings",
              "type_vocab_size", "layer_norm_eps"]:
    config(field, None, 0, -1, "7", 2.5, 7)
    case(f"{field} is absent", without=[field])
config("num_hidden_layers", 1, 2, 4)
config("num_attention_heads", 1, 6, 24, 384, 5)
config("layer_norm_eps", 1e-5, 1, 2, 1e-30, 0.001, 0.0, True)
case("layer_norm_eps is NaN", config_text=[["1e-12", "NaN"]])
case("layer_norm_eps is Infinity", config_text=[["1e-12", "Infinity"]])
case("layer_norm_eps is 1e999", config_text=[["1e-12", "1e999"]])
case("layer_norm_eps is 1e-5 in other letters", config_text=[["1e-12", "0.00001E0"]])
config("max_position_embeddings", 513, 515, 512)
config("vocab_size", 12287, 12289)
case("more rows and vocab_size", config={"vocab_size": 12300}, tensors=[["rows", "word_embeddings", 12300]])
case("fewer rows and vocab_size", config={"vocab_size": 5000}, tensors=[["rows", "word_embeddings", 5000]])
case("more token types", config={"type_vocab_size": 3}, tensors=[["rows", "token_type_embeddings", 3]])
case("more positions", config={"max_position_embeddings": 600}, tensors=[["rows", "position_embeddings", 600]])
case("fewer positions", config={"max_position_embeddings": 40}, tensors=[["rows", "position_embeddings", 40]])
case("no layer", config={"num_hidden_layers": 0}, tensors=[["drop", "encoder.layer"]])

# JSON as Python reads it
case("NaN", config_text=[["{", "{\"loss\":NaN, "]])
case("Infinity", config_text=[["{", "{\"loss\":[Infinity, -Infinity], "]])
case("a key twice, the last one counts", config_text=[["{", "{\"hidden_act\":\"relu\", "]])
case("a key twice, the last one is wrong", config_text=[["\"hidden_act\":\"gelu\"", "\"hidden_act\":\"gelu\",\"hidden_act\":\"x\""]])
case("an unknown key twice", config_text=[["{", "{\"x\":1,\"x\":{\"x\":2,\"x\":3}, "]])
case("a lone surrogate", config_text=[["{", "{\"x\":\"\\ud800 \\udfff\", "]])
case("a lone surrogate in a label", config_text=[["\"positive\"}", "\"\\ud800\"}"]])
case("a label with a NUL", config_text=[["\"positive\"}", "\"a\\u0000b\"}"]])
case("a huge number", config_text=[["{", "{\"x\":123456789012345678901234567890,\"y\":1e999,\"z\":-1e-999, "]])
case("spaces and lines around", config_text=[["{", " \r\n\t{ \n\n"]])
case("a comment", config_text=[["{", "{ // x\n"]])
case("a comma at the end", config_text=[["\"torch_dtype\":\"float16\"}", "\"torch_dtype\":\"float16\",}"]])
case("single quotes", config_text=[["\"gelu\"", "'gelu'"]])
case("a byte order mark", config_text=[["{", "\ufeff{"]])
case("text behind the object", config_text=[["\"torch_dtype\":\"float16\"}", "\"torch_dtype\":\"float16\"} x"]])
case("nested 50 deep", config_text=[["{", "{\"x\":" + "[" * 50 + "]" * 50 + ", "]])
case("a control character in a string", config_text=[["{", "{\"x\":\"a\tb\nc\", "]])
case("escapes of names", config_text=[["\"hidden_act\"", "\"hidden\\u005fact\""]])
case("config is a list", config_text=[["{", "[{"], ["\"torch_dtype\":\"float16\"}", "\"torch_dtype\":\"float16\"}]"]])
for text in ["", "null", "7", "{}", "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 7\n", "<!DOCTYPE html><html></html>"]:
    case(f"config.json is {text[:20]!r}", files={"config.json": text})
case("config.json is cut", truncate={"config.json": 300})
case("config.json is missing", files={"config.json": None})

# Tensors that nothing needs
for dtype in ["F4", "F6_E2M3", "F6_E3M2", "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I16", "U16",
              "F16", "BF16", "I32", "U32", "F32", "C64", "I64", "U64", "F64"]:
    case(f"leftover {dtype}", tensors=[["add", "lm_head.layer_norm.weight", dtype, [8, 4]]])
case("leftover of an unknown dtype", tensors=[["add", "extra", "F32", [4]]], header=[["\"extra\":{\"dtype\":\"F32\"", "\"extra\":{\"dtype\":\"F128\""]])
for name in ["lm_head.weight", "roberta.pooler.dense.weight", "roberta.embeddings.position_ids", "loss.weight", "optimizer.state.0.exp_avg",
             "roberta.encoder.layer.7.output.dense.weight", "roberta.encoder.layer.0.attention.self.distance_embedding.weight", "x", "classifier.extra",
             "classifier.out_proj.weight_scale", "roberta.encoder.layer.0.attention.self.query.weight.absmax", "score.weight", "a b", "\u00e9", "model.x"]:
    case(f"leftover {name}", tensors=[["add", name, "F32", [3, 2]]])
case("leftover scalar", tensors=[["add", "step", "I64", []]])
case("leftover without elements", tensors=[["add", "nothing", "F32", [0, 7]]])
case("leftover of nine dimensions", tensors=[["add", "deep", "F32", [1, 1, 1, 1, 1, 1, 1, 1, 2]]])
case("leftover with an empty name", tensors=[["add", "", "F32", [2]]])
case("leftover with a control character", tensors=[["add", "a\tb", "F32", [2]]])
case("position_ids of int64", tensors=[["add", "roberta.embeddings.position_ids", "I64", [1, 514]]])
case("token_type_ids", tensors=[["add", "roberta.embeddings.token_type_ids", "I64", [1, 514]]])

# Names
case("gamma and beta", tensors=[["rename", "LayerNorm.weight", "LayerNorm.gamma"], ["rename", "LayerNorm.bias", "LayerNorm.beta"]])
case("gamma alone", tensors=[["rename", "embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma"]])
case("gamma beside weight", tensors=[["copy", "roberta.embeddings.LayerNorm.weight", "roberta.embeddings.LayerNorm.gamma"]])
case("gamma of zeros behind weight", tensors=[["add", "roberta.embeddings.LayerNorm.gamma", "F32", [384]]])
case("no prefix", tensors=[["rename", "roberta.", ""]])
case("no prefix in places", tensors=[["rename", "roberta.encoder.", "encoder."]])
case("prefix roberta.roberta.", tensors=[["rename", "roberta.", "roberta.roberta."]])
case("prefix module.", tensors=[["rename", "roberta.", "module.roberta."], ["rename", "classifier.", "module.classifier."]])
case("prefix model.", tensors=[["rename", "roberta.", "model.roberta."], ["rename", "classifier.", "model.classifier."]])
case("prefix bert.", tensors=[["rename", "roberta.", "bert."]])
case("prefix roberta_", tensors=[["rename", "roberta.", "roberta_"]])
case("prefix roberta. of the head", tensors=[["rename", "classifier.", "roberta.classifier."]])
case("prefix roberta. of all but the body", tensors=[["rename", "classifier.", "roberta.classifier."], ["rename", "roberta.e", "e"]])
case("no prefix, with it as well", tensors=[["copy", "roberta.embeddings.LayerNorm.bias", "embeddings.LayerNorm.bias"]])
case("layernorm in small letters", tensors=[["rename", "LayerNorm", "layernorm"]])
case("an old name of the head", tensors=[["rename", "classifier.out_proj", "classifier.out"]])
case("layer 1 is missing", tensors=[["drop", "layer.1."]])
case("word embeddings are missing", tensors=[["drop", "word_embeddings"]])
case("a bias is missing", tensors=[["drop", "layer.0.output.dense.bias"]])
case("the head is missing", tensors=[["drop", "classifier."]])
case("half of the head is missing", tensors=[["drop", "classifier.dense"]])
case("token types are missing", tensors=[["drop", "token_type_embeddings"]])
case("weight_g and weight_v", tensors=[["add", "roberta.x.weight_g", "F32", [2]], ["add", "roberta.x.weight_v", "F32", [2]]])
case("no tensor", tensors=[["drop", ""]])

# Types and shapes
for dtype in ["F32", "F64", "BF16", "F16"]:
    case(f"all {dtype}", tensors=[["dtype", "", dtype]])
    case(f"a bias is {dtype}", tensors=[["dtype", "layer.0.output.dense.bias", dtype]])
    case(f"word embeddings are {dtype}", tensors=[["dtype", "word_embeddings", dtype]])
    case(f"head is {dtype}", tensors=[["dtype", "classifier.", dtype]])
for dtype in ["I64", "I32", "I16", "I8", "U8", "BOOL", "U16", "F8_E4M3", "F8_E5M2", "C64", "U64"]:
    case(f"a bias is {dtype}", tensors=[["dtype", "layer.0.output.dense.bias", dtype]])
case("embeddings of int8", tensors=[["dtype", "word_embeddings", "I8"]])
case("a row too many", tensors=[["rows", "layer.0.intermediate.dense", 1537]])
case("a row too few", tensors=[["rows", "classifier.out_proj", 1]])
case("a bias of [1, 384]", tensors=[["shape", "layer.0.output.dense.bias", [1, 384]]])
case("a matrix as a vector", tensors=[["shape", "classifier.dense.weight", [147456]]])
case("a matrix turned", tensors=[["shape", "layer.0.intermediate.dense.weight", [384, 1536]]])
case("a norm of [384, 1]", tensors=[["shape", "layer.0.output.LayerNorm.weight", [384, 1]]])

# The header of safetensors files
for value in [None, {}, {"format": "pt", "x": "y"}, {"format": "tf"}, {"format": "np"}, {"format": "flax"}, {"format": "mlx"}, {"x": "y"}, {"format": 7},
              {"format": None}, [], "x", {"total": {"a": 1}}, {"": ""}]:
    case(f"metadata {value}", metadata=value)
case("metadata is absent", metadata="absent")
case("a space before the header", header=[["{", " {"]])
case("lines before the header", header=[["{", "\n\t\r {"]])
case("an unknown field", header=[["\"dtype\"", "\"quantized\":{\"x\":[1, null]},\"dtype\""]])
case("an unknown field before all", header=[["{\"__metadata__\"", "{ \"__metadata__\""], ["\"dtype\"", "\"x\":1,\"dtype\""]])
case("a field twice", header=[["\"dtype\":\"F16\"", "\"dtype\":\"F16\",\"dtype\":\"F16\""]])
case("a missing field", header=[["\"dtype\":\"F16\",", ""]])
case("fields in another order", header=[["\"dtype\":\"F16\",\"shape\":[2]", "\"shape\":[2],\"dtype\":\"F16\""]])
case("a small letter in dtype", header=[["F16", "f16"]])
case("dtype null", header=[["\"F16\"", "null"]])
case("a float as offset", header=[["\"data_offsets\":[0,", "\"data_offsets\":[0.0,"]])
case("a negative offset", header=[["\"data_offsets\":[0,", "\"data_offsets\":[-1,"]])
case("three offsets", header=[["\"data_offsets\":[0,", "\"data_offsets\":[0, 0,"]])
case("a tensor twice", header=[["\"__metadata__\"", "\"classifier.out_proj.bias\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[0, 0]},\"__metadata__\""]])
case("an escape in a name", header=[["classifier.out_proj.bias", "classifier\\u002eout_proj.bias"]])
case("metadata twice", header=[["\"__metadata__\"", "\"__metadata__\":{},\"__metadata__\""]])
case("a nested metadata", header=[["\"format\":\"pt\"", "\"format\":\"pt\",\"a\":{\"b\":\"c\"}"]])
case("bytes behind the data", tail=8)
case("cut data", truncate={"model.safetensors": 9000000})
case("cut header", truncate={"model.safetensors": 1000})
case("cut length", truncate={"model.safetensors": 5})
case("no bytes", truncate={"model.safetensors": 0})
case("a Git LFS pointer", files={"model.safetensors": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 31437340\n"})
case("an HTML page", files={"model.safetensors": "<!doctype html>\n<html><head><title>404</title></head></html>\n"})
case("a JSON error", files={"model.safetensors": "{\"error\": \"Repository not found\"}"})
case("a text", files={"model.safetensors": "Entry not found"})
case("no weights", files={"model.safetensors": None})

# Shards
TWO = {"model-00001-of-00002.safetensors": "embeddings", "model-00002-of-00002.safetensors": ""}
case("two shards", shards=TWO)
case("three shards", shards={"a.safetensors": "layer.0", "b.safetensors": "layer.1", "c.safetensors": ""})
case("one shard", shards={"model-00001-of-00001.safetensors": ""})
case("shards of plain names", shards={"x.safetensors": "classifier", "y.safetensors": ""})
case("shards in a folder", shards={"parts/1.safetensors": "embeddings", "parts/2.safetensors": ""})
case("shards in a folder of a folder", shards={"a/b/1.safetensors": "embeddings", "2.safetensors": ""})
case("shard ./x", shards={"./1.safetensors": "embeddings", "2.safetensors": ""})
case("hidden shard", shards={".1.safetensors": "embeddings", "2.safetensors": ""})
case("shards beside one file", shards={"model.safetensors": "", "2.safetensors": "\n"})
case("index names fewer", shards=TWO, unindexed="classifier")
case("index names fewer still", shards=TWO, unindexed="layer.")
case("index leaves a shard out", shards=TWO, unindexed="embeddings")
case("index names more", shards=TWO, index={"lm_head.weight": "model-00001-of-00002.safetensors"})
case("index names a shard that is missing", shards=TWO, index={"lm_head.weight": "model-00003-of-00003.safetensors"})
case("index places a tensor elsewhere", shards=TWO, index={"classifier.dense.bias": "model-00001-of-00002.safetensors"})
case("index names a file above", shards=TWO, index={"x": "../x.safetensors"})
case("index names an absolute file", shards=TWO, index={"x": "/tmp/x.safetensors"})
case("index names a number", shards=TWO, index={"x": 7})
case("index names null", shards=TWO, index={"x": None})
case("index without metadata", shards=TWO, index_text=[["\"metadata\":{\"total_size\":0},", ""]])
case("index with null metadata", shards=TWO, index_text=[["{\"total_size\":0}", "null"]])
case("index without weight_map", shards=TWO, index_text=[["weight_map", "weights"]])
case("index with further fields", shards=TWO, index_text=[["\"metadata\"", "\"x\":NaN,\"x\":1,\"metadata\""]])
case("index is no JSON", shards=TWO, index_text=[["{", "{{"]])
case("index names a tensor twice", shards=TWO, index_text=[["\"weight_map\":{", "\"weight_map\":{\"classifier.dense.bias\":\"model-00001-of-00002.safetensors\", "]])
case("leftovers in a shard", shards=TWO, tensors=[["add", "lm_head.bias", "U8", [3]]])
case("shards without prefix", shards=TWO, tensors=[["rename", "roberta.", ""]])
case("a shard is cut", shards=TWO, truncate={"model-00002-of-00002.safetensors": 2000000})
case("a shard is a Git LFS pointer", shards=TWO, files={"model-00002-of-00002.safetensors": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 3\n"})
case("weights are a link", link={"model.safetensors": "blob"})
case("a shard is a link", shards=TWO, link={"model-00001-of-00002.safetensors": "blob"})
case("config is a link", link={"config.json": "blob"})
