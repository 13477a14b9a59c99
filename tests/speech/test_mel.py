"""The features are those of faster-whisper, rounded to a grid."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from ivr.core.audio import read_audio, silence, to_floats
from ivr.speech.mel import GRID, log_mel
from tests.speech.engines import GOLDEN


@pytest.mark.parametrize("name", ["en-eiffel.wav", "en-museum.wav", "fr-louvre.wav"])
def test_features_equal_those_of_faster_whisper(name: str) -> None:
    samples = to_floats(read_audio(GOLDEN / name))
    ours, theirs = log_mel(samples), FeatureExtractor()(samples)
    assert ours.shape == theirs.shape and ours.dtype == np.float32
    assert np.abs(ours - theirs).max() <= 0.5 / GRID + 1e-5
    assert (ours * GRID == np.rint(ours * GRID)).all()


def test_silence_has_equal_features() -> None:
    assert np.ptp(log_mel(to_floats(silence(1.0)))) == 0
