"""The conversation as a script: replies of a ``Caller`` in, prompts out; no audio and no sockets.

A hang-up raises CallerGone and a transfer raises LeftToDialplan; both end the script.
"""

from __future__ import annotations

from collections.abc import Awaitable

from ivr.call.dialogue import handoff
from ivr.call.dialogue.caller import Caller, CallerReply, Interrupted, NoProgress
from ivr.call.dialogue.greeting import Greeting
from ivr.call.dialogue.phrase_prompts import PhrasePrompts
from ivr.call.dialogue.policy import DialoguePolicy, gate_policy
from ivr.call.dialogue.responses import FAILURES, Prompt, Responses
from ivr.content.bundle import Content
from ivr.content.intents import ControlIntent
from ivr.content.phrases import Phrase
from ivr.core.errors import RecogniserError, VoiceError
from ivr.core.pbx_names import QueueKey
from ivr.core.vocabulary import Decision, TransferStatus


class Dialogue:
    """One conversation.

    caller: whom to talk to.
    content: what the receptionist knows.
    policy: decides on replies; None: the gate with the thresholds of the content.
    """

    def __init__(self, caller: Caller, content: Content, policy: DialoguePolicy | None = None) -> None:
        self._caller, self._content = caller, content
        self._phrase = PhrasePrompts(caller, content.phrases)
        self._responses = Responses(caller, content, self._phrase, policy or gate_policy(caller, content))
        self._tts_failed = False

    @property
    def answered(self) -> int:
        """How many questions were answered, messages and callbacks included."""
        return self._responses.answered

    async def run(self) -> None:
        """Serve a new call, from the greeting to its end."""
        await self._serve(self._begin())

    def carry(self, so_far: str) -> None:
        """Continue an earlier conversation of the same call; ``so_far``: as in its ``TransferTarget``."""
        self._responses.progress.carry(so_far)

    async def returned(self, status: TransferStatus) -> None:
        """Serve a caller whom the dialplan gives back with ``status``."""
        if status in (TransferStatus.SERVED, TransferStatus.CALLBACK, TransferStatus.MESSAGE):
            self._responses.progress.made()
        self._responses.offered_human = True
        await self._serve(self._welcome_back(status))

    async def resumed(self, *, apologised: bool = False) -> None:
        """Serve a caller whose worker has died; ``apologised``: the dialplan has told them so."""
        await self._serve(self._apologise(apologised))

    # the beginning

    async def _begin(self) -> Prompt:
        greeting = Greeting(
            self._caller,
            self._content,
            self._phrase,
            self._responses.is_question,
            self._responses.progress.heard,
        )
        return await self._open(await greeting.run())

    async def _open(self, reply: CallerReply | None) -> Prompt:
        """The first prompt in the caller's language; it says that the call may be recorded.

        A question is answered first.  A caller who leaves for a person is told before.  In an emergency nothing is
        said about it.
        """
        notice = self._recording_notice()
        if reply is None:
            return (self._phrase(Phrase.INTRODUCTION), *notice, self._phrase(Phrase.HOW_CAN_I_HELP))
        if not notice or reply.urgent:
            return await self._responses.respond(reply)
        if reply.key or self._responses.verdict(reply).decision in (Decision.CONTROL, Decision.HANDOFF):
            await self._responses.tell(*notice)
            return await self._responses.respond(reply)
        *answer, last = await self._responses.respond(reply)
        return (*answer, *notice, last)

    def _recording_notice(self) -> Prompt:
        recording = self._content.callflow.recording
        if not (recording.enabled and recording.notice):
            return ()
        key = self._content.key_words(recording.refuse_key, self._caller.lang)
        return (self._phrase(Phrase.RECORDING_NOTICE, key=key),)

    async def _welcome_back(self, status: TransferStatus) -> Prompt:
        match status:
            case TransferStatus.SERVED:
                self._responses.was_served = True
                return (self._phrase(Phrase.BACK_TO_SERVICE),)
            case TransferStatus.CALLBACK:
                return await self._responses.callback()
            case TransferStatus.MESSAGE:
                return await self._responses.message()
            case TransferStatus.DECLINED | TransferStatus.TIMEOUT | TransferStatus.NO_ANSWER:
                return await self._declined()
        if status in handoff.EMPTY:
            await self._responses.fallback_phone()
        await self._responses.tell(self._phrase(Phrase.HANDOFF_FAILED))
        return await self._responses.message()

    async def _declined(self) -> Prompt:
        """No adviser has accepted the caller: offer a callback, or else a message."""
        reply = await self._caller.ask(self._phrase(Phrase.HANDOFF_DECLINED))
        intent = reply.intent.name if reply.intent else ""
        if reply.key == QueueKey.CALLBACK or intent in (ControlIntent.CALLBACK, ControlIntent.YES):
            return await self._responses.callback()
        refuses = intent in (ControlIntent.VOICEMAIL, ControlIntent.NO)
        if reply.key or reply.silent or refuses or not self._responses.is_question(reply):
            return await self._responses.message()
        return await self._responses.respond(reply)

    async def _apologise(self, apologised: bool) -> Prompt:
        apology = () if apologised else (self._phrase(Phrase.APOLOGY_WAIT),)
        return (*apology, self._phrase(Phrase.HOW_CAN_I_HELP))

    # questions and answers

    async def _serve(self, coming: Awaitable[Prompt]) -> None:
        """Ask, listen and respond until the caller leaves or the call reaches its longest duration."""
        while True:
            try:
                prompt = await coming
                if self._responses.progress.exhausted:
                    raise NoProgress
                if self._responses.progress.total_s > self._content.callflow.limits.call_s:
                    await self._caller.say(*(part for part in prompt if part.key != Phrase.ANYTHING_ELSE))
                    await self._responses.goodbye(Phrase.TOO_LONG)
                reply = await self._caller.ask(*prompt)
            except Interrupted as interrupted:
                reply = interrupted.reply
            except NoProgress:
                coming = self._responses.let_go()
                continue
            except RecogniserError:
                self._responses.recogniser_failures += 1
                if self._responses.recogniser_failures > FAILURES:
                    raise  # the dialplan takes the caller
                coming = self._responses.without_recogniser()
                continue
            except VoiceError:
                if self._tts_failed:
                    raise  # not even rendered prompts can be played: the dialplan takes the caller
                self._tts_failed = True
                coming = self._responses.message()
                continue
            coming = self._responses.respond(reply)
