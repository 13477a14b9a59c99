"""Renders everything that the service can say, and the answers a second time at a slow pace."""

from __future__ import annotations

from ivr.call.dialogue import prompt_list
from ivr.content.bundle import Content
from ivr.core.settings import Settings
from ivr.setup.progress import Task
from ivr.speech.prompts import open_prompts


def render_all(settings: Settings, task: Task) -> None:
    """Render what is not on disk yet, showing the progress in ``task``."""
    content = Content.load(settings)
    prompts = open_prompts(settings, content.callflow.languages)
    spoken = list(prompt_list.sentences(content.callflow, content.faq, content.phrases))
    slowly = list(prompt_list.answers(content.callflow, content.faq))
    both = max(1, len(prompts.missing(spoken)) + len(prompts.missing(slowly, slow=True)))
    first = len(prompts.missing(spoken))
    prompts.render_all(spoken, lambda done, total: task.at(done / both, f"{done} of {both}"))
    prompts.render_all(
        slowly, lambda done, total: task.at((first + done) / both, f"{first + done} of {both}"), slow=True
    )
