"""Recordings recognised as if over the telephone, and prompts recognised again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ivr.core.audio import silence, to_pcm
from ivr.core.errors import UsageError
from ivr.evaluation.hearback import clipped, gap, hear_back, mean_wer
from ivr.evaluation.recordings import from_paths, from_table, listen
from ivr.speech import pronunciation
from ivr.speech.prompts import Prompts
from ivr.speech.tts_piper import Piper, embedded_english
from ivr.speech.whisper.recogniser import Whisper
from tests.core.test_audio import tone
from tests.speech.engines import GOLDEN, ROOT


async def test_recordings_are_heard_in_order(whisper: Whisper) -> None:
    recordings = from_paths([GOLDEN / "en-museum.wav", GOLDEN / "en-eiffel.wav"], "en")
    rows = [row async for row in listen(recordings, whisper)]
    assert ["museum" in rows[0].heard.text, "Eiffel" in rows[1].heard.text] == [True, True]
    assert rows[1].speech_s == pytest.approx(3.9, abs=0.1) and rows[1].ms > 10


async def test_a_bad_recording_does_not_stop_the_others(whisper: Whisper, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"")
    recordings = from_paths([tmp_path / "bad.wav", GOLDEN / "en-museum.wav"], "en")
    rows = [row async for row in listen(recordings, whisper)]
    assert "empty file" in rows[0].error and rows[0].heard.text == ""
    assert not rows[1].error and "museum" in rows[1].heard.text


def test_a_table_gives_files_languages_and_its_other_columns(tmp_path: Path) -> None:
    table = tmp_path / "questions.tsv"
    table.write_text("file\tlang\tintent\na.wav\tfr\torsay\nb.wav\ten\t\n", encoding="utf-8")
    first, second = from_table(table)
    assert (first.file, first.lang, first.path) == ("a.wav", "fr", tmp_path / "a.wav")
    assert (dict(first.columns), dict(second.columns)) == ({"intent": "orsay"}, {"intent": ""})


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "file\tlang\na.wav\t\n", "\xff\xfe"])
def test_a_wrong_table_is_bad_usage(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.tsv").write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="t.tsv"):
        from_table(tmp_path / "t.tsv")


async def test_a_prompt_heard_back_is_reported(whisper: Whisper, tmp_path: Path) -> None:
    prompts = Prompts(
        tmp_path, {"en": Piper(embedded_english(), "en")}, {"en": pronunciation.read(ROOT, "en")}
    )
    text = "The museum is open on Sunday morning. The ticket costs twelve euros."
    prompts.render(text, "en")
    [row] = [row async for row in hear_back([(text, "en")], prompts, whisper)]
    assert row.wer <= 0.2 and row.words == 12 and row.voice == "piper:en_US-joe-medium"
    assert row.lufs == pytest.approx(-19, abs=1) and row.peak_dbfs < -1 and row.clipped == 0
    assert 0.1 < row.gap_s < 0.8 and 3 < row.length_s < 7
    assert mean_wer([row]) == row.wer and mean_wer([]) == 0.0
    await prompts.close()


def test_silence_inside_and_clipping_are_found() -> None:
    pcm = tone(440, 0.5) + silence(0.8) + tone(440, 0.5)
    assert gap(silence(1.0) + pcm + silence(2.0)) == pytest.approx(0.8, abs=0.02)
    assert gap(silence(1.0)) == gap(b"") == 0.0
    assert clipped(pcm) == 0 and clipped(to_pcm(np.full(10, 1.5))) == 10
