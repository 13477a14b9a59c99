"""The simulated telephone: a second private Asterisk, run from the same root file system as the service's.

``async with Softphone(settings) as phone: report = await phone.call(spec)``.  Several calls may run at once.
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
from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.simulator import caller
from ivr.simulator.adviser import AdviserPlan, SimulatedAdviser
from ivr.simulator.lightweight_line import LightweightLine, PlaybackFiles, open_lightweight_line
from ivr.simulator.rtp_capture import Capture, CapturedAudio
from ivr.simulator.scenario import CallReport, CallSpec

SIP_PORT = 15060
_serial = itertools.count(1)
RTP_START, RTP_END = 22000, 22999
REGISTER_S = 10.0
"""Longest wait for an adviser's registration."""
UNREGISTER_S = 3.0
"""Longest wait for the confirmation that it is removed; a service that is down confirms nothing."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """SIP user and password for the service."""

    user: str = "softphone"
    password: str = dataclasses.field(default="", repr=False)


class Softphone:
    """A telephone that runs while it is entered with ``async with``.

    settings: those of the service that will be called; its SIP port is the default target.
    credentials: SIP user and password; None: the installation's softphone.
    host: where the service's SIP answers.
    codecs: in order of preference.
    subscriber: account of the service's trunk; with it the telephone is also the trunk's operator.
    bind: IP address to bind to.  An operator needs its own, because the service identifies it by address.
    tls: encrypt the signalling and check the service's certificate.
    srtp: encrypt the audio.
    ``called`` lists the numbers that were dialled through this telephone.
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
            self._tasks.create_task(self._answer_calls(), name="phone calls"),
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
        """Place the call ``spec`` and measure it; ``on_event`` receives its events (``caller.call``)."""
        return await caller.call(self.ari, self.link, spec, on_event)

    async def place(self, spec: CallSpec) -> caller.PlacedCall[LightweightLine]:
        """Place the call ``spec`` over a lightweight line, for many calls at once.

        Its audio must be recorded by an entered ``capture``; ``measure_calls`` measures it afterwards.
        """
        files = PlaybackFiles(self._settings.pbx / "sounds/said", f"{self._settings.pbx_inside}/sounds/said")
        open_line = partial(open_lightweight_line, self.ari, files=files)
        return await caller.place(self.ari, self.link, spec, open_line)

    def capture(self, file: Path) -> Capture:
        """Make a capture of the telephones' audio that writes to ``file``."""
        return Capture(file, RTP_START, RTP_END)

    @asynccontextmanager
    async def adviser(self, name: str, plan: AdviserPlan) -> AsyncIterator[SimulatedAdviser]:
        """Register as adviser ``name`` and react to calls according to ``plan`` until exit.

        ``name`` is an endpoint of the service.  Raises SetupError when the registration fails.
        """
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
        """Answer, as the trunk's operator, the calls of the service to ``number`` according to ``plan``."""
        adviser = self._advisers[number] = SimulatedAdviser(number, plan)
        self.called.clear()
        try:
            yield adviser
        finally:
            del self._advisers[number]

    @property
    def to(self) -> str:
        """SIP address of the service."""
        port = f"{self._service.sip_tls_port};transport=tls" if self._tls else str(self._service.sip_port)
        return f"sip:accueil@{self._host}:{port}"

    @property
    def port(self) -> int:
        """UDP port of the telephone's SIP, for a trunk that leads to it."""
        return self._settings.sip_port

    async def subscribed(self) -> bool:
        """Whether the subscriber is registered at this telephone, as at their operator."""
        assert self._subscriber is not None
        output = await self._asterisk.command("pjsip show contacts")
        return f"{self._subscriber.user}/" in output

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
            await self._wait_for_state(name, "Registered", REGISTER_S)
        except TimeoutError:
            raise SetupError(f"adviser {name} could not register at {self._host}") from None

    async def _unregister(self, name: str) -> None:
        """Remove the registration and wait for the confirmation.

        A removal that is still on its way would undo the adviser's next registration.
        """
        await self._asterisk.command(f"pjsip send unregister {name}")
        with contextlib.suppress(TimeoutError):
            await self._wait_for_state(name, "Unregistered", UNREGISTER_S)

    async def _wait_for_state(self, name: str, state: str, timeout_s: float) -> None:
        """Wait until a registration is in ``state``; raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                output = await self._asterisk.command("pjsip show registrations")
                lines = [line for line in output.splitlines() if line.lstrip().startswith(f"{name}/")]
                if any(state in line.split() for line in lines):
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
                    ringing.create_task(adviser.handle(self.ari, self.link, arrival))


def measure_calls(placed: Sequence[caller.PlacedCall[LightweightLine]], capture: Capture) -> list[CallReport]:
    """Measure the calls that were ``placed`` while ``capture`` was entered, in the same order.  Blocks."""
    audio = capture.audio_by_port()
    for call in placed:
        call.line.set_audio(audio.get(call.line.port, CapturedAudio()))
    return [caller.report(call) for call in placed]


def _own_settings(service: Settings, host: str, bind: str, *, tls: bool) -> Settings:
    """The telephone's own instance: free ports, bound to ``bind`` or to the address that reaches ``host``."""
    preferred = int(os.environ.get("IVR_PHONE_SIP_PORT", "") or SIP_PORT)
    return dataclasses.replace(
        service,
        instance=f"phone-{os.getpid()}-{next(_serial)}",
        sip_port=free_port(socket.SOCK_DGRAM, preferred),
        sip_bind=bind or _address_towards(host),
        sip_tls_port=free_port() if tls else 0,
        http_port=free_port(),
        ami_port=free_port(),
        rtp_start=RTP_START,
        rtp_end=RTP_END,
        app="phone-1",
    )


def _authorities(service: Settings) -> str:
    """Trusted certificate authorities (PEM): the public ones, and the service on this machine."""
    public = Path(certifi.where()).read_text("ascii")
    return public + (pair(service)[0].read_text("ascii") if service.sip_tls_port else "")


def _address_towards(host: str) -> str:
    """The local address from which ``host`` is reached; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError as error:
            raise UsageError(f"{host}: {error.strerror or error}") from None
        found: str = probe.getsockname()[0]
        return found
