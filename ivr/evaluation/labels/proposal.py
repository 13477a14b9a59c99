"""Proposals from labels: a file of examples and held-out questions, which an administrator edits and accepts.

A hash of its words decides the side of a sentence, so that no sentence is ever on both.  One in four is held out.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz, process

from ivr.content.callflow import Language
from ivr.content.faq import Faq
from ivr.content.heldout import NEAR, HeldOutQuestion
from ivr.content.intents import OUT_OF_SCOPE
from ivr.core.text import LANGUAGES, normalise, spoken
from ivr.core.yamlfile import ModelProblem, Strict
from ivr.evaluation.labels.labelled_turns import LabelledTurn

EXAMPLES: Literal["examples"] = "examples"
HELDOUT: Literal["heldout"] = "heldout"
HELD_OUT_OF = 4
FEWEST_WORDS = 2
"""Minimum of words: a single word is seldom a question and often ambiguous."""
MOST_DIGITS = 4
"""Maximum of digits: a sentence with more may contain a telephone number."""
HEAD = """\
# What callers said and we got wrong, {day}: for the examples of nlu/faq and the questions of nlu/heldout.
# Cut what should not be taken, mend what is misspelt, then:  ivr labels accept {name}
items:
"""


class Item(Strict):
    """One sentence: the side it is put on, its language, intent and text, and the turn it comes from."""

    to: Literal["examples", "heldout"]
    lang: Language
    intent: str
    text: str
    turn: str = ""


class Proposal(Strict):
    """The file of a proposal."""

    items: list[Item]

    def problems(self) -> Iterator[ModelProblem]:
        """Yield a problem for each item that repeats another or is not a sentence."""
        seen: dict[tuple[str, str], int] = {}
        for index, item in enumerate(self.items):
            key = (item.lang, normalise(item.text))
            if key in seen:
                mend = f"cut it here or in item {seen[key] + 1}"
                yield ModelProblem(("items", index), f"{item.text!r} stands here twice", mend)
            seen.setdefault(key, index)
            if not key[1] or "\t" in item.text or "\n" in item.text:
                yield ModelProblem(
                    ("items", index, "text"), "not a sentence", "write what was said on one line"
                )


@dataclass(frozen=True)
class ProposalContent:
    """Today's examples and held-out questions, which a proposal must not repeat."""

    faq: Faq
    questions: Sequence[HeldOutQuestion]

    def texts(self, side: str, lang: str) -> list[str]:
        """Return the sentences of a side (examples or heldout) in language ``lang``."""
        if side == HELDOUT:
            return [question.text for question in self.questions if question.lang == lang]
        return [text for _, text in self.faq.examples(lang)]

    @property
    def known(self) -> Collection[str]:
        """The intents allowed for a sentence."""
        return {*self.faq.intents, OUT_OF_SCOPE}


def propose(turns: Sequence[LabelledTurn], content: ProposalContent) -> list[Item]:
    """Return items from undisputed turns that were not served right, without repetitions.

    turns: labelled turns; content: what they must not repeat.
    """
    found: dict[tuple[str, str], Item] = {}
    for turn in turns:
        item = None if turn.served else _item(turn)
        if item is not None and not list(_refused(item, content)):
            found.setdefault((item.lang, normalise(item.text)), item)
    return _without_near_copies(list(found.values()))


def _item(turn: LabelledTurn) -> Item | None:
    """Return the item of a turn, or None when its words are no usable sentence."""
    text = spoken(turn.truth.words) if turn.truth else ""
    digits = sum(sign.isdigit() for sign in text)
    if turn.truth is None or len(text.split()) < FEWEST_WORDS or digits > MOST_DIGITS:
        return None
    if turn.lang not in LANGUAGES:
        return None
    return Item(to=side(text), lang=turn.lang, intent=turn.truth.meant, text=text, turn=turn.name)


def _without_near_copies(items: Sequence[Item]) -> list[Item]:
    """Return the items without questions that are nearly the same as a proposed example."""
    kept = [item for item in items if item.to == EXAMPLES]
    for item in items:
        examples = [normalise(one.text) for one in kept if one.to == EXAMPLES and one.lang == item.lang]
        if item.to == HELDOUT and _near(normalise(item.text), examples) is None:
            kept.append(item)
    return kept


def side(text: str) -> Literal["examples", "heldout"]:
    """Return the side of a sentence, which depends on its words alone."""
    drawn = hashlib.sha256(normalise(text).encode()).digest()[0]
    return HELDOUT if drawn % HELD_OUT_OF == 0 else EXAMPLES


def refusals(proposal: Proposal, content: ProposalContent) -> Iterator[ModelProblem]:
    """Yield a problem for each unknown intent, known sentence, and near copy of the other side."""
    for index, item in enumerate(proposal.items):
        for what, mend in _refused(item, content):
            yield ModelProblem(("items", index), what, mend)
        others = [one for one in proposal.items if one.to != item.to and one.lang == item.lang]
        copy = _near(normalise(item.text), [normalise(one.text) for one in others])
        if item.to == HELDOUT and copy is not None:
            near = f"{item.text!r} is nearly {others[copy].text!r} of the examples here"
            yield ModelProblem(("items", index), near, "keep one of the two")


def _refused(item: Item, content: ProposalContent) -> Iterator[tuple[str, str]]:
    """Yield (message, hint) for each reason to refuse ``item``."""
    asked = normalise(item.text)
    if item.intent not in content.known:
        yield f"unknown intent {item.intent}", f"write an intent of nlu/faq, or {OUT_OF_SCOPE}"
    own = content.texts(item.to, item.lang)
    if any(normalise(text) == asked for text in own):
        yield f"{item.text!r} is there already", "cut the item"
    other = HELDOUT if item.to == EXAMPLES else EXAMPLES
    texts = content.texts(other, item.lang)
    copy = _near(asked, [normalise(text) for text in texts])
    if copy is not None:
        name = "a held-out question" if other == HELDOUT else "an example"
        yield f"{item.text!r} copies {name}, {texts[copy]!r}", "cut the item: it would be learned and tested"


def _near(asked: str, choices: Sequence[str]) -> int | None:
    """Return the index of the choice that is nearly the same, or None."""
    found = process.extractOne(asked, choices, scorer=fuzz.ratio, score_cutoff=NEAR)
    return None if found is None else int(found[2])


def written(items: Sequence[Item], day: dt.date, name: str) -> str:
    """Return the content of the file ``name`` of a proposal made on ``day``."""
    parts = [HEAD.format(day=day, name=name)]
    for item in items:
        text = json.dumps(item.text, ensure_ascii=False)
        parts.append(
            f"  - to: {item.to}\n    lang: {item.lang}\n    intent: {item.intent}\n    text: {text}\n"
            f"    turn: {json.dumps(item.turn)}\n"
        )
    return "".join(parts) if items else HEAD.format(day=day, name=name).rstrip() + " []\n"
