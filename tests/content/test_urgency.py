"""Urgent words in recorded messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.content.keywords import URGENCY_FILE, load_emergency, load_urgency, read_urgency, urgent_words
from ivr.core.text import LANGUAGES

ROOT = Path(__file__).parents[2]
SPOTTERS = load_emergency(ROOT), load_urgency(ROOT)


@pytest.mark.parametrize(
    ("lang", "text", "words"),
    [
        (
            "fr",
            "Bonjour, on m'a volé mon passeport, rappelez-moi, c'est urgent.",
            ["vole", "passeport", "urgent"],
        ),
        ("fr", "J'ai perdu ma fille au Louvre", ["perdu ma fille"]),
        ("en", "We can't find my daughter, we are at the embassy.", ["can t find my daughter", "embassy"]),
        ("en", "My husband is in hospital, in hospital I said", ["hospital"]),
        ("es", "¡Me han robado la documentación!", ["robado", "documentacion"]),
        ("de", "Unser Flug verpasst, es ist dringend", ["flug verpasst", "dringend"]),
        ("it", "Abbiamo perso l'aereo e siamo senza soldi", ["perso l aereo", "senza soldi"]),
        ("en", "an ambulance came", ["ambulance"]),
        ("", "mein Reisepass", ["reisepass"]),
        ("fr", "À quelle heure ferme le Louvre ?", []),
        ("fr", "Où sont les objets trouvés ?", []),
        ("en", "is the museum pass worth it", []),
        ("en", "Where is passport control?", []),
        ("de", "Was kostet der Eintritt?", []),
        ("", "", []),
    ],
)
def test_urgent_words_are_found_in_their_order_each_once(lang: str, text: str, words: list[str]) -> None:
    assert urgent_words(text, lang, *SPOTTERS) == words


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_of_the_list_is_found_and_none_is_lost_to_an_exception(lang: str) -> None:
    document = read_urgency(ROOT)
    assert document.model is not None and document.findings == []
    for word in getattr(document.model, lang).words:
        assert urgent_words(f"ciao {word.rstrip('*')} hallo", lang, *SPOTTERS), word


def test_a_word_without_letters_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "nlu").mkdir()
    text = (ROOT / URGENCY_FILE).read_text("utf-8").replace("    - hospital\n", '    - "??"\n', 1)
    (tmp_path / URGENCY_FILE).write_text(text, "utf-8")
    (finding,) = read_urgency(tmp_path).findings
    assert "'??' holds no letters" in str(finding)
    assert text.splitlines()[finding.line - 1].strip() == '- "??"'
