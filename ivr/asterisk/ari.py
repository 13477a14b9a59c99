"""The verbs of Asterisk's REST interface that we use, and nothing else.

The password travels in an ``Authorization`` header only, and all arguments in the JSON body, so that neither
the password nor callers' words stand in a URL (HTTP clients log URLs).  Errors are those of ``ivr.core.errors``:
404 is AriNotFound (mostly: the caller hung up), 409, 412 and 422 AriConflict, other 4xx AriRefused; 5xx,
time-outs and broken connections are AriUnavailable, which means that nobody knows whether it was done.
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
"""Seconds a request may take: Asterisk answers in milliseconds or is in trouble."""
CLOSE_S = 1.0
"""Seconds that Asterisk may take to answer when we close the event socket."""
IDLE_S = 10.0
"""Seconds after which an idle connection is closed: before Asterisk does so (15 s, ``session_keep_alive``)."""
CONNECTIONS = 200


@dataclass(frozen=True)
class Media:
    """A media channel made for us: its channel id and the id under which its websocket is dialled."""

    channel_id: str
    connection_id: str


@dataclass(frozen=True)
class Application:
    """What Asterisk holds under an application's name, also when its process is gone."""

    name: str
    channel_ids: tuple[str, ...]
    bridge_ids: tuple[str, ...]


