"""What a dialogue says to each reply of the caller."""

from __future__ import annotations

from ivr.call.dialogue import handoff
from ivr.call.dialogue.answers import Answers
from ivr.call.dialogue.callback import CallbackContext, CallbackFlow
from ivr.call.dialogue.caller import Caller, CallerReply, Interrupted, NoProgress, PromptPart
from ivr.call.dialogue.dtmf_menu import key_menu
from ivr.call.dialogue.greeting import MENU_ROUNDS
from ivr.call.dialogue.language import choose
from ivr.call.dialogue.phrase_prompts import PhrasePrompts
from ivr.call.dialogue.policy import DialoguePolicy
from ivr.call.dialogue.progress import Progress
from ivr.call.dialogue.transfer import Transfer, TransferReason
from ivr.call.dialogue.voicemail import leave_message
from ivr.content.bundle import Content
from ivr.content.intents import EMERGENCY, THANKS, ControlIntent
from ivr.content.phrases import Phrase
from ivr.core.vocabulary import Decision, LanguageSource, PersonReason
from ivr.nlu.gate import Verdict

FAILURES = 2
"""Consecutive failures of the recogniser before the dialplan takes over."""
TELL_ROUNDS = 2
"""How many times an announcement is said that the caller interrupts without a question."""
CHOSEN = 0.2
"""Certainty from which a reply to "which of the two?" chooses one of them."""
QUESTIONS = (Decision.ANSWER, Decision.CONFIRM, Decision.EITHER, Decision.CONTROL)
"""Decisions on replies that are a question or an order."""
WAYS_ON = (ControlIntent.HUMAN, ControlIntent.VOICEMAIL, ControlIntent.CALLBACK)
"""Orders that are progress."""
NO_PROGRESS = "no-progress"
"""The intent of ``Decision.LET_GO``."""

Prompt = tuple[PromptPart, ...]
"""What is said next."""


