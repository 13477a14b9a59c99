"""Matrices in 8 bits whose sums overflow on no processor."""

from __future__ import annotations

import numpy as np
import pytest

from ivr.speech.whisper.modelfile import in_8_bits, variables
from tests.speech.whisper.tokens import MODEL

CHOSEN = "encoder/layer_0/ffn/linear_0/weight"


@pytest.fixture(scope="module")
def before() -> dict[str, np.ndarray]:
    return variables((MODEL / "model.bin").read_bytes())


@pytest.fixture(scope="module")
def after() -> dict[str, np.ndarray]:
    return variables(in_8_bits((MODEL / "model.bin").read_bytes(), lambda name: name == CHOSEN))


def test_two_neighbours_times_the_largest_input_fit_into_16_bits(after: dict[str, np.ndarray]) -> None:
    weights = after[CHOSEN].astype(int)
    sums = weights[:, 0::2] + weights[:, 1::2]
    assert after[CHOSEN].dtype == np.int8 and np.abs(weights).max() <= 127
    assert 255 * max(np.abs(sums).max(), np.abs(weights).max()) < 2**15
    assert (np.maximum(np.abs(sums).max(axis=1), np.abs(weights).max(axis=1)) >= 126).all()


def test_they_are_the_weights_to_half_a_step(
    before: dict[str, np.ndarray], after: dict[str, np.ndarray]
) -> None:
    scale = after[f"{CHOSEN}_scale"][:, None]
    assert np.abs(after[CHOSEN] / scale - before[CHOSEN].astype(np.float32)).max() <= 0.501 / scale.min()


def test_all_else_stays(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> None:
    assert after.keys() - before.keys() == {f"{CHOSEN}_scale"}
    assert all((after[name] == values).all() for name, values in before.items() if name != CHOSEN)
