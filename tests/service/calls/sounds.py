"""Sounds of callers, and analysis of recordings.

Work of more than a few milliseconds runs in a thread, so that other calls go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from ivr.core.audio import RATE, WIDTH, seconds, silence, to_floats, to_pcm
from ivr.reporting.recording_analysis import SpeechSpan
from ivr.speech.loudness import trim

HOP_S = 0.005
AUDIBLE_DB = -50.0
"""Below this (dB against full scale) a caller hears nothing."""
DIGITAL_SILENCE_DB, DROPOUT_S = -90.0, 0.03
"""A gap this quiet and this long inside an utterance is a drop-out."""
SILENCE_S = 0.1
"""A gap of this length is silence; a shorter one is a pause between words."""
PIECE_S, LONG_S, PRESENT = 0.25, 0.5, 0.7
"""Length of a piece of speech in seconds, of a long piece, and the correlation from which a piece is present.  One or
two in a hundred pieces correlate as well with other speech.

Pieces are short since a late frame spoils the piece in which it is missing.  With eight late frames in 20 s, a
caller's words were found to 0.71 and more; in pieces of 0.5 s they were not found at all.  To show that a sound is
absent, long pieces are used.  A vowel of 0.25 s resembles others of the same voice, and three of eleven pieces were
taken for it.
"""
BEEP_S = 0.15
"""A pure tone of this length is a beep; no voice holds one."""


def hum(seconds: float, hertz: float = 130.0) -> bytes:
    """A voiced "mm": harmonics of a low voice under its formants, swelling and fading."""
    t = np.arange(round(seconds * RATE)) / RATE
    harmonics = ((n, hertz * n * (1 + 0.01 * np.sin(8 * t))) for n in range(1, 24))
    wave = sum(_formants(hertz * n) * np.sin(2 * np.pi * np.cumsum(f) / RATE) for n, f in harmonics)
    edge = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.03)
    return to_pcm(0.2 * np.asarray(wave) / np.abs(wave).max() * edge)


def cough(seconds: float, seed: int = 1) -> bytes:
    """A burst of coloured noise that dies away."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(t.size)
    coloured = np.convolve(noise, np.hanning(9), mode="same")
    shape = np.minimum(1.0, t / 0.01) * np.exp(-t / (seconds / 3))
    return to_pcm(0.4 * coloured / np.abs(coloured).max() * shape)


def _formants(hertz: float) -> float:
    centres = ((300.0, 1.0, 90.0), (1100.0, 0.25, 150.0), (2300.0, 0.12, 250.0))
    return float(sum(gain / (1 + ((hertz - centre) / width) ** 2) for centre, gain, width in centres))


def with_pause(first: bytes, second: bytes, pause_s: float) -> bytes:
    """One question in two halves, with exactly this much silence between them."""
    return _bare(first) + silence(pause_s) + _bare(second)


def _bare(pcm: bytes) -> bytes:
    """Without any silence at its ends."""
    loud = np.flatnonzero(levels(trim(pcm)) > AUDIBLE_DB)
    hop = round(HOP_S * RATE) * WIDTH
    return trim(pcm)[loud[0] * hop : (loud[-1] + 1) * hop]


