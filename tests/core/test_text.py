"""One spelling for what recognisers and keyboards write."""

from __future__ import annotations

import pytest

from ivr.core.text import fold, normalise, spoken


@pytest.mark.parametrize(
    ("text", "plain", "said"),
    [
        ("Sacré-Cœur, à 9h30 !", "sacre coeur a 9 h 30", "sacré cœur à 9 h 30"),
        ("L’entrée de l'Orangerie ?", "l entree de l orangerie", "l'entrée de l'orangerie"),
        ("Straße", "strasse", "strasse"),
        ("ticket t+ 14€", "ticket t plus 14 euro", "ticket t plus 14 euro"),
        ("¿Cuánto cuesta?", "cuanto cuesta", "cuánto cuesta"),
        ("e\u0301te\u0301", "ete", "été"),
        ("...!?", "", ""),
        ("a_b", "a b", "a b"),
    ],
)
def test_wording(text: str, plain: str, said: str) -> None:
    assert normalise(text) == plain
    assert spoken(text) == said
    assert normalise(said) == plain
    assert fold(plain) == plain
