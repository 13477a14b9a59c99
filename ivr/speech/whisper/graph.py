"""Whisper's decoder as a network in ONNX's text form (onnx.ai/onnx/repo-docs/Syntax.html).

The network is Whisper's (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022) with one
difference: the keys and values of all texts in the beam are in one list.  A mask says which of them belong to a text.
So nothing is copied when one text splits in two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from onnx import ModelProto, numpy_helper, parser

MOST: Final = 63
"""The largest weight, in 7 bits.  With 8 bits, sums overflow on processors that have AVX2 but no VNNI
(onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When to use reduce-range")."""

OPSETS: Final = 'opset_import: ["" : 20, "com.microsoft" : 1, "accueil" : 1]'
LINEAR: Final = f"""
<domain: "accueil", {OPSETS}>
linear (x, weights, scale, bias) => (y) {{
  columns = Constant <value_ints = [-1]> ()
  size = Abs(x)
  largest = ReduceMax(size, columns)
  part = Constant <value_float = {1 / 127}> ()
  row_scale = Mul(largest, part)
  steps = Div(x, row_scale)
  middle = Constant <value_float = 128.5> ()
  upwards = Add(steps, middle)
  quantized = Cast <to = 2> (upwards)
  zero = Constant <value = uint8 {{128}}> ()
  one = Constant <value_float = 1.0> ()
  product = com.microsoft.MatMulIntegerToFloat(quantized, weights, one, scale, zero)
  scaled = Mul(product, row_scale)
  y = Add(scaled, bias)
}}"""
"""y = x weights + bias.  Each row of x (8 bits) and each column of the weights (7 bits) has its own scale."""
LAYER: Final = f"""
<domain: "accueil", {OPSETS}>
layer <heads> (
  x, asked, mask, past_keys, past_values, cross_keys, cross_values,
  self_norm_gamma, self_norm_beta, qkv_weights, qkv_scale, qkv_bias, self_out_weights, self_out_scale, self_out_bias,
  cross_norm_gamma, cross_norm_beta, query_weights, query_scale, query_bias,
  cross_out_weights, cross_out_scale, cross_out_bias,
  ffn_norm_gamma, ffn_norm_beta, up_weights, up_scale, up_bias, down_weights, down_scale, down_bias
) => (y, present_keys, present_values) {{
  batch = Constant <value_ints = [0]> ()

  self_norm = LayerNormalization <axis = -1> (x, self_norm_gamma, self_norm_beta)
  qkv = accueil.linear(self_norm, qkv_weights, qkv_scale, qkv_bias)
  every_q, k, v = Split <axis = 1, num_outputs = 3> (qkv)
  q = Gather(every_q, asked)
  residual = Gather(x, asked)
  q_mask = Gather <axis = 2> (mask, asked)
  q3 = Unsqueeze(q, batch)
  k3 = Unsqueeze(k, batch)
  v3 = Unsqueeze(v, batch)
  self3, present_keys, present_values = com.microsoft.MultiHeadAttention <num_heads: int = @heads>
    (q3, k3, v3, , , q_mask, past_keys, past_values)
  self = Squeeze(self3, batch)
  self_out = accueil.linear(self, self_out_weights, self_out_scale, self_out_bias)
  after_self = Add(residual, self_out)

  cross_norm = LayerNormalization <axis = -1> (after_self, cross_norm_gamma, cross_norm_beta)
  query = accueil.linear(cross_norm, query_weights, query_scale, query_bias)
  query3 = Unsqueeze(query, batch)
  cross3 = com.microsoft.MultiHeadAttention <num_heads: int = @heads> (query3, cross_keys, cross_values)
  cross = Squeeze(cross3, batch)
  cross_out = accueil.linear(cross, cross_out_weights, cross_out_scale, cross_out_bias)
  after_cross = Add(after_self, cross_out)

  ffn_norm = LayerNormalization <axis = -1> (after_cross, ffn_norm_gamma, ffn_norm_beta)
  up = accueil.linear(ffn_norm, up_weights, up_scale, up_bias)
  activated = Gelu(up)
  down = accueil.linear(activated, down_weights, down_scale, down_bias)
  y = Add(after_cross, down)
}}"""
"""``asked``: the rows that the layer passes on.  The last layer passes on those whose next token is wanted."""

PARTS: Final = (
    "self_attention/layer_norm", "self_attention/linear_0", "self_attention/linear_1",
    "attention/layer_norm", "attention/linear_0", "attention/linear_2",
    "ffn/layer_norm", "ffn/linear_0", "ffn/linear_1",
)  # fmt: skip
"""The parts of a layer by their names in a model.bin, in the order of ``layer``'s inputs."""
EMBEDDINGS: Final = "decoder/embeddings"
"""One row for each token.  The projection onto the vocabulary uses the same matrix."""
CROSS: Final = "attention/linear_1"
"""The matrix that turns the encoder's output into keys and values."""

Variables = Mapping[str, np.ndarray]
"""The variables of a model.bin, by name."""
Weights = dict[str, np.ndarray]


def decoder(variables: Variables, layers: int, heads: int) -> bytes:
    """Build the network that reads tokens and scores the next ones; returns a serialised ONNX model.

    Its inputs and outputs are those of ``Decoder.read`` (``ivr.speech.whisper.decoder``).

    variables: those of a model.bin, with weights in floats.
    layers, heads: number of layers, and of attention heads in each.

    Raises KeyError when a variable is missing.
    """
    weights: Weights = {}
    size = variables["decoder/layer_norm/gamma"].size
    cache = f"float[1, {heads}, {{}}, {size // heads}] {{}}"
    given = ["float[rows, size] rows", "float[1, 1, rows, all] mask", "int64[asked] asked"]
    given += ["float[texts, vocabulary] banned", "int64[1] most"]
    found = ["float[asked, most] scores", "int64[asked, most] tokens", "float[asked, vocabulary] logits"]
    lines = ["none = Constant <value_ints = [0]> ()", "shape = Shape <start = 0, end = 1> (rows)"]
    lines += ["count = Squeeze(shape)", "first = Squeeze(none)", "one = Constant <value_int = 1> ()"]
    lines += ["every = Range(first, count, one)", "row0 = Identity(rows)"]
    for layer in range(layers):
        past = f"past_keys_{layer}", f"past_values_{layer}"
        cross = f"cross_keys_{layer}", f"cross_values_{layer}"
        present = f"present_keys_{layer}", f"present_values_{layer}"
        given += [cache.format("before", name) for name in past]
        given += [cache.format("places", name) for name in cross]
        found += [cache.format("all", name) for name in present]
        asked = "asked" if layer == layers - 1 else "every"
        parts = [
            name for part in PARTS for name in _part(weights, variables, f"decoder/layer_{layer}/{part}")
        ]
        taken = ", ".join((f"row{layer}", asked, "mask", *past, *cross, *parts))
        lines.append(f"row{layer + 1}, {', '.join(present)} = accueil.layer <heads = {heads}> ({taken})")
    gamma, beta = _part(weights, variables, "decoder/layer_norm")
    lines.append(f"last = LayerNormalization <axis = -1> (row{layers}, {gamma}, {beta})")
    lines.append(f"logits = accueil.linear(last, {', '.join(_matrix(weights, variables, EMBEDDINGS))})")
    lines += ["allowed = Add(logits, banned)", "logarithms = LogSoftmax <axis = -1> (allowed)"]
    lines.append("scores, tokens = TopK <axis = -1> (logarithms, most)")
    return _network("decoder", given, found, lines, weights)


def cross_attention(variables: Variables, layers: int, heads: int) -> bytes:
    """Build the network that computes each layer's cross-attention keys and values; returns a serialised ONNX model.

    Its input ``sound`` is the encoder's output (places by size).  The arguments are those of ``decoder``.

    Raises KeyError when a variable is missing.
    """
    weights: Weights = {}
    size = variables["decoder/layer_norm/gamma"].size
    weights["shape"] = np.array([-1, 2, heads, size // heads])
    found, lines = [], []
    for layer in range(layers):
        taken = ", ".join(_matrix(weights, variables, f"decoder/layer_{layer}/{CROSS}"))
        names = f"cross_keys_{layer}", f"cross_values_{layer}"
        found += [f"float[1, {heads}, places, {size // heads}] {name}" for name in names]
        lines.append(f"both{layer} = accueil.linear(sound, {taken})")
        lines.append(f"by_head{layer} = Reshape(both{layer}, shape)")
        lines.append(f"turned{layer} = Transpose <perm = [1, 2, 0, 3]> (by_head{layer})")
        lines.append(f"{', '.join(names)} = Split <axis = 0, num_outputs = 2> (turned{layer})")
    return _network("cross_attention", ["float[places, size] sound"], found, lines, weights)


def _part(weights: Weights, variables: Variables, name: str) -> Iterator[str]:
    """Add a part's weights to ``weights``, and yield their names."""
    if not name.endswith("layer_norm"):
        yield from _matrix(weights, variables, name)
        return
    for half in ("gamma", "beta"):
        weights[_plain(f"{name}/{half}")] = variables[f"{name}/{half}"].astype(np.float32)
        yield _plain(f"{name}/{half}")


def _matrix(weights: Weights, variables: Variables, name: str) -> tuple[str, str, str]:
    """Add a matrix in 7 bits (inputs by outputs), its scales and its bias to ``weights``; return their names."""
    matrix = variables[f"{name}/weight"].astype(np.float32)
    scale = np.maximum(np.abs(matrix).max(axis=1), np.finfo(np.float32).tiny) / MOST
    names = _plain(f"{name}/weight"), _plain(f"{name}/scale"), _plain(f"{name}/bias")
    weights[names[0]] = np.ascontiguousarray(np.rint(matrix / scale[:, None]).astype(np.int8).T)
    weights[names[1]] = scale
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
