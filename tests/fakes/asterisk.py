"""A fake Asterisk 22 on ARI and on the media websocket, with the observed quirks of the real one.

It listens on a port and speaks the protocols.  The same tests run against it and against a real Asterisk.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from tests.fakes.media import FakeMedia
from tests.fakes.wire import Answer, Request, Socket, Wire

USER, PASSWORD = "accueil", "s3cret-in-no-log"


@dataclass
class FakeChannel:
    """A channel: ``app`` is its Stasis application, ``broadcast`` is set while it waits to be claimed."""

    id: str
    name: str
    app: str = ""
    broadcast: bool = False
    state: str = "Ring"
    where: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "caller": {"name": "", "number": "softphone"},
            "dialplan": {"context": "entry", "exten": "s", "priority": 3},
            "language": "fr",
        }


class FakeAsterisk:
    """``async with FakeAsterisk() as fake``: ``fake.url`` is its HTTP server.

    tick_s: seconds in which a 20 ms frame is played.
    start_delay_s: seconds from the websocket of a media channel to its entering the application.
    Attributes switch faults on: ``booting`` (handshakes fail), ``unresponsive`` (requests are never answered),
    ``failing`` (a status for every request), and ``ending`` (how many attempts to put a channel into a bridge fail,
    because a recording of it has not ended).  The functions in ``meanwhile`` run before the next answer is sent.
    """

    def __init__(self, tick_s: float = 0.02, start_delay_s: float = 0.003) -> None:
        self.booting = self.unresponsive = False
        self.failing = self.ending = 0
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: dict[str, list[str]] = {}
        self.media: dict[str, FakeMedia] = {}
        self.recordings: dict[str, FakeChannel] = {}
        self.globals: dict[str, str] = {}  # variables of the dialplan
        self.asked: list[dict[str, str]] = []  # the values of each request to record
        self.targets: list[str] = []
        self.meanwhile: list[Callable[[], None]] = []
        self._tick_s, self.start_delay_s = tick_s, start_delay_s
        self._sockets: dict[str, list[Socket]] = {}
        self._serial = 0
        self._wire = Wire(self._on_request, self._on_socket, self._refuse)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._wire.port}"

    async def __aenter__(self) -> Self:
        await self._wire.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._wire.stop()

    # the caller's side

    def ring(self) -> FakeChannel:
        """A caller arrives and is broadcast to the workers."""
        self._serial += 1
        caller = FakeChannel(f"fake-1795305000.{self._serial}", f"PJSIP/softphone-{self._serial:08x}")
        caller.broadcast = True
        self.channels[caller.id] = caller
        for app in self._sockets:
            self.tell(app, "CallBroadcast", channel=caller.json(), caller="softphone")
        asyncio.get_running_loop().call_later(0.5, self._give_up, caller)
        return caller

    def hang_up(self, caller: FakeChannel) -> None:
        """The caller hangs up.  Their media channel stays, because nothing removes it."""
        app = caller.app or caller.variables.get(
            "wanted"
        )  # the creator of a media channel is told of its end
        if self.channels.pop(caller.id, None) and app:
            channel = caller.json()
            self.tell(app, "ChannelHangupRequest", channel=channel, cause=16)
            if caller.app:
                self.tell(app, "StasisEnd", channel=channel)
            self.tell(app, "ChannelDestroyed", channel=channel, cause=16, cause_txt="Normal Clearing")
        for members in self.bridges.values():
            members[:] = [member for member in members if member != caller.id]

    def press(self, caller: FakeChannel, digit: str) -> None:
        """Press a key briefly: ARI reports it twice, the media link once, without audio meanwhile."""
        for _ in range(2):
            self.tell(caller.app, "ChannelDtmfReceived", channel=caller.json(), digit=digit, duration_ms=40)
        self.bridged_media(caller).event("DTMF_END", digit=digit)

    def say(self, caller: FakeChannel, pcm: bytes) -> None:
        """Send audio from the caller, in frames."""
        for start in range(0, len(pcm), 640):
            self.bridged_media(caller).hears(pcm[start : start + 640])

    def bridged_media(self, caller: FakeChannel) -> FakeMedia:
        """The media channel in the caller's bridge."""
        members = next(members for members in self.bridges.values() if caller.id in members)
        return next(self.media[id] for id in members if id in self.media)

    def time_out(self, caller: FakeChannel) -> None:
        """The dead-man timer takes the caller to the fallback while nobody can be told of it."""
        caller.app, caller.where = "", "fallback,s,1"

    def claim_for_rival(self, caller: FakeChannel) -> None:
        """Another worker claims the call."""
        caller.broadcast, caller.app = False, "accueil-rival"

    def tell(self, app: str, type: str, **fields: object) -> None:
        """Send an event to the newest socket of the application; older sockets stay open and get none."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        text = json.dumps({"type": type, "timestamp": stamp, "application": app, **fields})
        if self._sockets.get(app):
            self._sockets[app][-1].send(text)

    def send_raw(self, app: str, message: str | bytes) -> None:
        """Send anything to the application's socket."""
        self._sockets[app][-1].send(message)

    def silence(self) -> None:
        """Answer nothing on websockets from now on, as behind a cable that was pulled."""
        self._wire.silent = True

    def drop_events(self, app: str) -> None:
        """Cut the application's event sockets without a close frame."""
        for socket in self._sockets.pop(app, []):
            socket.reset()

    def _give_up(self, caller: FakeChannel) -> None:
        if caller.broadcast:
            caller.broadcast, caller.where = False, "fallback,s,1"

    def enter(self, channel: FakeChannel, app: str, *args: str) -> None:
        """The channel enters the application, unless it is gone by now."""
        if channel.id not in self.channels:
            return
        channel.app = app
        self.tell(app, "StasisStart", channel=channel.json(), args=list(args))

    def end_recording(self, name: str, talking_s: int = 0, *, fails: str = "") -> None:
        """End a recording, by key or silence, or with the error ``fails``."""
        kind = "RecordingFailed" if fails else "RecordingFinished"
        channel = self.recordings.pop(name)
        self._tell_recording(kind, name, channel, duration=talking_s, talking_duration=talking_s, cause=fails)

    def _tell_recording(self, type: str, name: str, channel: FakeChannel, **facts: object) -> None:
        about = {"name": name, "format": "wav", "target_uri": f"channel:{channel.id}", **facts}
        self.tell(channel.app, type, recording=about)

    # HTTP

    def _refuse(self, request: Request) -> int | None:
        if self.booting:
            return 503
        if request.path[0] == "media":
            return None if request.path[1] in self.media else 404
        return None if self._allowed(request) else 401

    def _allowed(self, request: Request) -> bool:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return request.authorization == f"Basic {wanted}"

    async def _on_request(self, request: Request) -> Answer | None:
        self.targets.append(request.target)
        if self.unresponsive:
            return None
        if self.failing:
            return self.failing, {"message": "as told"}
        if not self._allowed(request):
            return 401, {"message": "Authentication required"}
        kind, *rest = request.path[1:]
        handlers: dict[str, Callable[[Request, list[str]], Answer]] = {
            "asterisk": self._asterisk,
            "applications": self._application,
            "channels": self._channels,
            "bridges": self._bridges,
            "events": self._claim,
            "recordings": lambda a, r: (200, {"name": r[1]}) if r[1] in self.recordings else (404, {}),
        }
        answer = handlers[kind](request, rest)
        while self.meanwhile:
            self.meanwhile.pop()()
        return answer

    def _asterisk(self, request: Request, rest: list[str]) -> Answer:
        if rest == ["variable"]:
            self.globals[str(request.values["variable"])] = str(request.values["value"])
        return 200, {"ping": "pong"}

    def _application(self, request: Request, rest: list[str]) -> Answer:
        held = [channel.id for channel in self.channels.values() if channel.app == rest[0]]
        if rest[0] not in self._sockets and not held:
            return 404, {"message": "Application not found"}
        return 200, {"name": rest[0], "channel_ids": held, "bridge_ids": list(self.bridges)}

    def _claim(self, request: Request, rest: list[str]) -> Answer:
        caller = self.channels.get(str(request.values["channelId"]))
        if caller is None or caller.where:
            return 404, {"message": "Channel not found or not in broadcast state"}
        if not caller.broadcast:
            return 409, {"message": "Channel has already been claimed by another application"}
        caller.broadcast = False
        asyncio.get_running_loop().call_soon(self.enter, caller, str(request.values["application"]))
        return 204, None

    def _channels(self, request: Request, rest: list[str]) -> Answer:
        if not rest:
            return 200, [channel.json() for channel in self.channels.values()]
        if rest == ["externalMedia"]:
            return self._external_media(request)
        channel = self.channels.get(rest[0])
        if channel is None:
            return 404, {"message": "Channel not found"}
        if request.method == "DELETE":
            self._remove(channel)
            return 204, None
        verb = rest[1] if len(rest) > 1 else ""
        if verb not in ("", "variable") and not channel.app:
            return 409, {"message": "Channel not in Stasis application"}
        return self._verb(verb, channel, request)

    def _verb(self, verb: str, channel: FakeChannel, request: Request) -> Answer:
        values = request.values
        match verb:
            case "":
                return 200, channel.json()
            case "answer":
                channel.state = "Up"
            case "variable" if request.method == "POST":
                channel.variables[str(values["variable"])] = str(values["value"])
            case "variable":
                name = str(values["variable"])
                if name not in channel.variables:
                    return 404, {"message": "Provided variable was not found"}
                return 200, {"value": channel.variables[name]}
            case "record":
                if any(channel.id in members for members in self.bridges.values()):
                    return 409, {"message": "Channel is in a bridge"}
                self.recordings[str(values["name"])] = channel
                self.asked.append({name: str(value) for name, value in values.items()})
                self._tell_recording("RecordingStarted", str(values["name"]), channel)
                return 201, {"name": values["name"], "state": "queued"}
            case "continue":
                channel.where = f"{values['context']},{values['extension']},{values['priority']}"
                self.tell(channel.app, "StasisEnd", channel=channel.json())
                channel.app = ""
            case _:
                return 404, {"message": f"{verb}: not implemented"}
        return 204, None

    def _external_media(self, request: Request) -> Answer:
        id = str(request.values["channelId"])
        channel = FakeChannel(id, "WebSocket/INCOMING/0x7f00", state="Down")
        channel.variables["wanted"] = str(request.values["app"])
        self.channels[id] = channel
        connection = f"c0ffee-{id}"
        self.media[id] = self.media[connection] = FakeMedia(id, self._tick_s)
        return 200, {**channel.json(), "channelvars": {"MEDIA_WEBSOCKET_CONNECTION_ID": connection}}

    def _remove(self, channel: FakeChannel) -> None:
        media = self.media.get(channel.id)
        if media is not None and media.socket is not None:
            media.socket.close()
        self.hang_up(channel)

    def _bridges(self, request: Request, rest: list[str]) -> Answer:
        if not rest:
            return 200, [{"id": id, "channels": members} for id, members in self.bridges.items()]
        id, verb = rest[0], rest[1] if len(rest) > 1 else ""
        if not verb and request.method == "POST":
            self.bridges[id] = []
            return 200, {"id": id}
        if id not in self.bridges:
            return 404, {"message": "Bridge not found"}
        if request.method == "DELETE":
            del self.bridges[id]
            return 204, None
        wanted = request.values["channel"]
        return self._members(id, verb, wanted if isinstance(wanted, list) else [str(wanted)])

    def _members(self, id: str, verb: str, channels: list[str]) -> Answer:
        """Check and move channels.  A comma separates names in a query; in a JSON body it is part of a name."""
        for name in channels:
            if name not in self.channels:
                return 400, {"message": "Channel not found"}
            if not self.channels[name].app:
                return 422, {"message": "Channel not in Stasis application"}
        if verb == "addChannel" and self.ending:
            self.ending -= 1
            return 409, {"message": "Channel currently recording"}
        members = self.bridges[id]
        members[:] = [name for name in members if name not in channels]
        if verb == "addChannel":
            members.extend(channels)
        return 204, None

    # websockets

    async def _on_socket(self, kind: str, request: Request, socket: Socket) -> None:
        if kind == "media":
            await self._media_socket(self.media[request.path[1]], socket)
        else:
            await self._event_socket(str(request.values["app"]), socket)

    async def _media_socket(self, media: FakeMedia, socket: Socket) -> None:
        channel = self.channels[media.channel_id]
        loop = asyncio.get_running_loop()
        entering = loop.call_later(self.start_delay_s, self.enter, channel, channel.variables["wanted"])
        try:
            await media.serve(socket)
        finally:
            entering.cancel()
            self.hang_up(channel)

    async def _event_socket(self, app: str, socket: Socket) -> None:
        self.tell(app, "ApplicationReplaced")
        sockets = self._sockets.setdefault(app, [])
        sockets.append(socket)
        while await socket.got.get() is not None:
            pass
        if socket in sockets:
            sockets.remove(socket)
