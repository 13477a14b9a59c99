"""Small networks for voices, theirs and ours, run by ONNX on the thread that asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime

from ivr.core.errors import EngineError


def on_one_thread(model: str | bytes) -> onnxruntime.InferenceSession:
    """A session of the model at that path, or in these bytes: calls go on beside it, and another
    thread is slower woken than a short look is taken."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, inputs: Mapping[str, Any]) -> list[Any]:
    """All outputs for these arrays.  Raises EngineError."""
    try:
        return list(session.run(None, dict(inputs)))
    except Exception as error:  # onnxruntime raises its own pybind classes, all straight from Exception
        raise EngineError(f"a network failed: {error}") from error


def run_values(
    session: onnxruntime.InferenceSession, names: Sequence[str], inputs: Mapping[str, onnxruntime.OrtValue]
) -> list[onnxruntime.OrtValue]:
    """These outputs, left where they are.  Raises EngineError."""
    try:
        return list(session.run_with_ort_values(list(names), dict(inputs)))
    except Exception as error:  # as above
        raise EngineError(f"a network failed: {error}") from error
