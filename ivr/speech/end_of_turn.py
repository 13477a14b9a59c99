"""Has the caller finished?  Told by how his last words sound: a voice that falls has ended, one that hangs has not.

Smart Turn v3 (BSD-2-Clause, 23 languages) is a small network on the log-mel spectrum of the last 8 seconds.  It says
nothing about words; what a sentence means is weighed beside it (``ivr.call.audio.listener.Patience``).
Measurements: docs/speech.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ivr.core.audio import RATE, WIDTH, seconds, silence, to_floats
from ivr.core.errors import EngineError
from ivr.core.settings import Settings
from ivr.speech.mel import log_mel
from ivr.speech.network import on_one_thread, run
from ivr.speech.stt import DOUBTFUL, Recogniser, Transcript, Utterance

log = logging.getLogger(__name__)

MODEL: Final = "smart-turn/smart-turn-v3.2-cpu.onnx"
WINDOW_S: Final = 8
WINDOW_BYTES: Final = WINDOW_S * RATE * WIDTH
SHORTEST_S: Final = 1.8
"""Of less the model cannot tell that it is unfinished: a lone "oui" sounds so to it."""
PAUSE: Final = silence(0.08)
"""Decoding begins that much too early for the model, which wants to hear that it is quiet (docs/speech.md)."""
FRAMES: Final = WINDOW_S * 100
"""Mel frames of 10 ms."""
PLACES: Final = FRAMES // 2
BEFORE_S: Final = 1.2
LEAST_S: Final = 3.0
"""Of the 8 seconds it looks at those that were spoken and so much silence before them; at least at the latter."""
STEP: Final = 10
"""Places (0.2 s) by which windows differ."""
POSITIONS: Final = "inner.encoder.embed_positions.weight"
COUNT: Final = "val_21"
"""Constants of the model: its table of positions, a row for each of 400 places, and how many places there are."""
TO_8_BITS, FROM_8_BITS = "QuantizeLinear", "DequantizeLinear"


class SmartTurn:
    """The model, shared by all calls.

    It learned 8 seconds with the speech at their end, and takes 80 ms for them while the words are being found.  A
    place is known by its row in the table of positions alone, so that the last places can stand without the first.
    """

    def __init__(self, model: Path) -> None:
        network = onnx.load(model)
        _in_floats(network.graph)
        self._positions = _freed(network)
        self._session = on_one_thread(network.SerializeToString())

    def finished(self, pcm: bytes) -> float:
        """The probability (0..1) that slin16, which ends in a short silence, is a whole turn; blocks for 20 to 80 ms.

        Raises EngineError.
        """
        places = _places(seconds(pcm))
        audio = to_floats(pcm[-WINDOW_BYTES:]).astype(np.float64)
        audio = np.pad(audio, (WINDOW_S * RATE - audio.size, 0))
        audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
        mel = log_mel(audio)[None, :, FRAMES - 2 * places : FRAMES]
        given = {"input_features": mel, POSITIONS: self._positions[-places:], COUNT: np.array([places])}
        return float(run(self._session, given)[0].reshape(-1)[0])


def _places(spoken_s: float) -> int:
    """So many of the last places are looked at where so many seconds were spoken."""
    steps = round(max(spoken_s + BEFORE_S, LEAST_S) * PLACES / WINDOW_S / STEP)
    return min(steps * STEP, PLACES)


def _in_floats(graph: onnx.GraphProto) -> None:
    """Takes all rounding to 8 bits out of the network; its weights keep the values that they have in 8 bits.

    Rounded, the last digit of a feature, or of a sum, decides on which side of a step a number falls, and layer by
    layer that grows: the same sound is finished by 0.3 more or less (docs/speech.md).
    """
    constants = {constant.name: constant for constant in graph.initializer}
    rounded = {node.output[0]: node.input[0] for node in graph.node if node.op_type == TO_8_BITS}
    plain: dict[str, str] = {}
    kept = []
    for node in graph.node:
        if node.op_type == FROM_8_BITS and node.input[0] in constants:
            whole, scale, *zero = (numpy_helper.to_array(constants[name]) for name in node.input)
            along = [1] * whole.ndim
            if scale.size > 1:
                along[next((given.i for given in node.attribute if given.name == "axis"), 1)] = scale.size
            values = whole.astype(np.float32)
            for middle in zero:
                values -= middle.astype(np.float32).reshape(along)
            exact = np.asarray(values * scale.reshape(along))
            graph.initializer.append(numpy_helper.from_array(exact, node.output[0]))
        elif node.op_type == FROM_8_BITS:
            source = rounded[node.input[0]]
            plain[node.output[0]] = plain.get(source, source)
        elif node.op_type != TO_8_BITS:
            node.input[:] = [plain.get(name, name) for name in node.input]
            kept.append(node)
    found = {plain[output.name]: output.name for output in graph.output if output.name in plain}
    for node in kept:
        node.output[:] = [found.get(name, name) for name in node.output]
        node.input[:] = [found.get(name, name) for name in node.input]
    used = {name for node in kept for name in node.input}
    needed = [constant for constant in graph.initializer if constant.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(needed)


def _freed(network: onnx.ModelProto) -> np.ndarray:
    """The table of positions; it and their number become inputs of the network, which then takes any number.

    Raises EngineError where they are not there.
    """
    graph = network.graph
    constants = {constant.name: constant for constant in graph.initializer}
    try:
        table, count = constants[POSITIONS], constants[COUNT]
    except KeyError as error:
        raise EngineError(
            f"not the Smart Turn that we know: {error} is missing; run `ivr models pull`"
        ) from error
    for constant in (table, count):
        graph.initializer.remove(constant)
    graph.input.extend(
        [
            helper.make_tensor_value_info(POSITIONS, TensorProto.FLOAT, ["places", *table.dims[1:]]),
            helper.make_tensor_value_info(COUNT, TensorProto.INT64, [1]),
        ]
    )
    graph.input[0].type.tensor_type.shape.dim[2].dim_param = "frames"
    del graph.value_info[:]  # shapes for 400 places
    return numpy_helper.to_array(table)


class Endpointing:
    """A recogniser whose transcripts tell, too, whether the caller sounds finished."""

    def __init__(self, recogniser: Recogniser, model: SmartTurn) -> None:
        self.name, self.languages = recogniser.name, recogniser.languages
        self._recogniser, self._model = recogniser, model
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="endpoint")

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> EndpointingUtterance:
        """Starts listening."""
        return EndpointingUtterance(self, self._recogniser.utterance(langs, hotwords))

    async def finished(self, pcm: bytes) -> float | None:
        """As ``SmartTurn.finished``, in a thread of its own; None where it fails: then pauses alone end a turn."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._model.finished, pcm)
        except EngineError as error:
            log.warning("Nobody can tell whether the caller has finished: %s", error)
            return None

    async def close(self) -> None:
        """Ends the engines."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        await self._recogniser.close()


class EndpointingUtterance:
    """One utterance: the recogniser's own, and its end for the model."""

    def __init__(self, engine: Endpointing, utterance: Utterance) -> None:
        self._engine, self._utterance = engine, utterance
        self._end = bytearray()
        self._fed = 0
        self._judged: tuple[int, float | None] | None = None

    def feed(self, pcm: bytes) -> None:
        """Adds slin16."""
        self._utterance.feed(pcm)
        self._end += pcm
        self._fed += len(pcm)
        if len(self._end) > 2 * WINDOW_BYTES:
            del self._end[:-WINDOW_BYTES]

    async def partial(self) -> Transcript | None:
        """The recogniser's."""
        return await self._utterance.partial()

    async def quick(self) -> Transcript | None:
        """Both at the same time."""
        return await self._with_end(self._utterance.quick())

    async def decode(self) -> Transcript:
        """Both at the same time."""
        transcript = await self._with_end(self._utterance.decode())
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """The recogniser's."""
        return await self._utterance.again()

    async def _with_end(self, hearing: Coroutine[Any, Any, Transcript | None]) -> Transcript | None:
        judging = asyncio.create_task(self._finished())
        try:
            transcript = await hearing
            return transcript and replace(transcript, finished=await judging)
        finally:
            judging.cancel()

    async def _finished(self) -> float | None:
        """How finished he sounds; free where nothing was fed since the last time."""
        fed = self._fed
        if self._judged is None or self._judged[0] != fed:
            pcm = bytes(self._end) + PAUSE
            finished = await self._engine.finished(pcm)
            if finished is not None and finished < DOUBTFUL and seconds(pcm) < SHORTEST_S:
                finished = None
            self._judged = (fed, finished)
        return self._judged[1]


def with_endpointing(settings: Settings, recogniser: Recogniser) -> Recogniser:
    """The recogniser with the model beside it, where that is in place and ours; else pauses alone end a turn."""
    model = settings.models / MODEL
    if not model.is_file():
        return recogniser
    try:
        return Endpointing(recogniser, SmartTurn(model))
    except EngineError as error:
        log.warning("Pauses alone end a turn: %s", error)
        return recogniser
