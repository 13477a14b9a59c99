"""Audio: formats, frames, resampling, G.711, WAV and FLAC files.

Audio in ``ivr`` is *slin16* unless a docstring says otherwise: mono, 16 kHz, signed 16-bit little-endian bytes.
Time in audio is counted in samples, never read from a clock.
"""

from __future__ import annotations

import io
import shutil
import struct
import warnings
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from ivr.core.errors import AudioError
from ivr.core.files import write_durably

RATE: Final = 16_000
"""Samples per second of slin16, in Hz."""
WIDTH: Final = 2
"""Bytes per sample."""
FRAME_MS: Final = 20
FRAME_BYTES: Final = RATE * FRAME_MS // 1000 * WIDTH
HEADER_BYTES: Final = 44
"""Bytes of a WAV header: a WAV file that is not longer holds no sound."""
PHONE_RATE: Final = 8_000
"""Rate of G.711, the telephone's own codec, in Hz."""

Samples = NDArray[np.int16]
Floats = NDArray[np.float32]


# --- counting ---------------------------------------------------------------------------------------------


def seconds(pcm: bytes, rate: int = RATE) -> float:
    """Return the length in seconds of 16-bit mono audio with ``rate`` samples per second."""
    return len(pcm) / (rate * WIDTH)


def silence(length_s: float, rate: int = RATE) -> bytes:
    """Return ``length_s`` seconds of digital silence, 16-bit mono at ``rate`` Hz."""
    return bytes(round(length_s * rate) * WIDTH)


def frames(pcm: bytes) -> Iterator[bytes]:
    """Yield the 20 ms frames (640 bytes) of slin16; silence completes the last one."""
    for start in range(0, len(pcm), FRAME_BYTES):
        yield pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")


def to_samples(pcm: bytes) -> Samples:
    """Return 16-bit bytes as an int16 array; half a sample at the end (a truncated file) is dropped."""
    return np.frombuffer(pcm[: len(pcm) // WIDTH * WIDTH], dtype="<i2")


def to_floats(pcm: bytes) -> Floats:
    """Return 16-bit bytes as a float32 array in -1 to 1, the input of the models."""
    return to_samples(pcm).astype(np.float32) / 32768.0


def to_pcm(floats: NDArray[np.floating[Any]]) -> bytes:
    """Return floats in -1 to 1 as 16-bit bytes; larger values are clipped."""
    rounded = np.clip(np.rint(floats * 32768.0), -32768, 32767)
    return bytes(rounded.astype("<i2").tobytes())


# --- resampling -------------------------------------------------------------------------------------------


def resample(pcm: bytes, from_rate: int, to_rate: int = RATE) -> bytes:
    """Return 16-bit mono audio converted from ``from_rate`` to ``to_rate`` (Hz).

    soxr's quality HQ delays a stream by 80 ms, so it serves whole recordings only.
    """
    if from_rate == to_rate or not pcm:
        return pcm
    resampled: Samples = soxr.resample(to_samples(pcm), from_rate, to_rate, quality="HQ")
    return resampled.astype("<i2").tobytes()


# --- G.711 A-law (ITU-T G.711): European trunks carry it ---------------------------------------------------


def _alaw_decode_table() -> Samples:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    value = ((code & 0x0F) << 4) + np.where(segment == 0, 8, 0x108)
    value = np.where(segment > 1, value << np.maximum(segment - 1, 0), value)
    return np.where(code & 0x80, value, -value).astype(np.int16)


def _alaw_encode_table() -> NDArray[np.uint8]:
    """The code of every 16-bit value (index: the value as unsigned)."""
    value = np.arange(65536, dtype=np.uint16).astype(np.int16).astype(np.int32) >> 3
    mask = np.where(value >= 0, 0xD5, 0x55)
    value = np.where(value >= 0, value, -value - 1)
    segment = np.searchsorted(np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF]), value)
    code = (segment << 4) | ((value >> np.maximum(segment, 1)) & 0x0F)
    return (code ^ mask).astype(np.uint8)


_FROM_ALAW: Final = _alaw_decode_table()
_TO_ALAW: Final = _alaw_encode_table()


def alaw_encode(pcm: bytes) -> bytes:
    """Return 16-bit samples as A-law, one byte each."""
    return _TO_ALAW[to_samples(pcm).view(np.uint16)].tobytes()


def alaw_decode(coded: bytes) -> bytes:
    """Return A-law bytes as 16-bit samples."""
    return _FROM_ALAW[np.frombuffer(coded, dtype=np.uint8)].astype("<i2").tobytes()


def through_g711(pcm: bytes) -> bytes:
    """Return slin16 as it sounds after a telephone line: 8 kHz A-law and back to 16 kHz."""
    line = resample(pcm, RATE, PHONE_RATE)
    return resample(alaw_decode(alaw_encode(line)), PHONE_RATE, RATE)


def add_noise(pcm: bytes, snr_db: float, seed: int = 0) -> bytes:
    """Return slin16 with white noise ``snr_db`` dB below the louder half of its samples; ``seed`` fixes it."""
    speech = to_floats(pcm)
    loud = speech[np.abs(speech) > np.median(np.abs(speech))] if speech.size else speech
    power = float(np.mean(loud.astype(np.float64) ** 2)) if loud.size else 0.0
    noise = np.random.default_rng(seed).standard_normal(speech.size)
    return to_pcm(speech + noise * (power / 10 ** (snr_db / 10)) ** 0.5)


