"""Pronunciation of written words, with the service's own files and with small ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.core.errors import ConfigError
from ivr.speech.pronunciation import Pronunciation, SayFile, read
from tests.speech.engines import ROOT

LANGUAGES = ("fr", "en", "es", "de", "it")
FRENCH = {
    "one_euro": "un euro", "euros": "{euros} euros", "euros_cents": "{sum} {cents}",
    "hour": "{hour} heures", "hour_minutes": "{hour} heures {minutes}", "percent": "{n} pour cent",
    "plus": "plus", "phone": "pairs",
}  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "written", "said"),
    [
        ("fr", "16,50 €", "seize euros cinquante"),
        ("fr", "1 €", "un euro"),
        ("fr", "9 h 30", "neuf heures trente"),
        ("fr", "à 9h.", "à neuf heures."),
        ("fr", "01 49 52 42 81", "zéro un, quarante-neuf, cinquante-deux, quarante-deux, quatre-vingt-un"),
        ("fr", "50 %", "cinquante pour cent"),
        ("fr", "en 2026", "en deux mille vingt-six"),
        ("en", "€2.55", "two euros fifty-five"),
        ("en", "9:30", "nine thirty"),
        ("en", "9:00", "nine o'clock"),
        ("en", "01 49 52 42 81", "zero one, four nine, five two, four two, eight one"),
        ("en", "+33 1 49 52 42 81", "plus thirty-three, one, four nine, five two, four two, eight one"),
        ("es", "14 euros", "catorce euros"),
        ("de", "9:30 Uhr", "neun Uhr dreißig"),
        ("de", "13 €", "dreizehn Euro"),
        ("it", "1,50 €", "un euro e cinquanta"),
        ("it", "21:00", "ventuno"),
    ],
)
def test_numbers_are_said_in_words(lang: str, written: str, said: str) -> None:
    assert read(ROOT, lang).spoken(written) == said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_acronyms_are_said_letter_by_letter(lang: str) -> None:
    said = read(ROOT, lang).spoken("Le RER B et le ticket t+.")
    assert "RER" not in said and "t+" not in said and said.endswith(".")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("engine", ["", "pico", "piper"])
def test_prose_without_figures_is_left_alone(lang: str, engine: str) -> None:
    assert (
        read(ROOT, lang).spoken("la la la: la, la; « la » (la) ?", engine)
        == "la la la: la, la; « la » (la) ?"
    )


def pronunciation_of(**words: dict[str, str]) -> Pronunciation:
    return Pronunciation("fr", SayFile.model_validate({"numbers": FRENCH, **words}))


def test_small_letters_match_any_case_and_capitals_only_themselves() -> None:
    pronunciation = pronunciation_of(words={"navigo": "navi-go", "RER": "erre eu erre"})
    assert pronunciation.spoken("Navigo NAVIGO navigo RER rer") == "navi-go navi-go navi-go erre eu erre rer"


def test_only_whole_words_match_and_the_longest_wins() -> None:
    pronunciation = pronunciation_of(words={"Orly": "orli", "Orly Sud": "orli sude"})
    assert pronunciation.spoken("Orlyval, Orly, Orly Sud") == "Orlyval, orli, orli sude"


def test_an_engines_own_word_comes_before_the_general_one() -> None:
    pronunciation = pronunciation_of(words={"Orsay": "or-sé"}, pico={"Orsay": '<phoneme ph="OR.se"/>'})
    assert pronunciation.spoken("Orsay") == "or-sé"
    assert pronunciation.spoken("Orsay", "pico") == '<phoneme ph="OR.se"/>'


def test_figures_in_phonemes_are_not_numbers() -> None:
    pronunciation = pronunciation_of(pico={"Eu": '<phoneme ph="2 9"/>'})
    assert pronunciation.spoken("Eu 2", "pico") == '<phoneme ph="2 9"/> deux'


def test_markup_in_the_text_is_not_markup_to_the_voice() -> None:
    said = pronunciation_of().spoken('a <break time="9s"/> [[b]] c')
    assert not set("<>[]") & set(said)


def test_a_number_listed_in_words_is_found_in_figures() -> None:
    pronunciation = pronunciation_of(pico={"dix-huit": "diz-huit"})
    assert pronunciation.spoken("Jusqu'à 18 h, dix-huit euros ou 18 €", "pico") == (
        "Jusqu'à diz-huit heures, diz-huit euros ou diz-huit euros"
    )
    assert pronunciation.spoken("18", "piper") == "dix-huit"


def test_a_faulty_file_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "voices" / "say"
    folder.mkdir(parents=True)
    good = (ROOT / "voices" / "say" / "fr.yml").read_text(encoding="utf-8")
    (folder / "fr.yml").write_text(good.replace("piper: {}", "piper: [a]"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"voices/say/fr.yml:\d+"):
        read(tmp_path, "fr")
