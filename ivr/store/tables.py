"""The tables of the store, for SQLite and PostgreSQL.

After a change here, run ``make migration`` and adjust ``rows.py``.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

metadata = MetaData()

calls = Table(
    "calls", metadata,
    Column("id", String(64), primary_key=True),
    Column("started", Float, nullable=False, doc="seconds since 1970"),
    Column("number", String(64), nullable=False, default="", index=True, doc="the pseudonym: ivr/core/pseudonyms.py"),
    Column("called", String(64), nullable=False, default=""),
    Column("lang", String(8), nullable=False, default=""),
    Column("outcome", String(32), nullable=False, default=""),
    Column("ended_by", String(16), nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("recording", String(255), nullable=False, default="", doc="relative to the state directory"),
    Column("generation", Integer, nullable=False, default=0, doc="of the content; 0: the files as edited"),
    Column("recogniser", String(64), nullable=False, default=""),
    Column("refused", Integer, nullable=False, default=0, doc="1: recording refused, only counts are kept"),
    Column("held", String(255), nullable=False, default="", doc="the reason of a legal hold"),
    Column("wordless", Integer, nullable=False, default=0, doc="1: retention has removed the words"),
    sa.Index("calls_started", "started"),
)  # fmt: skip

events = Table(
    "events", metadata,
    Column("call_id", String(64), nullable=False, primary_key=True),
    Column("seq", sa.BigInteger, nullable=False, primary_key=True, autoincrement=False),
    Column("t", Float, nullable=False, doc="seconds since the answer"),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False, doc="the event as JSON"),
)  # fmt: skip

turns = Table(
    "turns", metadata,  # derived from the events: turns.py
    Column("call_id", String(64), ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("n", Integer, nullable=False, primary_key=True, autoincrement=False, doc="from 1"),
    Column("kind", String(8), nullable=False, doc="speech, key, silence"),
    Column("start_s", Float, nullable=False, doc="seconds since the answer"),
    Column("end_s", Float, nullable=False, doc="end of the caller's sound, of the key or wait"),
    Column("lang", String(8), nullable=False, default=""),
    Column("heard", Text, nullable=False, default="", doc="the words, or the key"),
    Column("engine", String(64), nullable=False, default=""),
    Column("confidence", Float, nullable=False, default=0.0, doc="the recogniser's"),
    Column("intent", String(64), nullable=False, default=""),
    Column("intent_confidence", Float, nullable=False, default=0.0),
    Column("second", String(64), nullable=False, default=""),
    Column("second_confidence", Float, nullable=False, default=0.0),
    Column("decision", String(32), nullable=False, default=""),
    Column("decided", String(64), nullable=False, default="", doc="the intent that the service acted on"),
    Column("answer", String(255), nullable=False, default="", doc="keys of its prompts, by spaces"),
    Column("answer_text", Text, nullable=False, default=""),
    Column("answer_s", Float, nullable=True, doc="its start, seconds since the answer of the call"),
    Column("mouth_to_ear_s", Float, nullable=True, doc="measured in the recording"),
    Column("generation", Integer, nullable=False, default=0),
)  # fmt: skip

generations = Table(
    "generations", metadata,
    Column("instance", String(64), nullable=False, primary_key=True),
    Column("number", Integer, nullable=False, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False, doc="seconds since 1970"),
    Column("note", Text, nullable=False, default=""),
    Column("facts", Text, nullable=False, default="{}", doc="what publishing measured, as JSON"),
)  # fmt: skip

messages = Table(
    "messages", metadata,
    Column("id", String(96), primary_key=True),
    Column("call_id", String(64), ForeignKey("calls.id"), nullable=True),
    Column("left_at", Float, nullable=False, doc="seconds since 1970"),
    Column("number", String(64), nullable=False, default="", doc="clear while needed, then the pseudonym"),
    Column("lang", String(8), nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("file", String(255), nullable=False),
    Column("why", String(32), nullable=False, default=""),
    Column("transcript", Text, nullable=False, default=""),
    Column("confidence", Float, nullable=False, default=0.0),
    Column("transcribed", Integer, nullable=False, default=0, doc="TranscriptState in states.py"),
    Column("urgency", String(255), nullable=False, default="", doc="urgent words found in it, separated by commas"),
    Column("state", String(16), nullable=False, default="new", doc="new, taken, answered: see inbox.py"),
    Column("owner", String(64), nullable=False, default=""),
    Column("announced", Integer, nullable=False, default=0, doc="1: the staff's notifications are in the outbox"),
    Column("reminded", Integer, nullable=False, default=0, doc="number of reminders put into the outbox"),
    sa.Index("messages_left_at", "left_at"),
)  # fmt: skip

message_changes = Table(
    "message_changes", metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", String(96), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Float, nullable=False, doc="seconds since 1970"),
    Column("by", String(64), nullable=False),
    Column("what", String(16), nullable=False, doc="take, release, answer, reopen, note"),
    Column("note", Text, nullable=False, default=""),
)  # fmt: skip

deliveries = Table(
    "deliveries", metadata,
    Column("id", String(36), primary_key=True, doc="the same at every attempt, so that receivers detect doubles"),
    Column("kind", String(32), nullable=False, doc="message.new, message.reminder"),
    Column("message_id", String(96), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("channel", String(16), nullable=False, doc="mail, webhook"),
    Column("target", String(255), nullable=False, default="", doc="an address; empty: the webhook that is set"),
    Column("state", String(16), nullable=False, default="waiting", doc="waiting, sent, given-up"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created", Float, nullable=False, doc="seconds since 1970"),
    Column("due", Float, nullable=False, doc="the next attempt, seconds since 1970"),
    Column("error", String(255), nullable=False, default="", doc="why the last attempt failed"),
    sa.Index("deliveries_due", "state", "channel", "due"),
)  # fmt: skip


callbacks = Table(
    "callbacks", metadata,
    Column("id", String(32), primary_key=True),
    Column("call_id", String(64), ForeignKey("calls.id", ondelete="SET NULL"), nullable=True, doc="of the request"),
    Column("asked_at", Float, nullable=False, doc="seconds since 1970"),
    Column("number", String(64), nullable=False, doc="clear while needed, then the pseudonym"),
    Column("lang", String(8), nullable=False, default=""),
    Column("topic", String(64), nullable=False, default="", doc="the intent last asked about"),
    Column("start", Float, nullable=False, doc="of the promised window, seconds since 1970"),
    Column("end", Float, nullable=False),
    Column("state", String(16), nullable=False, default="open", doc="open, calling, done, closed"),
    Column("owner", String(64), nullable=False, default="", doc="who took it, or the adviser who called"),
    Column("attempts", Integer, nullable=False, default=0, doc="attempts in which the caller's telephone rang"),
    Column("moves", Integer, nullable=False, default=0, doc="moves to the next window"),
    Column("next_at", Float, nullable=False, default=0.0, doc="earliest next call, seconds since 1970"),
    Column("outcome", Text, nullable=False, default="", doc="how it ended, in words"),
    Column("ended_at", Float, nullable=True, doc="seconds since 1970"),
    sa.Index("callbacks_state", "state", "start"),
    sa.Index("callbacks_asked_at", "asked_at"),
)  # fmt: skip

callback_attempts = Table(
    "callback_attempts", metadata,
    Column("id", Integer, primary_key=True),
    Column("callback_id", String(32), ForeignKey("callbacks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Float, nullable=False, doc="seconds since 1970"),
    Column("adviser", String(64), nullable=False),
    Column("result", String(32), nullable=False, default="", doc="see store/callbacks.py; empty: under way"),
    Column("seconds", Float, nullable=False, default=0.0, doc="of talk"),
)  # fmt: skip


labels = Table(
    "labels", metadata,
    Column("call_id", String(64), ForeignKey("calls.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("n", Integer, nullable=False, primary_key=True, autoincrement=False, doc="the turn's number"),
    Column("labeller", String(64), nullable=False, primary_key=True),
    Column("words", Text, nullable=False, default="", doc="what was really said, empty for nothing"),
    Column("intent", String(64), nullable=False, default="", doc="what was meant; oos: out of scope"),
    Column("note", Text, nullable=False, default=""),
    Column("at", Float, nullable=False, doc="seconds since 1970"),
)  # fmt: skip
