"""What labels would teach: a file of examples and held-out questions that an administrator reads, cuts and accepts.

A sentence goes to one side only, told by a hash of its words: whoever said it, and however often, it never stands on
both.  One in four is held out.
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
from ivr.core.yamlfile import Problem, Strict
from ivr.evaluation.labels.labelled_turns import LabelledTurn

EXAMPLES: Literal["examples"] = "examples"
HELDOUT: Literal["heldout"] = "heldout"
HELD_OUT_OF = 4
FEWEST_WORDS = 2
"""A single word is seldom a question, and means too much or too little."""
MOST_DIGITS = 4
"""More may be a telephone number, and is no way to ask for anything."""
HEAD = """\
# What callers said and we got wrong, {day}: for the examples of nlu/faq and the questions of nlu/heldout.
# Cut what should not be taken, mend what is misspelt, then:  ivr labels accept {name}
items:
"""


class Item(Strict):
    """One sentence: where to put it, and the turn it comes from."""

    to: Literal["examples", "heldout"]
    lang: Language
    intent: str
    text: str
    turn: str = ""


class Proposal(Strict):
    """The file."""

    items: list[Item]

    def problems(self) -> Iterator[Problem]:
        """A sentence that stands on both sides, or twice."""
        seen: dict[tuple[str, str], int] = {}
        for index, item in enumerate(self.items):
            key = (item.lang, normalise(item.text))
            if key in seen:
                mend = f"cut it here or in item {seen[key] + 1}"
                yield Problem(("items", index), f"{item.text!r} stands here twice", mend)
            seen.setdefault(key, index)
            if not key[1] or "\t" in item.text or "\n" in item.text:
                yield Problem(("items", index, "text"), "not a sentence", "write what was said on one line")


@dataclass(frozen=True)
class ProposalContent:
    """What the sentences must not repeat: today's examples and held-out questions."""

    faq: Faq
    questions: Sequence[HeldOutQuestion]

    def texts(self, side: str, lang: str) -> list[str]:
        """One side's sentences in a language."""
        if side == HELDOUT:
            return [question.text for question in self.questions if question.lang == lang]
        return [text for _, text in self.faq.examples(lang)]

    @property
    def known(self) -> Collection[str]:
        """The intents that a sentence may have."""
        return {*self.faq.intents, OUT_OF_SCOPE}


def propose(turns: Sequence[LabelledTurn], content: ProposalContent) -> list[Item]:
    """Sentences of undisputed labelled turns that were not served as they should; repetitions are left out."""
    found: dict[tuple[str, str], Item] = {}
    for turn in turns:
        item = None if turn.served else _item(turn)
        if item is not None and not list(_refused(item, content)):
            found.setdefault((item.lang, normalise(item.text)), item)
    return _without_near_copies(list(found.values()))


def _item(turn: LabelledTurn) -> Item | None:
    """What a turn teaches, if its words do for a sentence."""
    text = spoken(turn.truth.words) if turn.truth else ""
    digits = sum(sign.isdigit() for sign in text)
    if turn.truth is None or len(text.split()) < FEWEST_WORDS or digits > MOST_DIGITS:
        return None
    if turn.lang not in LANGUAGES:
        return None
    return Item(to=side(text), lang=turn.lang, intent=turn.truth.meant, text=text, turn=turn.name)


def _without_near_copies(items: Sequence[Item]) -> list[Item]:
    """Without questions that are nearly like a proposed example."""
    kept = [item for item in items if item.to == EXAMPLES]
    for item in items:
        examples = [normalise(one.text) for one in kept if one.to == EXAMPLES and one.lang == item.lang]
        if item.to == HELDOUT and _near(normalise(item.text), examples) is None:
            kept.append(item)
    return kept


def side(text: str) -> Literal["examples", "heldout"]:
    """Where a sentence goes, today and always."""
    drawn = hashlib.sha256(normalise(text).encode()).digest()[0]
    return HELDOUT if drawn % HELD_OUT_OF == 0 else EXAMPLES


def refusals(proposal: Proposal, content: ProposalContent) -> Iterator[Problem]:
    """Why items cannot be taken: unknown intents, sentences that are there, near copies of the other side."""
    for index, item in enumerate(proposal.items):
        for what, mend in _refused(item, content):
            yield Problem(("items", index), what, mend)
        others = [one for one in proposal.items if one.to != item.to and one.lang == item.lang]
        copy = _near(normalise(item.text), [normalise(one.text) for one in others])
        if item.to == HELDOUT and copy is not None:
            yield Problem(("items", index), f"{item.text!r} is nearly {others[copy].text!r} of the examples here",
                          "keep one of the two")  # fmt: skip


def _refused(item: Item, content: ProposalContent) -> Iterator[tuple[str, str]]:
    """(what, how to mend it)."""
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
    """Place of the choice that is nearly the same."""
    found = process.extractOne(asked, choices, scorer=fuzz.ratio, score_cutoff=NEAR)
    return None if found is None else int(found[2])


def written(items: Sequence[Item], day: dt.date, name: str) -> str:
    """The file's content."""
    parts = [HEAD.format(day=day, name=name)]
    for item in items:
        text = json.dumps(item.text, ensure_ascii=False)
        parts.append(
            f"  - to: {item.to}\n    lang: {item.lang}\n    intent: {item.intent}\n    text: {text}\n"
            f"    turn: {json.dumps(item.turn)}\n"
        )
    return "".join(parts) if items else HEAD.format(day=day, name=name).rstrip() + " []\n"
