"""Small networks for voices, theirs and ours, run by ONNX on the thread that asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnxruntime

from ivr.core.errors import EngineError


def on_one_thread(model: str | bytes, *, exact: bool = True) -> onnxruntime.InferenceSession:
    """A session of the model at that path, or in these bytes: calls go on beside it, and another
    thread is slower woken than a short look is taken.  ``exact``: its weights have 8 bits."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Sums of quantised networks would overflow on processors that have AVX2 but no VNNI
    # (onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When to use reduce-range");
    # where there is VNNI, what keeps them from it takes twice the time for the same result
    options.add_session_config_entry("session.x64quantprecision", str(int(exact and not has_vnni())))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def has_vnni() -> bool:
    """Whether this processor adds up products of 8 bits in 32 (VNNI), as far as Linux tells."""
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


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
