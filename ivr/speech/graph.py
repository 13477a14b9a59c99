"""Whisper's decoder written down as a network, in ONNX's textual form (onnx.ai/onnx/repo-docs/Syntax.html).

It is Whisper's (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022) but for this:
keys and values of all texts that are followed side by side stand in one list, and a mask says which of them each
text is made of.  So nothing is copied when one text becomes two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from onnx import ModelProto, numpy_helper, parser

MOST: Final = 63
"""The largest weight, of 7 bits: sums of 8-bit weights overflow on processors that have AVX2 but no VNNI
(onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When to use reduce-range")."""

OPSETS: Final = 'opset_import: ["" : 20, "com.microsoft" : 1, "accueil" : 1]'
LINEAR: Final = f"""
<domain: "accueil", {OPSETS}>
linear (x, weights, scale, bias) => (y) {{
  last = Constant <value_ints = [-1]> ()
  size = Abs(x)
  largest = ReduceMax(size, last)
  part = Constant <value_float = {1 / 127}> ()
  step = Mul(largest, part)
  steps = Div(x, step)
  middle = Constant <value_float = 128.5> ()
  upwards = Add(steps, middle)
  bytes = Cast <to = 2> (upwards)
  zero = Constant <value = uint8 {{128}}> ()
  one = Constant <value_float = 1.0> ()
  product = com.microsoft.MatMulIntegerToFloat(bytes, weights, one, scale, zero)
  scaled = Mul(product, step)
  y = Add(scaled, bias)
}}"""
"""x weights + bias: each row of x in steps of its own (8 bits), each column of the weights in its own."""
LAYER: Final = f"""
<domain: "accueil", {OPSETS}>
layer <heads> (
  x, asked, mask, keys, values, sound_keys, sound_values,
  words_gamma, words_beta, words_weights, words_scale, words_bias, said_weights, said_scale, said_bias,
  sound_gamma, sound_beta, ask_weights, ask_scale, ask_bias, heard_weights, heard_scale, heard_bias,
  think_gamma, think_beta, wide_weights, wide_scale, wide_bias, narrow_weights, narrow_scale, narrow_bias
) => (y, all_keys, all_values) {{
  batch = Constant <value_ints = [0]> ()

  words = LayerNormalization <axis = -1> (x, words_gamma, words_beta)
  triple = accueil.linear(words, words_weights, words_scale, words_bias)
  query, key, value = Split <axis = 1, num_outputs = 3> (triple)
  my_x = Gather(x, asked)
  my_query = Gather(query, asked)
  my_mask = Gather <axis = 2> (mask, asked)
  query3 = Unsqueeze(my_query, batch)
  key3 = Unsqueeze(key, batch)
  value3 = Unsqueeze(value, batch)
  said3, all_keys, all_values = com.microsoft.MultiHeadAttention <num_heads: int = @heads>
    (query3, key3, value3, , , my_mask, keys, values)
  said = Squeeze(said3, batch)
  said_part = accueil.linear(said, said_weights, said_scale, said_bias)
  with_words = Add(my_x, said_part)

  sounds = LayerNormalization <axis = -1> (with_words, sound_gamma, sound_beta)
  ask = accueil.linear(sounds, ask_weights, ask_scale, ask_bias)
  ask3 = Unsqueeze(ask, batch)
  heard3 = com.microsoft.MultiHeadAttention <num_heads: int = @heads> (ask3, sound_keys, sound_values)
  heard = Squeeze(heard3, batch)
  heard_part = accueil.linear(heard, heard_weights, heard_scale, heard_bias)
  with_sound = Add(with_words, heard_part)

  thought = LayerNormalization <axis = -1> (with_sound, think_gamma, think_beta)
  wide = accueil.linear(thought, wide_weights, wide_scale, wide_bias)
  bent = Gelu(wide)
  narrow = accueil.linear(bent, narrow_weights, narrow_scale, narrow_bias)
  y = Add(with_sound, narrow)
}}"""
"""``asked``: the rows that go on; in the last layer those whose next token is wanted."""

PARTS: Final = (
    "self_attention/layer_norm", "self_attention/linear_0", "self_attention/linear_1",
    "attention/layer_norm", "attention/linear_0", "attention/linear_2",
    "ffn/layer_norm", "ffn/linear_0", "ffn/linear_1",
)  # fmt: skip
"""What a layer is made of, by its names in a model.bin, in the order of ``layer``'s inputs."""
EMBEDDINGS: Final = "decoder/embeddings"
"""A row a token; the projection at the end is the same matrix."""
SOUND: Final = "attention/linear_1"
"""What makes keys and values of the encoder's output."""

Variables = Mapping[str, np.ndarray]
"""Those of a model.bin, by name."""
Weights = dict[str, np.ndarray]


def words(variables: Variables, layers: int, heads: int) -> bytes:
    """The network that reads tokens (``rows``: their embeddings, rows by size) and weighs what comes next.

    Raises KeyError where a variable is missing.
    """
    weights: Weights = {}
    size = variables["decoder/layer_norm/gamma"].size
    past = f"float[1, {heads}, before, {size // heads}]"
    sound = f"float[1, {heads}, places, {size // heads}]"
    given = ["float[rows, size] rows", "float[1, 1, rows, all] mask", "int64[asked] asked"]
    given += ["float[texts, vocabulary] banned", "int64[1] most"]
    found = ["float[asked, most] scores", "int64[asked, most] tokens", "float[asked, vocabulary] weights"]
    lines = ["none = Constant <value_ints = [0]> ()", "shape = Shape <start = 0, end = 1> (rows)"]
    lines += ["count = Squeeze(shape)", "first = Squeeze(none)", "one = Constant <value_int = 1> ()"]
    lines += ["every = Range(first, count, one)", "row0 = Identity(rows)"]
    for layer in range(layers):
        keys = f"keys_{layer}", f"values_{layer}"
        sounds = f"sound_keys_{layer}", f"sound_values_{layer}"
        after = f"all_keys_{layer}", f"all_values_{layer}"
        given += [f"{past} {name}" for name in keys] + [f"{sound} {name}" for name in sounds]
        found += [f"{past.replace('before', 'all')} {name}" for name in after]
        asked = "asked" if layer == layers - 1 else "every"
        parts = [
            name for part in PARTS for name in _part(weights, variables, f"decoder/layer_{layer}/{part}")
        ]
        taken = ", ".join((f"row{layer}", asked, "mask", *keys, *sounds, *parts))
        lines.append(f"row{layer + 1}, {', '.join(after)} = accueil.layer <heads = {heads}> ({taken})")
    gamma, beta = _part(weights, variables, "decoder/layer_norm")
    lines.append(f"last = LayerNormalization <axis = -1> (row{layers}, {gamma}, {beta})")
    lines.append(f"weights = accueil.linear(last, {', '.join(_matrix(weights, variables, EMBEDDINGS))})")
    lines += ["allowed = Add(weights, banned)", "sure = LogSoftmax <axis = -1> (allowed)"]
    lines.append("scores, tokens = TopK <axis = -1> (sure, most)")
    return _network("words", given, found, lines, weights)


def ears(variables: Variables, layers: int, heads: int) -> bytes:
    """The network that makes keys and values of what the encoder found (``sound``, places by size), for each layer.

    Raises KeyError where a variable is missing.
    """
    weights: Weights = {}
    size = variables["decoder/layer_norm/gamma"].size
    weights["apart"] = np.array([-1, 2, heads, size // heads])
    found, lines = [], []
    for layer in range(layers):
        taken = ", ".join(_matrix(weights, variables, f"decoder/layer_{layer}/{SOUND}"))
        names = f"sound_keys_{layer}", f"sound_values_{layer}"
        found += [f"float[1, {heads}, places, {size // heads}] {name}" for name in names]
        lines.append(f"both{layer} = accueil.linear(sound, {taken})")
        lines.append(f"parted{layer} = Reshape(both{layer}, apart)")
        lines.append(f"turned{layer} = Transpose <perm = [1, 2, 0, 3]> (parted{layer})")
        lines.append(f"{', '.join(names)} = Split <axis = 0, num_outputs = 2> (turned{layer})")
    return _network("ears", ["float[places, size] sound"], found, lines, weights)


def _part(weights: Weights, variables: Variables, name: str) -> Iterator[str]:
    """The names of a part's weights, which are added to ``weights``."""
    if not name.endswith("layer_norm"):
        yield from _matrix(weights, variables, name)
        return
    for half in ("gamma", "beta"):
        weights[_plain(f"{name}/{half}")] = variables[f"{name}/{half}"].astype(np.float32)
        yield _plain(f"{name}/{half}")


def _matrix(weights: Weights, variables: Variables, name: str) -> tuple[str, str, str]:
    """Weights in steps of their column's own, these steps, and bias."""
    matrix = variables[f"{name}/weight"].astype(np.float32)
    step = np.maximum(np.abs(matrix).max(axis=1), np.finfo(np.float32).tiny) / MOST
    names = _plain(f"{name}/weight"), _plain(f"{name}/step"), _plain(f"{name}/bias")
    weights[names[0]] = np.ascontiguousarray(np.rint(matrix / step[:, None]).astype(np.int8).T)
    weights[names[1]] = step
    weights[names[2]] = np.asarray(variables.get(f"{name}/bias", np.zeros(len(matrix))), np.float32)
    return names


def _plain(name: str) -> str:
    return name.replace("/", "_")


def _network(name: str, given: list[str], found: list[str], lines: list[str], weights: Weights) -> bytes:
    text = f"<ir_version: 10, {OPSETS}>\n{name} ({', '.join(given)}) => ({', '.join(found)}) {{\n"
    model: ModelProto = parser.parse_model(text + "\n".join(lines) + "\n}")
    model.functions.extend([parser.parse_function(LINEAR), parser.parse_function(LAYER)])
    model.graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in weights.items())
    return bytes(model.SerializeToString())
