"""What a call needs from its worker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink
from ivr.call.queue_forecast import no_forecast
from ivr.call.recording_optout import RecordingOptOut, nothing
from ivr.content.bundle import Content
from ivr.content.callflow.wait_estimate import WaitEstimate
from ivr.core import events
from ivr.core.disk_writer import DiskWriter
from ivr.nlu.classifier import IntentClassifier
from ivr.speech.prompts import Prompts
from ivr.speech.stt import Recogniser
from ivr.speech.vad import BatchedVad
from ivr.store.audio_capture import AudioSink, no_capture
from ivr.store.messages import VoicemailSpool

NOTES_WAITING = 1000
"""Writes of notes that wait while the disk stalls."""
EstimateWait = Callable[[str, str, int], Awaitable[WaitEstimate | None]]
"""Estimates the wait of a call (its id) in a language (its code) with a queue priority (0: none).  None: unknown."""


@dataclass(frozen=True, kw_only=True)
class CallDependencies:
    """The parts that all calls of one worker share.

    ari, link: Asterisk's REST client and event socket.
    content: what the receptionist knows.
    prompts: rendered prompts.
    classifier: the intent classifier.
    recogniser: speech to text.
    voice_activity: the voice activity detector.
    voicemail: the spool of messages that the collector stores.
    append: writes an event to the journal.
    worker: the name of the worker's Stasis application.
    content_version: the number of the content version in use; 0: not published.
    stop_recording: stops and deletes the recording of a call.
    open_capture: opens the capture of the caller's audio for a call id and the number of its first event.
    estimate_wait: estimates the wait for an adviser.
    disk: the thread that writes the notes of messages.
    """

    ari: Ari
    link: AriLink
    content: Content
    prompts: Prompts
    classifier: IntentClassifier
    recogniser: Recogniser
    voice_activity: BatchedVad
    voicemail: VoicemailSpool
    append: Callable[[events.Stamped], None]
    worker: str
    content_version: int = 0
    stop_recording: RecordingOptOut = nothing
    open_capture: Callable[[str, int], AudioSink] = no_capture
    estimate_wait: EstimateWait = no_forecast
    disk: DiskWriter = field(default_factory=lambda: DiskWriter("notes of messages", NOTES_WAITING))