# --- files ------------------------------------------------------------------------------------------------


def read_audio(path: Path) -> bytes:
    """Return any audio file as slin16, its channels mixed; raises AudioError when it cannot be read."""
    return _mixed(*read_channels(path))


def audio_of(content: bytes, path: Path) -> bytes:
    """Return the content of any audio file as slin16, its channels mixed.

    path: names the file in errors.

    Raises AudioError.
    """
    return _mixed(*_channels(content, path))


def _mixed(channels: list[bytes], rate: int) -> bytes:
    if len(channels) == 1:
        return resample(channels[0], rate)
    mixed = np.mean([to_samples(one) for one in channels], axis=0).astype("<i2").tobytes()
    return resample(mixed, rate)


def read_channels(path: Path) -> tuple[list[bytes], int]:
    """Return the 16-bit channels of any audio file, and their rate in Hz; raises AudioError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror}") from error
    return _channels(content, path)


def _channels(content: bytes, path: Path) -> tuple[list[bytes], int]:
    if not content:
        raise AudioError(f"{path}: empty file (0 bytes)")
    samples, rate = _decode(path, repaired(content) or content)
    if not samples.size:
        raise AudioError(f"{path}: holds no audio")
    return [column.astype("<i2").tobytes() for column in samples.T], rate


def _decode(path: Path, content: bytes) -> tuple[Samples, int]:
    """Return the samples (one column per channel) and the rate in Hz.

    libsndfile reads WAV, FLAC, Ogg and MP3; ffmpeg, where it is installed, reads other formats.
    """
    import soundfile  # slow to load, and calls read no files

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = int(file.samplerate)
            if file.subtype == "PCM_16":
                return file.read(dtype="int16", always_2d=True), rate
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
        if shutil.which("ffmpeg"):
            return _decode_with_ffmpeg(path, content)
        raise AudioError(f"{path}: not audio in a known format (WAV, FLAC, Ogg, MP3)") from error
    return to_samples(to_pcm(samples)).reshape(samples.shape), rate


def _decode_with_ffmpeg(path: Path, content: bytes) -> tuple[Samples, int]:
    pydub = quiet_pydub()
    try:
        segment = pydub.AudioSegment.from_file(io.BytesIO(content)).set_sample_width(WIDTH)
    except (pydub.exceptions.CouldntDecodeError, IndexError, KeyError, ValueError) as error:
        raise AudioError(f"{path}: not audio in a known format") from error
    return to_samples(segment.raw_data).reshape(-1, segment.channels), int(segment.frame_rate)


def quiet_pydub() -> Any:
    """Return the pydub package without the warnings of its import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydub
        import pydub.exceptions
        import pydub.silence
    return pydub


def wav_bytes(pcm: bytes, rate: int = RATE, channels: int = 1) -> bytes:
    """Return 16-bit samples (interleaved if there are several channels) as the content of a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(WIDTH)
        file.setframerate(rate)
        file.writeframes(pcm)
    return buffer.getvalue()


def write_wav(path: Path, pcm: bytes, rate: int = RATE, channels: int = 1) -> None:
    """Write a 16-bit WAV; readers see the old file or the complete new one."""
    write_durably(path, wav_bytes(pcm, rate, channels))


FLAC_LEVEL: Final = 0.4
"""Compression from 0 to 1; libsndfile's default of 0.6 takes 1.5 times as long for a file that is 1 % smaller."""


def write_flac(path: Path, channels: list[bytes], rate: int) -> None:
    """Write 16-bit channels of equal length as FLAC, which takes half the space or less.

    The file is synchronised to the disk before this returns, so that the sources may be deleted.
    """
    import soundfile  # slow to load, and calls write no files

    coded = io.BytesIO()
    samples = np.stack([to_samples(channel) for channel in channels], axis=1)
    soundfile.write(coded, samples, rate, format="FLAC", subtype="PCM_16", compression_level=FLAC_LEVEL)
    write_durably(path, coded.getvalue())


def join_stereo(left: bytes, right: bytes) -> bytes:
    """Return two 16-bit mono recordings as interleaved stereo; silence completes the shorter one."""
    length = max(len(left), len(right)) // WIDTH
    both = np.zeros((length, 2), dtype="<i2")
    for column, mono in enumerate((to_samples(left), to_samples(right))):
        both[: mono.size, column] = mono
    return both.tobytes()


# --- WAV headers of recordings whose writer was killed ------------------------------------------------------


def repaired(content: bytes) -> bytes | None:
    """Return a WAV with the sizes in its header corrected, or None if they are correct.

    A writer that is killed leaves the sizes at 0 or at an older value, followed by all the audio.
    """
    found = _data_chunk(content)
    if found is None:
        return None
    start, size = found
    present = len(content) - start
    # A size below that of the file is normal when other chunks follow; 0 or more is a truncated recording.
    if 0 < size <= present:
        return None
    header = content[:4] + struct.pack("<I", len(content) - 8) + content[8 : start - 4]
    return header + struct.pack("<I", present) + content[start:]


def _data_chunk(content: bytes) -> tuple[int, int] | None:
    """Return offset and stated size, in bytes, of the sample data of a RIFF WAVE file; None for other content."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    offset = 12
    while offset + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, offset)
        if name == b"data":
            return offset + 8, size
        offset += 8 + size + size % 2
    return None
