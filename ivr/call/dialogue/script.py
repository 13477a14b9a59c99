"""The conversation, top to bottom: a ``Caller`` to talk to and an ``Content`` that knows, no audio, no sockets.

A hang-up is CallerGone and a hand-off LeftToDialplan; both simply end the script.
"""

from __future__ import annotations

from collections.abc import Awaitable

from ivr.call.dialogue import handoff
from ivr.call.dialogue.callback import CallbackContext, CallbackFlow
from ivr.call.dialogue.caller import Caller, CallerReply, Interrupted, PromptPart
from ivr.call.dialogue.dtmf_menu import key_menu
from ivr.call.dialogue.language import choose
from ivr.call.dialogue.policy import DialoguePolicy, gate_policy
from ivr.call.dialogue.transfer import Transfer, TransferReason
from ivr.call.dialogue.voicemail import leave_message
from ivr.content.bundle import Content
from ivr.content.callflow.opening import intervals
from ivr.content.faq import resolve_follow_up
from ivr.content.intents import EMERGENCY, FOLLOW_UP, THANKS, ControlIntent
from ivr.content.phrases import Phrase
from ivr.core.errors import RecogniserError, VoiceError
from ivr.core.pbx_names import QueueKey
from ivr.core.vocabulary import Decision, LanguageSource, PersonReason, TransferStatus
from ivr.nlu.gate import Verdict

"""As in the queue (``queue-keys`` of the dialplan)."""
FAILURES = 2
"""So often the recogniser may fail without an answer in between."""
MENU_ROUNDS = 2
"""How often the language menu is said before French and English go on by themselves."""


