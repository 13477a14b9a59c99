"""Golden audio: exact where we cut, join and code; tolerant where a filter works."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.core import audio
from ivr.core.errors import AudioError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # deprecated since 3.11; the independent G.711 to compare with
    import audioop


def tone(hz: float, length_s: float, rate: int = audio.RATE, level: float = 0.5) -> bytes:
    """A sine as 16-bit mono."""
    time = np.arange(round(length_s * rate)) / rate
    return audio.to_pcm(level * np.sin(2 * np.pi * hz * time))


def level_at(pcm: bytes, hz: float, rate: int = audio.RATE) -> float:
    """Amplitude (0..1) of one frequency."""
    floats = audio.to_floats(pcm).astype(np.float64)
    time = np.arange(floats.size) / rate
    return float(2 * abs(np.mean(floats * np.exp(-2j * np.pi * hz * time))))


def test_alaw_codes_every_sample_as_the_reference_does() -> None:
    every = np.arange(-32768, 32768).astype("<i2").tobytes()
    assert audio.alaw_encode(every) == audioop.lin2alaw(every, 2)


def test_alaw_decodes_every_code_as_the_reference_does() -> None:
    every = bytes(range(256))
    assert audio.alaw_decode(every) == audioop.alaw2lin(every, 2)


def test_alaw_survives_a_second_passage_unchanged() -> None:
    once = audio.alaw_decode(audio.alaw_encode(tone(440, 0.1)))
    assert audio.alaw_decode(audio.alaw_encode(once)) == once


def test_the_phone_keeps_speech_frequencies_and_drops_the_rest() -> None:
    low, high = tone(1000, 1.0), tone(6000, 1.0)
    assert level_at(audio.through_g711(low), 1000) == pytest.approx(0.5, rel=0.02)
    assert level_at(audio.through_g711(high), 6000) < 0.01


@given(st.binary(max_size=3000))
def test_frames_are_640_bytes_and_lose_nothing(pcm: bytes) -> None:
    cut = list(audio.frames(pcm))
    assert all(len(frame) == 640 for frame in cut)
    joined = b"".join(cut)
    assert joined[: len(pcm)] == pcm and not any(joined[len(pcm) :])


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_length_and_pitch(rate: int) -> None:
    pcm = audio.resample(tone(700, 1.0, rate), rate)
    assert audio.seconds(pcm) == pytest.approx(1.0, abs=0.001)
    assert level_at(pcm, 700) == pytest.approx(0.5, rel=0.02)


def test_clipping_holds_full_scale_instead_of_wrapping() -> None:
    assert audio.to_samples(audio.to_pcm(np.array([2.0, -2.0]))).tolist() == [32767, -32768]


def test_a_wav_written_is_read_back_exactly(tmp_path: Path) -> None:
    pcm = tone(440, 0.3)
    audio.write_wav(tmp_path / "a.wav", pcm)
    assert audio.read_audio(tmp_path / "a.wav") == pcm
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_other_formats_are_read(tmp_path: Path, kind: str) -> None:
    import soundfile

    path = tmp_path / f"a.{kind.lower()}"
    soundfile.write(path, audio.to_floats(tone(440, 1.0, 44100)), 44100, format=kind)
    pcm = audio.read_audio(path)
    assert level_at(pcm[3200:28800], 440) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_U8", "ALAW", "FLOAT"])
def test_wav_of_other_codings_is_read(tmp_path: Path, subtype: str) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", audio.to_floats(tone(440, 0.5, 8000)), 8000, subtype=subtype)
    assert level_at(audio.read_audio(tmp_path / "a.wav"), 440) == pytest.approx(0.5, rel=0.05)


def test_stereo_is_mixed_down(tmp_path: Path) -> None:
    stereo = audio.join_stereo(tone(440, 0.5), audio.silence(0.5))
    audio.write_wav(tmp_path / "s.wav", stereo, channels=2)
    assert level_at(audio.read_audio(tmp_path / "s.wav"), 440) == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"RIFF", "known format"),
        (b"RIFF\0\0\0\0WAVE", "known format"),
        (b"\x00\x01garbage" * 500, "known format"),
        (b"RIFF\x24\0\0\0WAVEfmt " + b"\xff" * 60, "known format"),
        (audio.wav_bytes(b""), "no audio"),
    ],
)
def test_what_is_not_audio_gives_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=says) as caught:
        audio.read_audio(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@given(st.binary(max_size=400))
def test_no_content_crashes_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.wav"
    path.write_bytes(b"RIFF\x40\0\0\0WAVEfmt \x10\0\0\0" + content)
    try:
        audio.read_audio(path)
    except AudioError:
        pass


def test_a_missing_file_gives_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="cannot be read"):
        audio.read_audio(tmp_path / "none.wav")


@pytest.mark.parametrize("stated", [0, 100_000_000])
def test_a_recording_cut_by_a_kill_is_mended(tmp_path: Path, stated: int) -> None:
    pcm = tone(440, 0.5)
    path = tmp_path / "cut.wav"
    content = bytearray(audio.wav_bytes(pcm))
    struct.pack_into("<I", content, 4, stated and stated + 36)
    struct.pack_into("<I", content, 40, stated)
    path.write_bytes(content)
    assert audio.read_audio(path) == pcm
    mended = audio.repaired(path.read_bytes())
    assert mended == audio.wav_bytes(pcm) and audio.repaired(mended) is None


def test_joining_puts_the_caller_left_and_fills_up_the_shorter(tmp_path: Path) -> None:
    caller, service = tone(440, 0.5), tone(1000, 1.0)
    audio.write_wav(tmp_path / "both.wav", audio.join_stereo(caller, service), channels=2)
    channels, rate = audio.read_channels(tmp_path / "both.wav")
    assert rate == 16000
    assert channels == [caller + audio.silence(0.5), service]


def test_noise_has_the_level_asked_for() -> None:
    speech = tone(440, 2.0)
    noise = audio.to_floats(audio.add_noise(speech, 15)) - audio.to_floats(speech)
    loud = audio.to_floats(speech)
    loud = loud[np.abs(loud) > np.median(np.abs(loud))]
    assert 10 * np.log10(np.mean(loud**2) / np.mean(noise**2)) == pytest.approx(15, abs=0.2)
