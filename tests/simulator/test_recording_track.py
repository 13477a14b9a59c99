"""One leg built from blocks with times: real gaps stay, late reading leaves none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.core.audio import FRAME_BYTES, RATE
from ivr.simulator.recording_track import Block, RecordingTrack, place_blocks

FRAME = FRAME_BYTES // 2
"""Samples of 20 ms."""


def frame(number: int) -> bytes:
    return bytes([number % 255 + 1]) * FRAME_BYTES


def starts(arrivals: list[int]) -> list[int]:
    return [start for start, _ in place_blocks([Block(frame(i), at) for i, at in enumerate(arrivals)])]


def test_frames_on_time_follow_each_other() -> None:
    assert starts([FRAME, 2 * FRAME, 3 * FRAME]) == [0, FRAME, 2 * FRAME]


def test_a_burst_after_late_reading_is_put_back() -> None:
    on_time = [FRAME * n for n in range(1, 11)]
    late = [
        *on_time[:4],
        *[on_time[7]] * 4,
        *on_time[8:],
    ]  # frames 5 to 8 were read at the time of the eighth
    assert starts(late) == starts(on_time)


def test_real_silence_stays() -> None:
    assert starts([FRAME, 2 * FRAME, 52 * FRAME, 53 * FRAME]) == [0, FRAME, 51 * FRAME, 52 * FRAME]


def test_a_single_late_frame_makes_no_gap() -> None:
    assert starts([FRAME, 2 * FRAME + 200, 3 * FRAME]) == [0, FRAME, 2 * FRAME]


@given(st.lists(st.tuples(st.integers(0, 600), st.booleans()), min_size=1, max_size=60))
def test_frames_never_overlap_nor_come_later_than_they_came(steps: list[tuple[int, bool]]) -> None:
    arrivals, sent = [], 0
    for delay, pause in steps:
        sent += FRAME + (20 * FRAME if pause else 0)
        arrivals.append(max(sent + delay, arrivals[-1] if arrivals else 0))
    begin = starts(arrivals)
    for index, at in enumerate(begin):
        assert at + FRAME <= arrivals[index]
        assert index == 0 or at >= begin[index - 1] + FRAME


def test_the_leg_has_exactly_the_length_asked_for() -> None:
    track = RecordingTrack()
    track.add(frame(0), 0.01)  # begins before the start
    track.add(frame(1), 0.5)
    track.add(frame(2), 1.01)  # ends after the end
    leg = track.pcm(1.0)
    assert len(leg) == RATE * 2
    assert leg[:320] == frame(0)[320:] and leg[-320:] == frame(2)[:320]
    at = round(0.48 * RATE) * 2
    assert leg[at : at + FRAME_BYTES] == frame(1) and leg[at - 1] == 0 and leg[at + FRAME_BYTES] == 0


def test_nothing_heard_is_silence() -> None:
    assert RecordingTrack().pcm(0.5) == bytes(RATE)


def test_holes_are_where_nothing_came() -> None:
    track = RecordingTrack()
    for number, end in enumerate((0.02, 0.04, 0.14, 0.16, 0.20)):
        track.add(frame(number), end)
    assert track.holes() == ((0.04, 0.08),), "one missing frame is normal jitter"