def levels(pcm: bytes) -> np.ndarray:
    """Loudness of every 5 ms, dB against full scale."""
    hop = round(HOP_S * RATE)
    floats = to_floats(pcm)
    parts = floats[: floats.size // hop * hop].reshape(-1, hop).astype(np.float64)
    return np.asarray(20 * np.log10(np.maximum(np.sqrt((parts**2).mean(axis=1)), 1e-6)))


def sounds_between(pcm: bytes, start_s: float, end_s: float) -> float:
    """Seconds of audible sound in that part."""
    part = levels(cut(pcm, start_s, end_s))
    return float(np.count_nonzero(part > AUDIBLE_DB)) * HOP_S


def first_sound(pcm: bytes, after_s: float = 0.0) -> float | None:
    """When something is first to be heard after a moment, in seconds."""
    loud = np.flatnonzero(levels(pcm)[round(after_s / HOP_S) :] > AUDIBLE_DB)
    return after_s + float(loud[0]) * HOP_S if loud.size else None


def last_sound(pcm: bytes, before_s: float) -> float | None:
    """When the last thing to be heard before a moment ends, in seconds."""
    loud = np.flatnonzero(levels(pcm)[: round(before_s / HOP_S)] > AUDIBLE_DB)
    return float(loud[-1] + 1) * HOP_S if loud.size else None


def silences(pcm: bytes) -> list[SpeechSpan]:
    """Every stretch of at least ``SILENCE_S`` without audible sound."""
    return [span for span in _stretches(levels(pcm) <= AUDIBLE_DB) if span.end - span.start >= SILENCE_S]


def silent_gaps(pcm: bytes, during: Sequence[SpeechSpan]) -> list[SpeechSpan]:
    """Stretches of digital silence of 30 ms and more inside utterances: what a caller hears as drop-outs."""
    return [
        gap
        for gap in _stretches(levels(pcm) < DIGITAL_SILENCE_DB)
        if gap.end - gap.start >= DROPOUT_S and any(s.start < gap.start and gap.end < s.end for s in during)
    ]


def _stretches(wanted: np.ndarray) -> list[SpeechSpan]:
    """Runs of true values, one value for each 5 ms."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])).astype(np.int8)))
    return [SpeechSpan(float(start) * HOP_S, float(end) * HOP_S) for start, end in edges.reshape(-1, 2)]


def cut(pcm: bytes, start_s: float, end_s: float) -> bytes:
    """That part of the audio."""
    return pcm[max(0, round(start_s * RATE)) * WIDTH : max(0, round(end_s * RATE)) * WIDTH]


async def beeps(pcm: bytes, broken_s: float = 0.0) -> list[tuple[float, float]]:
    """Start and end of each pure tone of at least ``BEEP_S``, in seconds; one may be broken for ``broken_s``."""
    return await asyncio.to_thread(_beeps, pcm, broken_s)


def _beeps(pcm: bytes, broken_s: float) -> list[tuple[float, float]]:
    frame, hop = RATE // 25, RATE // 100
    floats = np.pad(to_floats(pcm), (0, frame))
    parts = np.lib.stride_tricks.sliding_window_view(floats, frame)[::hop] * np.hanning(frame)
    power = np.abs(np.fft.rfft(parts, axis=1)) ** 2
    total, peak = power.sum(axis=1), power.argmax(axis=1)
    near = sum(
        power[np.arange(len(power)), np.clip(peak + k, 0, power.shape[1] - 1)] for k in (-2, -1, 0, 1, 2)
    )
    pure = (total > 1.0) & (near > 0.97 * total) & (peak * RATE / frame > 350)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], pure, [False])).astype(np.int8)))
    spans: list[tuple[float, float]] = []
    for start, end in edges.reshape(-1, 2) * (hop / RATE):
        begun = spans.pop()[0] if spans and start - spans[-1][1] <= broken_s else start
        spans.append((float(begun), float(end)))
    return [(start, end) for start, end in spans if end - start >= BEEP_S]


async def share_of(wanted: bytes, heard: bytes, piece_s: float = PIECE_S) -> float:
    """How much of one sound is found in another, 0 to 1: in pieces, so that gaps between them do no harm."""
    return await asyncio.to_thread(_share_of, wanted, heard, piece_s)


def _share_of(wanted: bytes, heard: bytes, piece_s: float) -> float:
    pieces = [cut(wanted, at * piece_s, (at + 1) * piece_s) for at in range(int(seconds(wanted) / piece_s))]
    loud = [piece for piece in pieces if sounds_between(piece, 0, piece_s) > piece_s / 2]
    if not loud:
        return 0.0
    presence = _presence(loud, heard, round(piece_s * RATE))
    return float(np.count_nonzero(presence > PRESENT)) / len(loud)


def _presence(pieces: Sequence[bytes], heard: bytes, length: int) -> np.ndarray:
    """How surely each piece of ``length`` samples is part of ``heard``, at any loudness: 0 to 1, by correlation.

    The sound is cut into blocks that overlap by one piece; their spectra serve all pieces (overlap-save).
    """
    hay = to_floats(heard).astype(np.float64)
    if hay.size < length:
        return np.zeros(len(pieces))
    block, step = 8 * length, 7 * length
    places = hay.size - length + 1
    blocks = -(-places // step)
    padded = np.concatenate((hay, np.zeros(blocks * step + block - hay.size)))
    spectra = np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(padded, block)[: blocks * step : step], axis=1
    )
    energy = np.concatenate(([0.0], np.cumsum(hay**2)))
    windows = np.sqrt(np.maximum(energy[length:] - energy[:-length], 1e-9))
    found = []
    for piece in pieces:
        needle = to_floats(piece).astype(np.float64)
        product = np.fft.irfft(spectra * np.conj(np.fft.rfft(needle, block)), block, axis=1)[:, :step].ravel()
        found.append((np.abs(product[:places]) / windows).max() / np.sqrt((needle**2).sum()))
    return np.asarray(found)
