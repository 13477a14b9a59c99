"""The policy that decides what a dialogue does with a reply."""

from __future__ import annotations

from collections.abc import Callable

from ivr.call.dialogue.caller import Caller, CallerReply
from ivr.content.bundle import Content
from ivr.content.intents import ControlIntent
from ivr.core.vocabulary import Decision
from ivr.nlu.gate import Verdict, decide

DialoguePolicy = Callable[[CallerReply, int], Verdict]
"""Decides on a reply; the number says how many replies before it were not understood."""


def gate_policy(caller: Caller, content: Content) -> DialoguePolicy:
    """Return the policy of a call: the gate with the thresholds of the content.

    caller: whose language counts where the recogniser names none.
    """

    def verdict(reply: CallerReply, reprompts: int) -> Verdict:
        if reply.intent is None:
            return Verdict(Decision.REPROMPT)
        named = content.names.named_in(reply.text)
        if named is not None and named != (caller.lang or reply.lang):
            return Verdict(Decision.CONTROL, ControlIntent.CHANGE_LANGUAGE)
        callflow = content.callflow
        return decide(
            reply.confidence,
            reply.intent,
            callflow.gate,
            content.faq.kinds,
            reply.lang or caller.lang,
            reprompts=reprompts,
            limit=callflow.limits.reprompts,
        )

    return verdict