class Responses:
    """Responds to the replies of one caller.

    caller, content: whom to talk to, and what the receptionist knows.
    phrase: makes prompt parts of phrases.
    policy: decides on replies.

    answered: how many questions were answered, messages and callbacks included.
    recogniser_failures: failures since the last answer.
    offered_human: whether a person or the voicemail was offered.
    was_served: whether the caller has talked to an adviser.
    progress: whether the conversation leads anywhere.
    """

    def __init__(
        self, caller: Caller, content: Content, phrase: PhrasePrompts, policy: DialoguePolicy
    ) -> None:
        self.answered = 0
        self._topic = ""  # the last question, for the adviser
        self._callbacks = 0
        self.recogniser_failures = 0
        self.offered_human = self.was_served = False
        self._caller, self._content, self._phrase, self._policy = caller, content, phrase, policy
        self._answers = Answers(caller, content)
        self.progress = Progress(lambda: caller.with_us_s, content.callflow.limits.progress_s)
        self._emergency: PersonReason | None = None
        self._reprompts = 0  # consecutive replies that were not understood
        self._silences = 0  # consecutive questions without a reply

    async def tell(self, *parts: PromptPart) -> None:
        """Say what needs no reply; raises Interrupted when the caller has a question or presses a key."""
        for _ in range(TELL_ROUNDS):
            reply = await self._caller.tell(*parts)
            if reply is None:
                return
            if reply.key or self.is_question(reply):
                raise Interrupted(reply)

    async def respond(self, reply: CallerReply) -> Prompt:
        """Return what to say next to ``reply``.

        Raises what ends the conversation, Interrupted on a barge-in, and NoProgress.
        """
        self.progress.heard(reply)
        if reply.silent:
            return await self._nothing_heard()
        self._silences = 0
        if reply.urgent and not (reply.heedless_s and self.progress.doubts_emergencies):
            lost_child = handoff.is_about_a_child(reply.text)
            self._emergency = PersonReason.LOST_CHILD if lost_child else PersonReason.URGENT
            return await self._emergency_number()
        if not self._leads_on(reply):
            if self.progress.exhausted:
                raise NoProgress
            if self.progress.doubtful:
                return self._in_doubt()
        if reply.key:
            return await self._pressed(reply.key)
        if reply.text and reply.intent is None:  # nothing understands
            return await self._by_keys()
        if reply.intent is not None and self._is_faq(reply.intent.name):
            self._topic = reply.intent.name
        verdict = self.verdict(reply)
        if verdict.decision is not Decision.HANDOFF:  # ``_person`` notes it, as it has other causes too
            await self._caller.decided(verdict.decision, verdict.intent, verdict.other or "")
        return await self._act_on(verdict, reply)

    async def _act_on(self, verdict: Verdict, reply: CallerReply) -> Prompt:
        match verdict.decision:
            case Decision.ANSWER:
                return self._answer(verdict.intent)
            case Decision.CONFIRM:
                return await self._confirm(verdict.intent)
            case Decision.EITHER:
                return await self._either(verdict.intent, verdict.other or verdict.intent)
            case Decision.CONTROL:
                return await self._control(verdict.intent, reply.text)
            case Decision.FOLLOW:
                return await self._follow(verdict.intent)
            case Decision.SOCIAL:
                thanks = verdict.intent == THANKS
                return (self._phrase(Phrase.ANYTHING_ELSE if thanks else Phrase.HOW_CAN_I_HELP),)
            case Decision.HANDOFF:
                return await self._person(PersonReason.NOT_UNDERSTOOD)
            case _:
                return await self._not_understood()

    def _answer(self, intent: str) -> Prompt:
        """The answer of today, and whether there is anything else."""
        self._reprompts = self.recogniser_failures = 0
        self.answered += 1
        self.progress.answered(intent)
        return (*self._answers.give(intent), self._phrase(Phrase.ANYTHING_ELSE))

    async def _emergency_number(self) -> Prompt:
        """The emergency number at once, without a question after it."""
        await self._caller.decided(Decision.ANSWER, EMERGENCY)
        self.answered += 1
        return (self._phrase(Phrase.EMERGENCY), *self._answer(EMERGENCY)[:-1])

    async def _confirm(self, intent: str) -> Prompt:
        """Ask whether that was meant; a reply other than yes and no is a new turn."""
        name = self._content.faq.name(intent, self._caller.lang)
        reply = await self._caller.ask(self._phrase(Phrase.CONFIRM, name=name))
        if reply.intent is not None and reply.intent.name == ControlIntent.YES:
            return self._answer(intent) if self._is_faq(intent) else await self._control(intent)
        return await self._no_or_new_turn(reply)

    async def _no_or_new_turn(self, reply: CallerReply) -> Prompt:
        says_no = reply.intent is not None and reply.intent.name == ControlIntent.NO
        return await (self._not_understood() if says_no or reply.silent else self.respond(reply))

    async def _either(self, one: str, other: str) -> Prompt:
        """Ask which of two close topics was meant."""
        names = [self._content.faq.name(intent, self._caller.lang) for intent in (one, other)]
        reply = await self._caller.ask(self._phrase(Phrase.EITHER, a=names[0], b=names[1]))
        ranking = dict(reply.intent.ranking) if reply.intent else {}
        scores = {intent: ranking.get(intent, 0.0) for intent in (one, other)}
        best = max(scores, key=lambda intent: scores[intent])
        if reply.intent is not None and (reply.intent.name in scores or scores[best] >= CHOSEN):
            await self._caller.decided(Decision.ANSWER, best)
            return self._answer(best)
        if reply.intent is not None and reply.intent.name == ControlIntent.YES:
            return self._answer(one)
        return await self._no_or_new_turn(reply)

    async def _follow(self, intent: str) -> Prompt:
        followed = self._answers.follow_up(intent)
        if followed is None:
            return await self._not_understood()
        await self._caller.decided(Decision.ANSWER, followed)
        return self._answer(followed)

    async def _not_understood(self) -> Prompt:
        """Help with examples, up to the limit of the content; after that a person."""
        self._reprompts += 1
        if self._reprompts > self._content.callflow.limits.reprompts:
            return await self._person(PersonReason.NOT_UNDERSTOOD)
        return (self._phrase(Phrase.NOT_UNDERSTOOD), self._phrase(Phrase.REPROMPT_EXAMPLES))

    async def _nothing_heard(self) -> Prompt:
        """Ask again; after too many silences a person, or goodbye if the caller was answered or offered one."""
        self._silences += 1
        if self._silences > self._content.callflow.limits.silences:
            if self.progress.doubtful:
                return self._in_doubt()
            if self.answered or self.offered_human:
                await self.goodbye()
            return await self._person(PersonReason.SILENCE)
        return (self._phrase(Phrase.NO_INPUT if self._silences == 1 else Phrase.STILL_THERE),)

    def _leads_on(self, reply: CallerReply) -> bool:
        """Whether ``reply`` is the key of an order that is progress, or is understood and not heedless."""
        if reply.key:
            return self._content.callflow.keys.intents.get(reply.key) in WAYS_ON
        return not reply.heedless_s and self.verdict(reply).decision in (Decision.ANSWER, Decision.CONTROL)

    def _in_doubt(self) -> Prompt:
        """Ask for a short sentence or a key: what is heard seems not to be meant for the service."""
        callflow, lang = self._content.callflow, self._caller.lang
        key = self._content.key_words(callflow.keys.person, lang)
        return (self._phrase(Phrase.NOT_FOR_US), self._phrase(Phrase.PERSON_LINE, key=key))

    # keys and orders

    async def _pressed(self, key: str) -> Prompt:
        """Carry out the order of a key."""
        if self._content.callflow.recording.refused_by(key):
            await self._caller.refuse_recording()
            return (self._phrase(Phrase.RECORDING_REFUSED), self._phrase(Phrase.HOW_CAN_I_HELP))
        order = self._content.callflow.keys.intents.get(key)
        if order is not None:
            await self._caller.decided(Decision.CONTROL, order)
            if order is ControlIntent.HUMAN:
                self.progress.made()
                return await self._person(PersonReason.KEY)
            return await self._control(order)
        lang = self._content.callflow.language_of_key(key)
        if lang is None or lang == self._caller.lang:
            return (self._phrase(Phrase.HOW_CAN_I_HELP),)
        return await self._change_to(lang, LanguageSource.KEY)

    async def _control(self, intent: str, text: str = "") -> Prompt:
        """Carry out a ControlIntent; ``text``: the words of the order."""
        self._reprompts = 0
        if intent in WAYS_ON:
            self.progress.made()
        match intent:
            case ControlIntent.HUMAN:
                return await self._person()
            case ControlIntent.VOICEMAIL:
                return await self.message()
            case ControlIntent.CALLBACK:
                return await self.callback()
            case ControlIntent.REPEAT | ControlIntent.SLOWER:
                return self._repeat(self._answers.repeat(slow=intent == ControlIntent.SLOWER))
            case ControlIntent.MENU:
                return (self._phrase(Phrase.TOPICS), self._phrase(Phrase.HOW_CAN_I_HELP))
            case ControlIntent.CHANGE_LANGUAGE:
                return await self._change_language(text)
            case ControlIntent.YES:
                return (self._phrase(Phrase.HOW_CAN_I_HELP),)
            case ControlIntent.GOODBYE | ControlIntent.NO:
                await self.goodbye()
        return (self._phrase(Phrase.ANYTHING_ELSE),)

    def _repeat(self, last: Prompt) -> Prompt:
        return (*last, self._phrase(Phrase.ANYTHING_ELSE)) if last else (self._phrase(Phrase.REPEAT_NOTHING),)

    async def _change_language(self, text: str = "") -> Prompt:
        """Change to the language that ``text`` names, or ask which one."""
        named = self._content.names.meant_in(text)
        if named in self._content.callflow.languages and named != self._caller.lang:
            return await self._change_to(str(named), LanguageSource.VOICE)
        codes = tuple(self._content.callflow.languages)
        for _ in range(MENU_ROUNDS):
            reply = await self._caller.ask(self._phrase(Phrase.LANGUAGE_WHICH), langs=codes)
            choice = choose(reply, self._content.callflow, self._content.names, asked=True)
            if choice is not None:
                return await self._change_to(choice.lang, choice.how)
            if reply.key or reply.urgent:
                return await self.respond(reply)
        return (self._phrase(Phrase.HOW_CAN_I_HELP),)

    async def _change_to(self, lang: str, how: LanguageSource) -> Prompt:
        await self._caller.speaks(lang, how)
        self._answers.forget()
        return (self._phrase(Phrase.LANGUAGE_CHANGED), self._phrase(Phrase.HOW_CAN_I_HELP))

    # without recogniser or understanding

    async def _by_keys(self) -> Prompt:
        """Offer the usual topics and a person by keys; a caller who presses none is put through."""
        await self._caller.decided(Decision.CONTROL, ControlIntent.MENU)
        lang, content = self._caller.lang, self._content
        menu = key_menu(content.callflow, content.faq, content.phrases, lang)
        reply = await self._caller.ask(*(PromptPart(phrase, text, lang) for text, phrase in menu))
        topic = content.callflow.topics_by_key.get(reply.key)
        if topic is not None:
            self._topic = topic
            await self._caller.decided(Decision.ANSWER, topic)
            return self._answer(topic)
        if reply.key or reply.urgent or reply.intent is not None:
            return await self.respond(reply)
        return await self._person(PersonReason.NOT_UNDERSTOOD)

    async def without_recogniser(self) -> Prompt:
        """Offer keys after a failure of the recogniser, a person after the next one."""
        if not self._caller.lang:
            lang = self._content.callflow.order(self._caller.number)[0]
            await self._caller.speaks(lang, LanguageSource.DEFAULT)
        if self.recogniser_failures < FAILURES:
            return await self._by_keys()
        return await self._person(PersonReason.NOT_UNDERSTOOD)

    # ways out

    async def _person(self, why: PersonReason = PersonReason.ASKED) -> Prompt:
        """Put the caller through to a person; when nobody is available take a message."""
        await self._caller.decided(Decision.HANDOFF, ControlIntent.HUMAN)
        why = self._emergency or why
        self._caller.wants_person(why)
        self._reprompts = self._silences = 0
        self.offered_human = True
        await self._transfer(why, self._priority()).run()
        return await self.message()

    async def fallback_phone(self) -> None:
        """Put a caller from an empty queue through to a fallback telephone; returns when none rings at this hour.

        Raises LeftToDialplan, Interrupted.
        """
        if handoff.fallback_phones(self._content.callflow, self._content.now()):
            self._caller.wants_person(PersonReason.ASKED)  # the queue log has ended the first wait
            await self._transfer(PersonReason.ASKED).to_fallback_phone()

    def _transfer(self, why: PersonReason, priority: int = 0) -> Transfer:
        reason = TransferReason(why, self._topic, priority, self.progress.write())
        return Transfer(self._caller, self._content, self._phrase, self.tell, reason)

    def _priority(self) -> int:
        """The caller's queue priority."""
        if self._emergency:
            return handoff.URGENT_PRIORITY
        return handoff.CUT_OFF_PRIORITY if self.was_served else 0

    async def message(self, intro: Phrase = Phrase.VOICEMAIL_INTRO) -> Prompt:
        """Take a message after the phrase ``intro`` and return what to say next.

        Raises NoProgress where there is a message already, and no progress after it.
        """
        if not self.progress.may_record:
            raise NoProgress
        with self.progress.recording():
            keys = self._content.callflow.voicemail.keys
            left = await leave_message(self._caller, self._phrase, keys, intro)
        self.answered += left.sent
        if left.reply is not None:
            return await self.respond(left.reply)
        return (self._phrase(Phrase.ANYTHING_ELSE),)

    async def callback(self) -> Prompt:
        """Agree on a callback, or else take a message; return what to say next."""
        context = CallbackContext.of(self._content, self._answers.last_intent, self._callbacks)
        result = await CallbackFlow(self._caller, self._phrase, context).run()
        if result.reply is not None:
            return await self.respond(result.reply)
        if result.agreed:
            self._callbacks += 1
            self.answered += 1
            self.progress.made()
            return (self._phrase(Phrase.ANYTHING_ELSE),)
        if not result.lead:
            return await self.message(Phrase.CALLBACK_INTRO)
        await self.tell(self._phrase(result.lead))
        return await self.message()

    async def let_go(self) -> Prompt:
        """End the call of somebody who makes no progress, whatever is heard meanwhile; raises CallerGone."""
        await self._caller.decided(Decision.LET_GO, NO_PROGRESS)
        await self._caller.say(self._phrase(Phrase.NO_PROGRESS))
        await self._caller.hang_up()
        return ()

    async def goodbye(self, *before: Phrase) -> None:
        """Say goodbye and hang up, unless the caller has another question; ``before``: phrases to say first."""
        last = [self._phrase(name) for name in (*before, Phrase.GOODBYE)]
        reply = await self._caller.tell(*last)
        if reply is not None:
            if reply.urgent or not before and self.verdict(reply).decision is Decision.ANSWER:
                raise Interrupted(reply)
            await self._caller.say(*last)
        await self._caller.hang_up()

    def verdict(self, reply: CallerReply) -> Verdict:
        """Return what the policy decides on ``reply``."""
        return self._policy(reply, self._reprompts)

    def is_question(self, reply: CallerReply) -> bool:
        """Whether ``reply`` is a question, an order or an emergency."""
        return reply.urgent or self.verdict(reply).decision in QUESTIONS

    def _is_faq(self, intent: str) -> bool:
        return self._content.faq.kind(intent) == "faq"