class Dialogue:
    """One conversation."""

    def __init__(self, caller: Caller, office: Content, policy: DialoguePolicy | None = None) -> None:
        self.caller = caller
        self.office = office
        self._policy = policy or gate_policy(caller, office)
        self.answered = 0
        self.last_answer = ""
        self._last: tuple[PromptPart, ...] = ()
        self._reprompts = 0
        self._silences = 0
        self._offered = False  # a person or the voicemail was
        self._topic = ""  # what he asked about, for the adviser
        self._alarm: PersonReason | None = None  # once he has cried for help
        self._cut_off = False  # he has talked to an adviser
        self._mute = False  # words made up for him could not be spoken
        self._deaf = 0  # times the recogniser has failed since the last answer

    async def run(self) -> None:
        """A new call, from the greeting to the end."""
        await self.serve(self._begin())

    async def returned(self, status: TransferStatus) -> None:
        """The dialplan gives the caller back; ``status``: why (``ivr.call.dialogue.handoff``)."""
        self._offered = True
        await self.serve(self._welcome_back(status))

    async def resumed(self, *, told: bool = False) -> None:
        """The caller was in the middle of a conversation that we know nothing of; ``told``: he knows that we had to
        begin again."""
        await self.serve(self._apologise(told))

    async def _begin(self) -> tuple[PromptPart, ...]:
        return await self._open(await self.welcome())

    async def _open(self, heard: CallerReply | None) -> tuple[PromptPart, ...]:
        """The first words in his language; among them, that the call may be recorded.

        A question is answered first; one who wants a person, and leaves us, is told before.  In an emergency nobody
        is.
        """
        notice = self._recording_notice()
        if heard is None:
            return (self.piece(Phrase.INTRODUCTION), *notice, self.piece(Phrase.HOW_CAN_I_HELP))
        if not notice or heard.urgent:
            return await self.respond(heard)
        if heard.key or self.verdict(heard).decision in (Decision.CONTROL, Decision.HANDOFF):
            await self.tell(*notice)
            return await self.respond(heard)
        *reply, last = await self.respond(heard)
        return (*reply, *notice, last)

    def _recording_notice(self) -> tuple[PromptPart, ...]:
        recording = self.office.callflow.recording
        if not (recording.enabled and recording.notice):
            return ()
        key = self.office.key_words(recording.refuse_key, self.caller.lang)
        return (self.piece(Phrase.RECORDING_NOTICE, key=key),)

    def _refuses(self, key: str) -> bool:
        recording = self.office.callflow.recording
        return recording.enabled and key == recording.refuse_key

    async def _welcome_back(self, status: TransferStatus) -> tuple[PromptPart, ...]:
        match status:
            case TransferStatus.SERVED:
                self._cut_off = True  # should he ask again, he does not wait behind others
                return (self.piece(Phrase.BACK_TO_SERVICE),)
            case TransferStatus.CALLBACK:
                return await self.callback()
            case TransferStatus.MESSAGE:
                return await self.message()
            case TransferStatus.DECLINED | TransferStatus.TIMEOUT | TransferStatus.NO_ANSWER:
                return await self._instead()
        if status in handoff.EMPTY and handoff.fallback_phones(self.office.callflow, self.office.now()):
            self.caller.wants_person(PersonReason.ASKED)  # the queue has ended the wait that was noted before
            wanted = TransferReason(PersonReason.ASKED, self._topic)
            await Transfer(self.caller, self, self.office, wanted).to_fallback_phone()
        await self.tell(self.piece(Phrase.HANDOFF_FAILED))
        return await self.message()

    async def _instead(self) -> tuple[PromptPart, ...]:
        """None of those who are there took him: a callback, or else a message."""
        heard = await self.caller.ask(self.piece(Phrase.HANDOFF_DECLINED))
        intent = heard.intent.name if heard.intent else ""
        if heard.key == QueueKey.CALLBACK or intent in (ControlIntent.CALLBACK, ControlIntent.YES):
            return await self.callback()
        refuses = intent in (ControlIntent.VOICEMAIL, ControlIntent.NO)
        if heard.key or heard.silent or refuses or not self._is_a_question(heard):
            return await self.message()
        return await self.respond(heard)

    async def _apologise(self, told: bool) -> tuple[PromptPart, ...]:
        apology = () if told else (self.piece(Phrase.APOLOGY_WAIT),)
        return (*apology, self.piece(Phrase.HOW_CAN_I_HELP))

    # the greeting and the language

    async def welcome(self) -> CallerReply | None:
        """Greet and settle the language; returns the question of a caller who asks one right away."""
        order = self.office.callflow.order(self.caller.number)
        menu = [self.piece(Phrase.WELCOME, order[0]), *(self._menu_line(lang) for lang in order)]
        for _ in range(MENU_ROUNDS):
            heard = await self.caller.ask(*menu, langs=order)
            if self._refuses(heard.key):
                await self.caller.refuse_recording()
            if heard.key == self.office.callflow.keys.person:
                await self.caller.speaks(order[0], LanguageSource.DEFAULT)
                return heard
            choice = choose(heard, self.office.callflow, self.office.names)
            if choice is not None:
                await self.caller.speaks(choice.lang, choice.how)
                return None
            if heard.spoke and self._is_a_question(heard):
                await self.caller.speaks(heard.lang or order[0], LanguageSource.QUESTION)
                return heard
        return await self._without_a_language()

    async def _without_a_language(self) -> CallerReply | None:
        silent = self.office.callflow.silent_languages
        heard = await self.caller.ask(
            *(self.piece(Phrase.HOW_CAN_I_HELP, lang) for lang in silent), langs=silent
        )
        choice = choose(heard, self.office.callflow, self.office.names)
        if choice is not None:
            await self.caller.speaks(choice.lang, choice.how)
            return None
        how = LanguageSource.QUESTION if heard.spoke else LanguageSource.DEFAULT
        await self.caller.speaks(heard.lang or silent[0], how)
        return None if heard.silent else heard

    def _is_a_question(self, heard: CallerReply) -> bool:
        return heard.urgent or self.verdict(heard).decision in (
            Decision.ANSWER, Decision.CONFIRM, Decision.EITHER, Decision.CONTROL,
        )  # fmt: skip

    def _menu_line(self, lang: str) -> PromptPart:
        key = self.office.callflow.languages[lang].key
        return self.piece(Phrase.MENU_LINE, lang, key=self.office.key_words(key, lang))

    # questions and answers

    async def serve(self, coming: Awaitable[tuple[PromptPart, ...]]) -> None:
        """Ask what is coming, listen, respond, for as long as the caller stays and the longest call allows."""
        while True:
            try:
                prompt = await coming
                if self.caller.with_us_s > self.office.callflow.limits.call_s:
                    await self.caller.say(*(piece for piece in prompt if piece.key != Phrase.ANYTHING_ELSE))
                    await self.goodbye(Phrase.TOO_LONG)
                heard = await self.caller.ask(*prompt)
            except Interrupted as cut:
                heard = cut.heard
            except RecogniserError:
                self._deaf += 1
                if self._deaf > FAILURES:
                    raise  # the dialplan takes him
                coming = self.unheard()
                continue
            except VoiceError:
                if self._mute:
                    raise  # not even what was rendered: the dialplan takes him
                self._mute = True
                coming = self.message()
                continue
            coming = self.respond(heard)

    async def tell(self, *pieces: PromptPart) -> None:
        """Say what needs no answer; raises Interrupted when the caller has a word for us meanwhile."""
        for _ in range(2):  # once more when what cut it short was nothing
            heard = await self.caller.tell(*pieces)
            if heard is None:
                return
            if heard.key or self._is_a_question(heard):
                raise Interrupted(heard)

    async def respond(self, heard: CallerReply) -> tuple[PromptPart, ...]:
        """What to say next to what was heard; may end the conversation."""
        if heard.silent:
            return await self.nothing_heard()
        self._silences = 0
        if heard.urgent:
            lost_child = handoff.is_about_a_child(heard.text)
            self._alarm = PersonReason.LOST_CHILD if lost_child else PersonReason.URGENT
            return await self.emergency()
        if heard.key:
            return await self.pressed(heard.key)
        if heard.text and heard.intent is None:  # Rasa is away
            return await self.by_keys()
        if heard.intent is not None and self._is_faq(heard.intent.name):
            self._topic = heard.intent.name
        verdict = self.verdict(heard)
        if verdict.decision is not Decision.HANDOFF:  # noted where it happens, as it has other causes too
            await self.caller.decided(verdict.decision, verdict.intent, verdict.other or "")
        match verdict.decision:
            case Decision.ANSWER:
                return self.answer(verdict.intent)
            case Decision.CONFIRM:
                return await self.confirm(verdict.intent)
            case Decision.EITHER:
                return await self.either(verdict.intent, verdict.other or verdict.intent)
            case Decision.CONTROL:
                return await self.control(verdict.intent, heard.text)
            case Decision.FOLLOW:
                return await self.follow(verdict.intent)
            case Decision.SOCIAL:
                return (
                    self.piece(Phrase.ANYTHING_ELSE if verdict.intent == THANKS else Phrase.HOW_CAN_I_HELP),
                )
            case Decision.HANDOFF:
                return await self.person(PersonReason.NOT_UNDERSTOOD)
            case _:
                return await self.not_understood()

    def answer(self, intent: str) -> tuple[PromptPart, ...]:
        """The answer of today, and whether there is anything else."""
        lang = self.caller.lang
        self._reprompts = self._deaf = 0
        self.answered += 1
        self.last_answer = intent
        answer = self.office.faq.answer(intent, lang, self.office.now().date())
        self._last = tuple(PromptPart(intent, text, lang) for text in answer.parts)
        return (*self._last, self.piece(Phrase.ANYTHING_ELSE))

    async def emergency(self) -> tuple[PromptPart, ...]:
        """The number first, at once, and nothing asked back."""
        await self.caller.decided(Decision.ANSWER, EMERGENCY)
        self.answered += 1
        return (self.piece(Phrase.EMERGENCY), *self.answer(EMERGENCY)[:-1])

    async def confirm(self, intent: str) -> tuple[PromptPart, ...]:
        """Ask whether that was meant; anything but yes and no is a new turn."""
        name = self.office.faq.name(intent, self.caller.lang)
        heard = await self.caller.ask(self.piece(Phrase.CONFIRM, name=name))
        match heard.intent.name if heard.intent else "":
            case ControlIntent.YES:
                return self.answer(intent) if self._is_faq(intent) else await self.control(intent)
            case ControlIntent.NO:
                return await self.not_understood()
        return await self.not_understood() if heard.silent else await self.respond(heard)

    async def either(self, one: str, other: str) -> tuple[PromptPart, ...]:
        """Two close subjects: ask which."""
        names = [self.office.faq.name(intent, self.caller.lang) for intent in (one, other)]
        heard = await self.caller.ask(self.piece(Phrase.EITHER, a=names[0], b=names[1]))
        ranking = dict(heard.intent.ranking) if heard.intent else {}
        scores = {intent: ranking.get(intent, 0.0) for intent in (one, other)}
        best = max(scores, key=lambda intent: scores[intent])
        if heard.intent is not None and (heard.intent.name in scores or scores[best] >= 0.2):
            await self.caller.decided(Decision.ANSWER, best)
            return self.answer(best)
        match heard.intent.name if heard.intent else "":
            case ControlIntent.YES:
                return self.answer(one)
            case ControlIntent.NO:
                return await self.not_understood()
        return await self.not_understood() if heard.silent else await self.respond(heard)

    async def follow(self, intent: str) -> tuple[PromptPart, ...]:
        """ "And for children?": the same topic, another aspect of it."""
        followed = resolve_follow_up(self.office.faq, self.last_answer, intent.removeprefix(FOLLOW_UP))
        if followed is None:
            return await self.not_understood()
        await self.caller.decided(Decision.ANSWER, followed)
        return self.answer(followed)

    async def not_understood(self) -> tuple[PromptPart, ...]:
        """Help once with examples; then a person."""
        self._reprompts += 1
        if self._reprompts > self.office.callflow.limits.reprompts:
            return await self.person(PersonReason.NOT_UNDERSTOOD)
        return (self.piece(Phrase.NOT_UNDERSTOOD), self.piece(Phrase.REPROMPT_EXAMPLES))

    async def nothing_heard(self) -> tuple[PromptPart, ...]:
        """Silence: ask again, ask once more; then a person, or goodbye to one who had an answer or that offer."""
        self._silences += 1
        if self._silences > self.office.callflow.limits.silences:
            if self.answered or self._offered:
                await self.goodbye()
            return await self.person(PersonReason.SILENCE)
        return (self.piece(Phrase.NO_INPUT if self._silences == 1 else Phrase.STILL_THERE),)

    # keys and orders

    async def pressed(self, key: str) -> tuple[PromptPart, ...]:
        """A key in the middle of the conversation."""
        if self._refuses(key):
            await self.caller.refuse_recording()
            return (self.piece(Phrase.RECORDING_REFUSED), self.piece(Phrase.HOW_CAN_I_HELP))
        order = self.office.callflow.keys.intents.get(key)
        if order is not None:
            await self.caller.decided(Decision.CONTROL, order)
            return await (
                self.person(PersonReason.KEY) if order is ControlIntent.HUMAN else self.control(order)
            )
        lang = self.office.callflow.language_of_key(key)
        if lang is None or lang == self.caller.lang:
            return (self.piece(Phrase.HOW_CAN_I_HELP),)
        return await self._change_to(lang, LanguageSource.KEY)

    async def control(self, intent: str, text: str = "") -> tuple[PromptPart, ...]:
        """Carry out a ControlIntent; ``text``: the words of the order."""
        self._reprompts = 0
        match intent:
            case ControlIntent.HUMAN:
                return await self.person()
            case ControlIntent.VOICEMAIL:
                return await self.message()
            case ControlIntent.CALLBACK:
                return await self.callback()
            case ControlIntent.REPEAT | ControlIntent.SLOWER:
                return self._again(slow=intent == ControlIntent.SLOWER)
            case ControlIntent.MENU:
                return (self.piece(Phrase.TOPICS), self.piece(Phrase.HOW_CAN_I_HELP))
            case ControlIntent.CHANGE_LANGUAGE:
                return await self.change_language(text)
            case ControlIntent.YES:
                return (self.piece(Phrase.HOW_CAN_I_HELP),)
            case ControlIntent.GOODBYE | ControlIntent.NO:
                await self.goodbye()
        return (self.piece(Phrase.ANYTHING_ELSE),)

    def _again(self, *, slow: bool) -> tuple[PromptPart, ...]:
        if not self._last:
            return (self.piece(Phrase.REPEAT_NOTHING),)
        last = tuple(PromptPart(piece.key, piece.text, piece.lang, slow) for piece in self._last)
        return (*last, self.piece(Phrase.ANYTHING_ELSE))

    async def change_language(self, text: str = "") -> tuple[PromptPart, ...]:
        """By the name that was in the order (``text``), or asked for."""
        named = self.office.names.meant_in(text)
        if named in self.office.callflow.languages and named != self.caller.lang:
            return await self._change_to(str(named), LanguageSource.VOICE)
        codes = tuple(self.office.callflow.languages)
        for _ in range(MENU_ROUNDS):
            heard = await self.caller.ask(self.piece(Phrase.LANGUAGE_WHICH), langs=codes)
            choice = choose(heard, self.office.callflow, self.office.names, asked=True)
            if choice is not None:
                return await self._change_to(choice.lang, choice.how)
            if heard.key or heard.urgent:
                return await self.respond(heard)
        return (self.piece(Phrase.HOW_CAN_I_HELP),)

    async def _change_to(self, lang: str, how: LanguageSource) -> tuple[PromptPart, ...]:
        await self.caller.speaks(lang, how)
        self._last = ()
        return (self.piece(Phrase.LANGUAGE_CHANGED), self.piece(Phrase.HOW_CAN_I_HELP))

    # when nothing that is said can be understood

    async def by_keys(self) -> tuple[PromptPart, ...]:
        """The usual topics by their keys, and a person: for him at once when that was no help either."""
        await self.caller.decided(Decision.CONTROL, ControlIntent.MENU)
        lang, office = self.caller.lang, self.office
        menu = key_menu(office.callflow, office.faq, office.phrases, lang)
        heard = await self.caller.ask(*(PromptPart(phrase, text, lang) for text, phrase in menu))
        topic = office.callflow.topics_by_key.get(heard.key)
        if topic is not None:
            self._topic = topic
            await self.caller.decided(Decision.ANSWER, topic)
            return self.answer(topic)
        if heard.key or heard.urgent or heard.intent is not None:
            return await self.respond(heard)
        return await self.person(PersonReason.NOT_UNDERSTOOD)

    async def unheard(self) -> tuple[PromptPart, ...]:
        """The recogniser has failed: keys, and when it fails again a person."""
        if not self.caller.lang:
            await self.caller.speaks(
                self.office.callflow.order(self.caller.number)[0], LanguageSource.DEFAULT
            )
        return await (self.by_keys() if self._deaf < FAILURES else self.person(PersonReason.NOT_UNDERSTOOD))

    # ways out

    async def person(self, why: PersonReason = PersonReason.ASKED) -> tuple[PromptPart, ...]:
        """An adviser in opening hours, then who is on call, then the voicemail; ``why`` as in PersonWanted."""
        await self.caller.decided(Decision.HANDOFF, ControlIntent.HUMAN)
        why = self._alarm or why
        self.caller.wants_person(why)
        self._reprompts = self._silences = 0
        self._offered = True
        first = handoff.URGENT_PRIORITY if self._alarm else handoff.CUT_OFF_PRIORITY if self._cut_off else 0
        await Transfer(self.caller, self, self.office, TransferReason(why, self._topic, first)).run()
        return await self.message()

    async def message(self, intro: Phrase = Phrase.VOICEMAIL_INTRO) -> tuple[PromptPart, ...]:
        """Take a message, and what to say then."""
        left = await leave_message(self.caller, self, self.office.callflow.voicemail.keys, intro)
        self.answered += left.sent
        return (self.piece(Phrase.ANYTHING_ELSE),) if left.turn is None else await self.respond(left.turn)

    async def callback(self) -> tuple[PromptPart, ...]:
        """Agree on a callback; where that does not come about, take a message."""
        ending = await CallbackFlow(self.caller, self, self._terms()).run()
        if ending.turn is not None:
            return await self.respond(ending.turn)
        if ending.agreed:
            self.answered += 1
            return (self.piece(Phrase.ANYTHING_ELSE),)
        if not ending.lead:
            return await self.message(Phrase.CALLBACK_INTRO)
        await self.tell(self.piece(ending.lead))
        return await self.message()

    def _terms(self) -> CallbackContext:
        office = self.office
        return CallbackContext(
            office.callflow, office.phrases, office.key_words, lambda day: intervals(office.callflow.hours, day),
            office.now(), self.last_answer, office.callbacks_asked,
        )  # fmt: skip

    async def goodbye(self, *before: Phrase) -> None:
        """Say it and hang up; not when he has another question after all."""
        last = [self.piece(name) for name in (*before, Phrase.GOODBYE)]
        heard = await self.caller.tell(*last)
        if heard is not None:
            if heard.urgent or not before and self.verdict(heard).decision is Decision.ANSWER:
                raise Interrupted(heard)
            await self.caller.say(*last)
        await self.caller.hang_up()

    # words

    def piece(self, name: Phrase, lang: str = "", /, **fields: str) -> PromptPart:
        """A phrase in the caller's language (or ``lang``)."""
        lang = lang or self.caller.lang
        return PromptPart(name, self.office.phrases.text(lang, name, **fields), lang)

    def verdict(self, heard: CallerReply) -> Verdict:
        """What the policy decides on a reply."""
        return self._policy(heard, self._reprompts)

    def _is_faq(self, intent: str) -> bool:
        return self.office.faq.kind(intent) == "faq"