class Ari:
    """A client for one Asterisk and one application name; ``async with`` or ``close()``.

    ``base`` is the HTTP server without ``/ari`` (``http://127.0.0.1:8088``), ``app`` the application that new
    channels belong to.
    """

    def __init__(self, base: str, user: str, password: str, app: str, *, timeout: float = TIMEOUT) -> None:
        self.base = base.rstrip("/")
        self.app = app
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._authorization = f"Basic {token}"
        self._timeout = ClientTimeout(timeout)
        self._session: ClientSession | None = None  # begun with the first request: it needs an event loop

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
        """Return when Asterisk answers ARI requests; raises AriError otherwise."""
        await self._call("GET", "/asterisk/ping")

    async def reload_module(self, name: str) -> None:
        """Make a module read its configuration again (``res_pjsip.so``)."""
        await self._call("PUT", f"/asterisk/modules/{_part(name)}")

    async def application(self, name: str | None = None) -> Application | None:
        """What the application holds, or None if Asterisk does not know its name."""
        try:
            found = await self._call("GET", f"/applications/{_part(name or self.app)}")
        except AriNotFound:
            return None
        return Application(found["name"], tuple(found["channel_ids"]), tuple(found["bridge_ids"]))

    async def channels(self) -> tuple[Channel, ...]:
        """All channels of this Asterisk, also those of other applications."""
        found = await self._call("GET", "/channels")
        return tuple(item for item in map(read_channel, found) if item is not None)

    async def channel(self, channel_id: str) -> Channel | None:
        """The channel, or None when it is gone."""
        try:
            return read_channel(await self._call("GET", f"/channels/{_part(channel_id)}"))
        except AriNotFound:
            return None

    async def bridges(self) -> dict[str, tuple[str, ...]]:
        """All bridges of this Asterisk with the channels in each."""
        found = await self._call("GET", "/bridges")
        return {item["id"]: tuple(item["channels"]) for item in found}

    # one channel

    async def claim(self, channel_id: str) -> bool:
        """Claim a broadcast caller for our application; False when another worker won or he is gone."""
        try:
            await self._call("POST", "/events/claim", channelId=channel_id, application=self.app)
        except (AriConflict, AriNotFound):
            return False
        return True

    async def answer(self, channel_id: str) -> None:
        """Pick up."""
        await self._call("POST", f"/channels/{_part(channel_id)}/answer")

    async def ring(self, channel_id: str) -> None:
        """Tell the caller that it rings here."""
        await self._call("POST", f"/channels/{_part(channel_id)}/ring")

    async def hangup(self, channel_id: str, reason: str = "normal") -> None:
        """Hang up; a channel that is gone already is as good.  ``reason``: normal, busy,
        congestion, no_answer.
        """
        try:
            await self._call("DELETE", f"/channels/{_part(channel_id)}", reason=reason)
        except AriNotFound:
            return

    async def continue_in_dialplan(
        self, channel_id: str, context: str, extension: str = "s", priority: int = 1
    ) -> None:
        """Hand the channel on to the dialplan.

        Success is reported before Asterisk looks for the target: probe it with DIALPLAN_EXISTS.
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
        """Set a variable that all of the dialplan sees."""
        await self._call("POST", "/asterisk/variable", variable=name, value=value)

    async def variable(self, channel_id: str, name: str) -> str:
        """Value of a channel variable or dialplan function; empty when it is not set."""
        try:
            found = await self._call("GET", f"/channels/{_part(channel_id)}/variable", variable=name)
        except AriNotFound:
            if await self.channel(channel_id) is None:
                raise
            return ""
        return str(found.get("value", ""))

    async def renew(self, channel_id: str, seconds: int) -> None:
        """Wind up the dead-man timer: without the next renewal the dialplan takes the caller after
        ``seconds``.
        """
        await self.set_variable(channel_id, ABSOLUTE_TIMEOUT, str(seconds))

    async def play(self, channel_id: str, file: str) -> None:
        """Play a sound file of Asterisk's own file system (no ending); PlaybackFinished tells its end."""
        await self._call("POST", f"/channels/{_part(channel_id)}/play", media=f"sound:{file}")

    async def start_silence(self, channel_id: str) -> None:
        """Send silence: a channel in no bridge sends nothing by itself."""
        await self._call("POST", f"/channels/{_part(channel_id)}/silence")

    async def stop_silence(self, channel_id: str) -> None:
        """Send no silence any more, before something is played."""
        await self._call("DELETE", f"/channels/{_part(channel_id)}/silence")

    async def send_dtmf(
        self, channel_id: str, digits: str, *, before_ms: int = 0, tone_ms: int = 120, between_ms: int = 120
    ) -> None:
        """Press keys towards the other party, with RFC 4733 where it was agreed on."""
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
        """Make an outgoing channel under the id we chose without calling yet: StasisStart, bridge it,
        ``dial``.

        So nothing the other side says in its first milliseconds is lost.
        """
        body: dict[str, object] = {"endpoint": endpoint, "app": self.app, "channelId": channel_id}
        values = dict(variables or {})
        if caller_id:
            # a header of its own (RFC 3325): the bridge it waits in would overwrite the channel's identity
            values["PJSIP_HEADER(add,P-Asserted-Identity)"] = f"<sip:{caller_id}@localhost>"
        found = read_channel(await self._call("POST", "/channels/create", **body, variables=values))
        if found is None:
            raise AriUnavailable("Asterisk's answer to create holds no channel")
        return found

    async def dial(self, channel_id: str, timeout_s: int = 30) -> None:
        """Call the endpoint of a created channel; Dial events tell how it goes."""
        await self._call("POST", f"/channels/{_part(channel_id)}/dial", timeout=timeout_s)

    async def originate_into(
        self, context: str, *, endpoint: str, channel_id: str, timeout_s: int, variables: Mapping[str, str]
    ) -> None:
        """Call ``endpoint``; once answered it runs through the dialplan from ``context``,s,1, without us."""
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
        """Make a media channel under the id we chose; dial its websocket within 30 s, then wait
        for StasisStart.
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
        """Make a mixing bridge under the id we chose and return the id."""
        await self._call("POST", f"/bridges/{_part(bridge_id)}", type="mixing", name=name)
        return bridge_id

    async def delete_bridge(self, bridge_id: str) -> None:
        """Remove the bridge (its channels stay); one that is gone already, or going (409), is as good."""
        try:
            await self._call("DELETE", f"/bridges/{_part(bridge_id)}")
        except (AriConflict, AriNotFound):
            return

    async def add_channel(self, bridge_id: str, *channel_ids: str) -> None:
        """Put channels into the bridge; AriConflict while one has not entered our application yet."""
        await self._call("POST", f"/bridges/{_part(bridge_id)}/addChannel", channel=list(channel_ids))

    async def remove_channel(self, bridge_id: str, channel_id: str) -> None:
        """Take a channel out of the bridge, as before recording it."""
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
        """Record what the channel says to ``name``.wav (8 kHz mono); the channel must be in no bridge.

        Ends with a RecordingFinished or RecordingFailed event.
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

    async def _call(self, method: str, path: str, **body: object) -> Any:
        content = await self._request(method, path, body)
        if not content:
            return {}
        try:
            return json.loads(content)
        except ValueError:
            raise AriUnavailable(f"{method} {path}: Asterisk's answer is no JSON") from None

    async def _request(self, method: str, path: str, body: Mapping[str, object]) -> bytes:
        # GET takes its arguments in the query only; there they are names, never callers' words
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
