"""A client for the part of Asterisk's REST interface (ARI) that the service uses.

The password is sent in an ``Authorization`` header and the arguments in the JSON body.  HTTP clients log URLs, so
neither the password nor a caller's words may be part of one.

Errors, of ``ivr.core.errors``: 404 is AriNotFound, which mostly means that the caller has hung up.  409, 412 and 422
are AriConflict, other 4xx AriRefused.  5xx, time-outs and broken connections are AriUnavailable: it is unknown
whether Asterisk did what was asked.  Every method may raise these unless its docstring says otherwise.

Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from ivr.asterisk.ari_events import Channel
from ivr.asterisk.ari_events import channel as read_channel
from ivr.asterisk.contract import ABSOLUTE_TIMEOUT
from ivr.core.errors import AriConflict, AriError, AriNotFound, AriRefused, AriUnavailable

TIMEOUT = 5.0
"""Seconds a request may take.  A healthy Asterisk answers within milliseconds."""
CLOSE_S = 1.0
"""Seconds that Asterisk may take to answer when we close the event socket."""
IDLE_S = 10.0
"""Seconds after which an idle connection is closed.  Asterisk closes it after 15 s (``session_keep_alive``)."""
CONNECTIONS = 200
"""Largest number of connections at a time."""


@dataclass(frozen=True)
class Media:
    """A media channel.

    channel_id: id of the channel.
    connection_id: last part of the address of its websocket.
    """

    channel_id: str
    connection_id: str


@dataclass(frozen=True)
class Application:
    """What belongs to an application in Asterisk, even when its process is gone."""

    name: str
    channel_ids: tuple[str, ...]
    bridge_ids: tuple[str, ...]


class Ari:
    """A client for one Asterisk and one application.  Leave it by ``async with`` or ``close()``.

    base: address of the HTTP server without ``/ari``, such as ``http://127.0.0.1:8088``.
    user, password: the account of ``ari.conf``.
    app: name of the application that new channels belong to.
    timeout: seconds a request may take.
    """

    def __init__(self, base: str, user: str, password: str, app: str, *, timeout: float = TIMEOUT) -> None:
        self.base = base.rstrip("/")
        self.app = app
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._authorization = f"Basic {token}"
        self._timeout = ClientTimeout(timeout)
        self._session: ClientSession | None = None  # made by the first request, since it needs an event loop

    def __repr__(self) -> str:
        return f"Ari({self.base!r}, app={self.app!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def event_socket(self, ping_s: float) -> AbstractAsyncContextManager[ClientWebSocketResponse]:
        """The websocket on which Asterisk sends the application's events; connects when it is entered.

        ping_s: seconds of silence before a ping; without an answer in half that time the socket ends.
        Entering raises aiohttp.ClientError, OSError or TimeoutError.
        """
        return self._http().ws_connect(
            f"{self.base}/ari/events?app={self.app}", protocols=("ari",), heartbeat=ping_s,
            timeout=ClientWSTimeout(ws_close=CLOSE_S),
        )  # fmt: skip

    # Asterisk itself

    async def ping(self) -> None:
        """Return when Asterisk answers; raises AriError when it does not."""
        await self._call("GET", "/asterisk/ping")

    async def reload_module(self, name: str) -> None:
        """Make a module, such as ``res_pjsip.so``, read its configuration again."""
        await self._call("PUT", f"/asterisk/modules/{_part(name)}")

    async def application(self, name: str | None = None) -> Application | None:
        """What belongs to the application ``name``, by default our own; None when Asterisk does not know the name."""
        try:
            found = await self._call("GET", f"/applications/{_part(name or self.app)}")
        except AriNotFound:
            return None
        return Application(found["name"], tuple(found["channel_ids"]), tuple(found["bridge_ids"]))

    async def channels(self) -> tuple[Channel, ...]:
        """All channels of this Asterisk, including those of other applications."""
        found = await self._call("GET", "/channels")
        return tuple(item for item in map(read_channel, found) if item is not None)

    async def channel(self, channel_id: str) -> Channel | None:
        """The channel, or None when it is gone."""
        try:
            return read_channel(await self._call("GET", f"/channels/{_part(channel_id)}"))
        except AriNotFound:
            return None

    async def bridges(self) -> dict[str, tuple[str, ...]]:
        """All bridges of this Asterisk: bridge id -> ids of the channels in it."""
        found = await self._call("GET", "/bridges")
        return {item["id"]: tuple(item["channels"]) for item in found}

    # one channel

    async def claim(self, channel_id: str) -> bool:
        """Claim a caller of StasisBroadcast for our application.

        Returns False when another worker was first, or when the caller is gone.
        """
        try:
            await self._call("POST", "/events/claim", channelId=channel_id, application=self.app)
        except (AriConflict, AriNotFound):
            return False
        return True

    async def answer(self, channel_id: str) -> None:
        """Answer the call."""
        await self._call("POST", f"/channels/{_part(channel_id)}/answer")

    async def ring(self, channel_id: str) -> None:
        """Send the caller a ringing indication."""
        await self._call("POST", f"/channels/{_part(channel_id)}/ring")

    async def hangup(self, channel_id: str, reason: str = "normal") -> None:
        """Hang up; does nothing when the channel is gone.

        reason: ``normal``, ``busy``, ``congestion`` or ``no_answer``.
        """
        try:
            await self._call("DELETE", f"/channels/{_part(channel_id)}", reason=reason)
        except AriNotFound:
            return

    async def continue_in_dialplan(
        self, channel_id: str, context: str, extension: str = "s", priority: int = 1
    ) -> None:
        """Let the channel leave the application and continue in the dialplan at this place.

        Asterisk reports success before it looks for the place; the function DIALPLAN_EXISTS tells whether it exists.
        """
        await self._call(
            "POST",
            f"/channels/{_part(channel_id)}/continue",
            context=context,
            extension=extension,
            priority=priority,
        )

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable or dialplan function, such as ``TIMEOUT(absolute)``."""
        await self._call("POST", f"/channels/{_part(channel_id)}/variable", variable=name, value=value)

    async def set_global(self, name: str, value: str) -> None:
        """Set a global variable of the dialplan."""
        await self._call("POST", "/asterisk/variable", variable=name, value=value)

    async def variable(self, channel_id: str, name: str) -> str:
        """Value of a channel variable or dialplan function; empty when it is not set.

        Raises AriNotFound when the channel is gone.
        """
        try:
            found = await self._call("GET", f"/channels/{_part(channel_id)}/variable", variable=name)
        except AriNotFound:
            if await self.channel(channel_id) is None:
                raise
            return ""
        return str(found.get("value", ""))

    async def renew(self, channel_id: str, seconds: int) -> None:
        """Restart the dead-man timer: without another renewal the dialplan takes the caller after ``seconds``."""
        await self.set_variable(channel_id, ABSOLUTE_TIMEOUT, str(seconds))

    async def play(self, channel_id: str, file: str) -> None:
        """Play a sound file; the event PlaybackFinished tells its end.

        file: path on Asterisk's machine, without the ending.
        """
        await self._call("POST", f"/channels/{_part(channel_id)}/play", media=f"sound:{file}")

    async def start_silence(self, channel_id: str) -> None:
        """Send silence.  A channel outside a bridge sends nothing by itself."""
        await self._call("POST", f"/channels/{_part(channel_id)}/silence")

    async def stop_silence(self, channel_id: str) -> None:
        """End ``start_silence``, before something is played."""
        await self._call("DELETE", f"/channels/{_part(channel_id)}/silence")

    async def send_dtmf(
        self, channel_id: str, digits: str, *, before_ms: int = 0, tone_ms: int = 120, between_ms: int = 120
    ) -> None:
        """Send keys to the other party, by RFC 4733 where both sides support it.

        digits: the keys, of ``0-9*#A-D``.
        before_ms: silence before the first.
        tone_ms, between_ms: length of each tone and of each gap.
        """
        await self._call(
            "POST",
            f"/channels/{_part(channel_id)}/dtmf",
            dtmf=digits,
            before=before_ms,
            between=between_ms,
            duration=tone_ms,
        )

    async def create_channel(
        self,
        endpoint: str,
        channel_id: str,
        *,
        caller_id: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Channel:
        """Create an outgoing channel, to be bridged after its StasisStart and then called by ``dial``.

        In this order nothing is lost of what the other side says first.

        endpoint: such as ``PJSIP/adviser1``.
        channel_id: the id it gets.
        caller_id: number that is shown to the other side.
        variables: channel variables.
        """
        body: dict[str, object] = {"endpoint": endpoint, "app": self.app, "channelId": channel_id}
        values = dict(variables or {})
        if caller_id:
            # as a header (RFC 3325): the bridge that it waits in would overwrite the identity of the channel
            values["PJSIP_HEADER(add,P-Asserted-Identity)"] = f"<sip:{caller_id}@localhost>"
        found = read_channel(await self._call("POST", "/channels/create", **body, variables=values))
        if found is None:
            raise AriUnavailable("Asterisk's answer to create holds no channel")
        return found

    async def dial(self, channel_id: str, timeout_s: int = 30) -> None:
        """Call the endpoint of a channel of ``create_channel``; Dial events tell the progress.

        timeout_s: seconds that it rings.
        """
        await self._call("POST", f"/channels/{_part(channel_id)}/dial", timeout=timeout_s)

    async def originate_into(
        self, context: str, *, endpoint: str, channel_id: str, timeout_s: int, variables: Mapping[str, str]
    ) -> None:
        """Call ``endpoint``; when it answers, it continues at ``context``,s,1 of the dialplan, in no application.

        channel_id: the id that the channel gets.
        timeout_s: seconds that it rings.
        variables: channel variables.
        """
        await self._call(
            "POST",
            f"/channels/{_part(channel_id)}",
            endpoint=endpoint,
            context=context,
            extension="s",
            priority=1,
            timeout=timeout_s,
            variables=dict(variables),
        )

    # media and bridges

    async def external_media(
        self, channel_id: str, *, variables: Mapping[str, str] | None = None, format: str = "slin16"
    ) -> Media:
        """Create a media channel; connect to its websocket within 30 s, and then wait for its StasisStart.

        channel_id: the id that it gets.
        variables: channel variables.
        format: encoding on the websocket; ``slin16`` is s16le at 16 kHz.
        """
        made = await self._call(
            "POST",
            "/channels/externalMedia",
            channelId=channel_id,
            app=self.app,
            external_host="INCOMING",
            transport="websocket",
            encapsulation="none",
            connection_type="server",
            format=format,
            transport_data="f(json)",
            variables=dict(variables or {}),
        )
        return Media(made["id"], made["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"])

    async def create_bridge(self, bridge_id: str, name: str = "") -> str:
        """Create a mixing bridge with this id and return the id."""
        await self._call("POST", f"/bridges/{_part(bridge_id)}", type="mixing", name=name)
        return bridge_id

    async def delete_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; its channels stay.  Does nothing when it is gone, or is being removed (409)."""
        try:
            await self._call("DELETE", f"/bridges/{_part(bridge_id)}")
        except (AriConflict, AriNotFound):
            return

    async def add_channel(self, bridge_id: str, *channel_ids: str) -> None:
        """Put channels into a bridge; raises AriConflict when one has not entered our application yet."""
        await self._call("POST", f"/bridges/{_part(bridge_id)}/addChannel", channel=list(channel_ids))

    async def remove_channel(self, bridge_id: str, channel_id: str) -> None:
        """Take a channel out of a bridge, for example before it is recorded."""
        await self._call("POST", f"/bridges/{_part(bridge_id)}/removeChannel", channel=channel_id)

    # recordings

    async def record(
        self,
        channel_id: str,
        name: str,
        *,
        max_seconds: int,
        max_silence: int = 0,
        beep: bool = False,
        terminate_on: str = "#",
    ) -> None:
        """Record what the other party says into ``name``.wav, 8 kHz mono; the channel must be in no bridge.

        The event RecordingFinished or RecordingFailed tells the end.

        max_seconds: longest recording.
        max_silence: seconds of silence that end it; 0 for none.
        beep: whether a beep is played first.
        terminate_on: key that ends it; empty for none.
        """
        await self._call(
            "POST",
            f"/channels/{_part(channel_id)}/record",
            name=name,
            format="wav",
            maxDurationSeconds=max_seconds,
            maxSilenceSeconds=max_silence,
            ifExists="fail",
            beep=beep,
            terminateOn=terminate_on or "none",
        )

    async def is_recording(self, name: str) -> bool:
        """Whether the recording ``name`` goes on."""
        try:
            await self._call("GET", f"/recordings/live/{_part(name)}")
        except AriNotFound:
            return False
        return True

    async def _call(self, method: str, path: str, **body: object) -> Any:
        content = await self._request(method, path, body)
        if not content:
            return {}
        try:
            return json.loads(content)
        except ValueError:
            raise AriUnavailable(f"{method} {path}: Asterisk's answer is not JSON") from None

    async def _request(self, method: str, path: str, body: Mapping[str, object]) -> bytes:
        # GET takes its arguments in the query only; these are names, never a caller's words
        query = {key: str(value) for key, value in body.items()} if method == "GET" else None
        given = None if query or not body else body
        address = URL(f"{self.base}/ari{path}", encoded=True)
        try:
            async with self._http().request(method, address, params=query, json=given) as answer:
                content = await answer.read()
        except TimeoutError:
            raise AriUnavailable(f"{method} {path}: no answer in time") from None
        except ClientError as error:
            raise AriUnavailable(f"{method} {path}: {type(error).__name__}") from None
        if answer.ok:
            return content
        raise _error(answer.status)(f"{method} {path}: {answer.status} {_reason(content)}")

    def _http(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                headers={"Authorization": self._authorization},
                timeout=self._timeout,
                connector=TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_S),
                cookie_jar=DummyCookieJar(),
            )
        return self._session


def _part(text: str) -> str:
    return quote(text, safe="")


def _error(status: int) -> type[AriError]:
    if status == 404:
        return AriNotFound
    if status in (409, 412, 422):
        return AriConflict
    return AriRefused if 400 <= status < 500 else AriUnavailable


def _reason(content: bytes) -> str:
    try:
        return str(json.loads(content).get("message", ""))[:200]
    except (ValueError, AttributeError):
        return ""
