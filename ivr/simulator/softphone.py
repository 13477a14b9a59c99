"""The test caller's telephone: a second private Asterisk, run from the same root file system.

``async with Phone(settings) as phone: report = await phone.call(spec)``; several calls may run at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import certifi

from ivr.asterisk.ari import Ari
from ivr.asterisk.ari_link import AriLink
from ivr.asterisk.config import ARI_USER, PHONE, render
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.process import Asterisk
from ivr.asterisk.tls import pair
from ivr.core.errors import SetupError, UsageError
from ivr.core.settings import Settings
from ivr.simulator import caller
from ivr.simulator.adviser import AdviserPlan, SimulatedAdviser
from ivr.simulator.lightweight_line import LightweightLine, Voices, open_light_line
from ivr.simulator.rtp_capture import Capture, CapturedAudio
from ivr.simulator.scenario import CallReport, CallSpec

SIP_PORT = 15060
_serial = itertools.count(1)
RTP_START, RTP_END = 22000, 22999
REGISTER_S = 10.0
"""Seconds an adviser's registration may take."""
UNREGISTER_S = 3.0
"""The same for his farewell; a service that is gone confirms nothing."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """SIP user and password that the service asks for."""

    user: str = "softphone"
    password: str = dataclasses.field(default="", repr=False)


class Softphone:
    """``async with Phone(settings)``: ``settings`` are those of the service that will be called.

    ``host`` is where the service's SIP answers; its port is ``settings.sip_port``, and a CallSpec may
    name another.  Without ``credentials`` the local softphone's are taken.  ``codecs`` in order of
    preference.  ``tls`` encrypts the signalling, ``srtp`` the sound; the service's certificate is checked.
    With a ``subscriber`` it is also the operator of the service's trunk; ``bind`` is then an
    address of its own, as the service knows its operator by that.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        credentials: Credentials | None = None,
        host: str = "127.0.0.1",
        codecs: str = "alaw,ulaw",
        subscriber: Credentials | None = None,
        bind: str = "",
        tls: bool = False,
        srtp: bool = False,
    ) -> None:
        self._service = settings
        self._host = host
        self._codecs = codecs
        self._credentials = credentials or Credentials(
            "softphone-tls" if tls or srtp else "softphone", settings.secrets["SOFTPHONE_PASSWORD"]
        )
        self._subscriber = subscriber
        self._srtp = srtp
        self._tls = tls
        self._settings = _own_settings(settings, host, bind, tls=tls)
        self._asterisk = Asterisk(self._settings)
        password = self._settings.secrets["ARI_PASSWORD"]
        self.ari = Ari(self._settings.ari_url, ARI_USER, password, self._settings.app)
        self.link = AriLink(self.ari)
        self._advisers: dict[str, SimulatedAdviser] = {}
        self._registered: set[str] = set()
        self.called: list[str] = []
        """What was dialled through us."""
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._render()
        try:
            await self._asterisk.start()
        except SetupError:
            await self._asterisk.remove()
            raise
        await self._tasks.__aenter__()
        self._running = [
            self._tasks.create_task(self.link.run(), name="phone events"),
            self._tasks.create_task(self._answer_calls(), name="phone rung"),
        ]
        await self.link.wait_connected()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for task in self._running:
            task.cancel()
        try:
            await self._tasks.__aexit__(None, None, None)
        finally:
            await self.ari.close()
            await self._asterisk.remove()

    async def call(self, spec: CallSpec, on_event: caller.OnEvent = lambda event: None) -> CallReport:
        """Place one call and report; see ``CallSpec``."""
        return await caller.call(self.ari, self.link, spec, on_event)

    async def place(self, spec: CallSpec) -> caller.PlacedCall[LightweightLine]:
        """Place one of many calls over a line that hardly costs anything; ``capture`` keeps its sound meanwhile, and
        ``measured`` hears it afterwards."""
        voices = Voices(self._settings.pbx / "sounds/said", f"{self._settings.pbx_inside}/sounds/said")
        opened = partial(open_light_line, self.ari, voices=voices)
        return await caller.place(self.ari, self.link, spec, opened)

    def capture(self, file: Path) -> Capture:
        """What telephones say and hear while it is entered, kept in ``file``."""
        return Capture(file, RTP_START, RTP_END)

    @asynccontextmanager
    async def adviser(self, name: str, plan: AdviserPlan) -> AsyncIterator[SimulatedAdviser]:
        """Be registered as adviser ``name`` (an endpoint of the service) and react to calls as planned."""
        self._registered.add(name)
        await self._register()
        try:
            await self._wait_registered(name)
            with self.number(name, plan) as adviser:
                yield adviser
        finally:
            await self._unregister(name)
            self._registered.discard(name)
            await self._register()

    @contextmanager
    def number(self, number: str, plan: AdviserPlan) -> Iterator[SimulatedAdviser]:
        """Be whoever answers at ``number``, which the service calls through us as its operator."""
        adviser = self._advisers[number] = SimulatedAdviser(number, plan)
        self.called.clear()
        try:
            yield adviser
        finally:
            del self._advisers[number]

    @property
    def to(self) -> str:
        """Where it reaches the service."""
        port = f"{self._service.sip_tls_port};transport=tls" if self._tls else str(self._service.sip_port)
        return f"sip:accueil@{self._host}:{port}"

    @property
    def port(self) -> int:
        """UDP port of its SIP, for a trunk that leads to it."""
        return self._settings.sip_port

    async def subscribed(self) -> bool:
        """Whether the subscriber is registered here, as at his operator."""
        assert self._subscriber is not None
        shown = await self._asterisk.command("pjsip show contacts")
        return f"{self._subscriber.user}/" in shown

    def _render(self) -> None:
        etc = render(
            self._settings,
            PbxParameters(record=False),
            family=PHONE,
            user=self._credentials.user,
            password=self._credentials.password,
            codecs=self._codecs,
            srtp=self._srtp,
            talk_detect=True,
            service_host=self._host,
            service_port=self._service.sip_port,
            advisers=sorted(self._registered),
            subscriber=self._subscriber.user if self._subscriber else "",
            subscriber_password=self._subscriber.password if self._subscriber else "",
        )
        if self._settings.sip_tls_port:
            (etc / "authorities.pem").write_text(_authorities(self._service), "ascii")

    async def _register(self) -> None:
        self._render()
        await self._asterisk.reload("res_pjsip.so", "res_pjsip_outbound_registration.so")

    async def _wait_registered(self, name: str) -> None:
        try:
            await self._registration(name, "Registered", REGISTER_S)
        except TimeoutError:
            raise SetupError(f"adviser {name} could not register at {self._host}") from None

    async def _unregister(self, name: str) -> None:
        """Until the service has confirmed it, if it is there: a farewell that is still on its way would undo the
        next registration of the same adviser."""
        await self._asterisk.command(f"pjsip send unregister {name}")
        with contextlib.suppress(TimeoutError):
            await self._registration(name, "Unregistered", UNREGISTER_S)

    async def _registration(self, name: str, state: str, timeout_s: float) -> None:
        """Until a registration is in that state; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                shown = await self._asterisk.command("pjsip show registrations")
                if any(
                    line.lstrip().startswith(f"{name}/") and state in line.split()
                    for line in shown.splitlines()
                ):
                    return
                await asyncio.sleep(0.1)

    async def _answer_calls(self) -> None:
        async with asyncio.TaskGroup() as ringing:
            async for arrival in self.link.calls():
                self.called.append(arrival.channel.dialled)
                adviser = self._advisers.get(arrival.channel.dialled)
                if adviser is None:
                    arrival.events.close()
                    await self.ari.hangup(arrival.channel.id, "rejected")
                else:
                    ringing.create_task(adviser.take(self.ari, self.link, arrival))


def measured(placed: Sequence[caller.PlacedCall[LightweightLine]], capture: Capture) -> list[CallReport]:
    """What came of calls that were placed while ``capture`` was entered."""
    sounds = capture.sounds()
    for one in placed:
        one.line.heard_from(sounds.get(one.line.port, CapturedAudio()))
    return [caller.report(one) for one in placed]


def _own_settings(service: Settings, host: str, bind: str, *, tls: bool) -> Settings:
    """The phone's own instance, on ports that are free now and the address from which ``host`` is reached."""
    wanted = int(os.environ.get("IVR_PHONE_SIP_PORT", "") or SIP_PORT)
    return dataclasses.replace(
        service,
        instance=f"phone-{os.getpid()}-{next(_serial)}",
        sip_port=free_port(socket.SOCK_DGRAM, wanted),
        sip_bind=bind or _address_towards(host),
        sip_tls_port=free_port(socket.SOCK_STREAM) if tls else 0,
        http_port=free_port(socket.SOCK_STREAM),
        ami_port=free_port(socket.SOCK_STREAM),
        rtp_start=RTP_START,
        rtp_end=RTP_END,
        app="phone-1",
    )


def _authorities(service: Settings) -> str:
    """Whom a certificate may be signed by: the usual ones, or the service of this machine itself."""
    public = Path(certifi.where()).read_text("ascii")
    return public + (pair(service)[0].read_text("ascii") if service.sip_tls_port else "")


def _address_towards(host: str) -> str:
    """Our address as ``host`` sees it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError as error:
            raise UsageError(f"{host}: {error.strerror or error}") from None
        found: str = probe.getsockname()[0]
        return found


def free_port(kind: socket.SocketKind, wanted: int = 0) -> int:
    """``wanted`` if it is free on the loopback, else any free port of that kind."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise SetupError("no free port")
