"""ONNX Runtime sessions for small models, run in the calling thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime

from ivr.core.errors import EngineError


def on_one_thread(model: str | bytes) -> onnxruntime.InferenceSession:
    """Return a CPU session of a model that starts no threads.

    model: the path of an ONNX file, or its content.  Calls share the processor, and to wake another thread takes
    longer than a short inference.  Raises ONNX Runtime's own exceptions where the model cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, inputs: Mapping[str, Any]) -> list[Any]:
    """Run a model on ``inputs`` (arrays by input name) and return all its outputs as arrays.

    Raises EngineError.
    """
    try:
        return list(session.run(None, dict(inputs)))
    except Exception as error:  # onnxruntime's pybind classes derive from Exception directly
        raise EngineError(f"a network failed: {error}") from error


def run_values(
    session: onnxruntime.InferenceSession, names: Sequence[str], inputs: Mapping[str, onnxruntime.OrtValue]
) -> list[onnxruntime.OrtValue]:
    """Run a model on ``inputs`` (by input name) and return the outputs ``names`` without copying them.

    Raises EngineError.
    """
    try:
        return list(session.run_with_ort_values(list(names), dict(inputs)))
    except Exception as error:  # as above
        raise EngineError(f"a network failed: {error}") from error
