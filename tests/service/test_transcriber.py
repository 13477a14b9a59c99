"""The pieces of a message: complete, short enough, and cut at pauses."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.core.audio import RATE, seconds, silence
from ivr.service.transcriber import LEAST_S, MOST_S, PAUSE_S, pieces


def noise(length_s: float) -> bytes:
    loud = np.random.default_rng(1).integers(-9000, 9000, round(length_s * RATE))
    return loud.astype("<i2").tobytes()


@given(st.floats(0.0, 70.0))
@example(MOST_S + 1 / RATE)
def test_nothing_is_lost_and_no_piece_is_too_long_or_a_scrap(length_s: float) -> None:
    pcm = noise(length_s)
    found = list(pieces(pcm))
    assert b"".join(found) == pcm
    assert all(seconds(piece) <= MOST_S for piece in found)
    assert len(found) == 1 or all(seconds(piece) >= LEAST_S - PAUSE_S for piece in found)


def test_it_is_cut_at_pauses() -> None:
    sentences = [noise(7.0), noise(6.0), noise(9.0)]
    pause = silence(0.4)
    found = list(pieces(pause.join(sentences)))
    assert [piece.strip(b"\0") for piece in found] == [sentence.strip(b"\0") for sentence in sentences]
