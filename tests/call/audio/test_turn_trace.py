"""Decodes as text in events, and read again."""

from __future__ import annotations

import pytest

from ivr.call.audio.turn_trace import Decode


@pytest.mark.parametrize(
    ("decode", "noted"),
    [
        (Decode(80, 25), "80+25"),
        (Decode(80), "80+"),
        (Decode(80, 0, once=True), "80+0!"),
    ],
)
def test_what_is_noted_of_a_decode_is_read_as_it_was(decode: Decode, noted: str) -> None:
    assert (str(decode), Decode.read(noted)) == (noted, decode)
