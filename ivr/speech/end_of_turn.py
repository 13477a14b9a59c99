"""End of turn by sound: the intonation of the last words tells whether the caller has finished.

Smart Turn v3 (BSD-2-Clause, 23 languages, https://github.com/pipecat-ai/smart-turn) is a small network on the log-mel
spectrum of the last 8 seconds.  It does not know the words.  ``ivr.call.audio.end_of_turn`` combines its result with
the meaning of the sentence.  Measurements: docs/speech.md.
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
"""Seconds of audio that the model was trained on."""
WINDOW_BYTES: Final = WINDOW_S * RATE * WIDTH
SHORTEST_S: Final = 1.8
"""Shortest sound, in seconds, that the model may call unfinished: it calls a lone "oui" unfinished, too."""
PAUSE: Final = silence(0.08)
"""Silence appended for the model.  Decoding begins before the pause is as long as the model expects it."""
FRAMES: Final = WINDOW_S * 100
"""Mel frames of 10 ms in the model's window."""
POSITIONS: Final = FRAMES // 2
"""Positions of the encoder in the model's window, 20 ms each."""
BEFORE_S: Final = 1.2
"""Silence before the speech, in seconds, that the shortened window includes."""
LEAST_S: Final = 3.0
"""Shortest window, in seconds."""
STEP: Final = 10
"""Window lengths are multiples of this many positions (0.2 s)."""
EMBEDDINGS: Final = "inner.encoder.embed_positions.weight"
COUNT: Final = "val_21"
"""Names of two constants in the model: the position embeddings (a row for each of 400 positions) and their number."""
TO_8_BITS, FROM_8_BITS = "QuantizeLinear", "DequantizeLinear"


class SmartTurn:
    """The model in the file ``model``, shared by all calls.

    It was trained on 8 seconds with the speech at their end, and takes 80 ms for them beside the recogniser.  It
    knows a position only by its embedding, so the last positions can be computed without the first ones.

    Raises EngineError where the file is another model.
    """

    def __init__(self, model: Path) -> None:
        network = onnx.load(model)
        _without_quantisation(network.graph)
        self._embeddings = _embeddings_as_input(network)
        self._session = on_one_thread(network.SerializeToString())

    def finished(self, pcm: bytes) -> float:
        """Return the probability (0 to 1) that the turn is complete.

        pcm: slin16 that ends in a short silence; only its last 8 seconds count.
        Blocks for 20 to 80 ms.  Raises EngineError.
        """
        positions = _positions(seconds(pcm))
        audio = to_floats(pcm[-WINDOW_BYTES:]).astype(np.float64)
        audio = np.pad(audio, (WINDOW_S * RATE - audio.size, 0))
        audio = (audio - audio.mean()) / np.sqrt(audio.var() + 1e-7)
        mel = log_mel(audio)[None, :, FRAMES - 2 * positions : FRAMES]
        inputs = {
            "input_features": mel,
            EMBEDDINGS: self._embeddings[-positions:],
            COUNT: np.array([positions]),
        }
        return float(run(self._session, inputs)[0].reshape(-1)[0])


def _positions(spoken_s: float) -> int:
    """How many of the last positions are computed for this many seconds of audio."""
    steps = round(max(spoken_s + BEFORE_S, LEAST_S) * POSITIONS / WINDOW_S / STEP)
    return min(steps * STEP, POSITIONS)


def _without_quantisation(graph: onnx.GraphProto) -> None:
    """Remove all rounding of activations to 8 bits; the weights keep their 8-bit values, as floats.

    With rounding, the last digit of a feature or sum decides to which step a number is rounded.  The difference grows
    from layer to layer: it changes the probability of the same sound by up to 0.3 (docs/speech.md).  Operators:
    https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html.
    """
    constants = {constant.name: constant for constant in graph.initializer}
    quantised = {node.output[0]: node.input[0] for node in graph.node if node.op_type == TO_8_BITS}
    sources: dict[str, str] = {}  # the float behind each dequantised value
    kept = []
    for node in graph.node:
        if node.op_type == FROM_8_BITS and node.input[0] in constants:
            integers, scale, *zero_point = (numpy_helper.to_array(constants[name]) for name in node.input)
            shape = [1] * integers.ndim
            if scale.size > 1:
                axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
                shape[axis] = scale.size
            values = integers.astype(np.float32)
            for zero in zero_point:
                values -= zero.astype(np.float32).reshape(shape)
            weights = np.asarray(values * scale.reshape(shape))
            graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        elif node.op_type == FROM_8_BITS:
            source = quantised[node.input[0]]
            sources[node.output[0]] = sources.get(source, source)
        elif node.op_type != TO_8_BITS:
            node.input[:] = [sources.get(name, name) for name in node.input]
            kept.append(node)
    renamed = {sources[output.name]: output.name for output in graph.output if output.name in sources}
    for node in kept:
        node.output[:] = [renamed.get(name, name) for name in node.output]
        node.input[:] = [renamed.get(name, name) for name in node.input]
    used = {name for node in kept for name in node.input}
    needed = [constant for constant in graph.initializer if constant.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(needed)


def _embeddings_as_input(network: onnx.ModelProto) -> np.ndarray:
    """Return the position embeddings, and make them and their number inputs, so that any number is accepted.

    Raises EngineError where the network does not have them.
    """
    graph = network.graph
    constants = {constant.name: constant for constant in graph.initializer}
    try:
        table, count = constants[EMBEDDINGS], constants[COUNT]
    except KeyError as error:
        raise EngineError(
            f"not a known Smart Turn model: {error} is missing; run `ivr models pull`"
        ) from error
    for constant in (table, count):
        graph.initializer.remove(constant)
    graph.input.extend(
        [
            helper.make_tensor_value_info(EMBEDDINGS, TensorProto.FLOAT, ["positions", *table.dims[1:]]),
            helper.make_tensor_value_info(COUNT, TensorProto.INT64, [1]),
        ]
    )
    graph.input[0].type.tensor_type.shape.dim[2].dim_param = "frames"
    del graph.value_info[:]  # they hold shapes for 400 positions
    return numpy_helper.to_array(table)


class Endpointing:
    """``recogniser`` with ``model`` beside it, which adds ``finished`` to the transcripts."""

    def __init__(self, recogniser: Recogniser, model: SmartTurn) -> None:
        self.name, self.languages = recogniser.name, recogniser.languages
        self._recogniser, self._model = recogniser, model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="endpoint")

    def utterance(self, langs: Sequence[str], hotwords: str = "") -> EndpointingUtterance:
        """Start an utterance, as ``Recogniser.utterance``."""
        return EndpointingUtterance(self, self._recogniser.utterance(langs, hotwords))

    async def finished(self, pcm: bytes) -> float | None:
        """Run ``SmartTurn.finished`` in a thread.  Returns None where it fails; then pauses alone end a turn."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._model.finished, pcm)
        except EngineError as error:
            log.warning("Smart Turn failed, pauses alone end this turn: %s", error)
            return None

    async def close(self) -> None:
        """Close the recogniser and end the thread."""
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        await self._recogniser.close()


class EndpointingUtterance:
    """One utterance of the recogniser, and its last seconds for the model."""

    def __init__(self, engine: Endpointing, utterance: Utterance) -> None:
        self._engine, self._utterance = engine, utterance
        self._recent = bytearray()
        self._fed_bytes = 0
        self._latest: tuple[int, float | None] | None = None  # bytes fed, and the result for them

    def feed(self, pcm: bytes) -> None:
        """Add slin16."""
        self._utterance.feed(pcm)
        self._recent += pcm
        self._fed_bytes += len(pcm)
        if len(self._recent) > 2 * WINDOW_BYTES:
            del self._recent[:-WINDOW_BYTES]

    async def partial(self) -> Transcript | None:
        """Return the recogniser's partial result, without ``finished``."""
        return await self._utterance.partial()

    async def quick(self) -> Transcript | None:
        """Return the recogniser's quick result; recogniser and model run at the same time."""
        return await self._with_finished(self._utterance.quick())

    async def decode(self) -> Transcript:
        """Return the text of all audio fed so far; recogniser and model run at the same time."""
        transcript = await self._with_finished(self._utterance.decode())
        assert transcript is not None
        return transcript

    async def again(self) -> Transcript | None:
        """Return the recogniser's result without noise, without ``finished``."""
        return await self._utterance.again()

    async def _with_finished(self, recognition: Coroutine[Any, Any, Transcript | None]) -> Transcript | None:
        finished = asyncio.create_task(self._finished())
        try:
            transcript = await recognition
            return transcript and replace(transcript, finished=await finished)
        finally:
            finished.cancel()

    async def _finished(self) -> float | None:
        """The probability of a complete turn, computed once for the same audio."""
        fed_bytes = self._fed_bytes
        if self._latest is None or self._latest[0] != fed_bytes:
            pcm = bytes(self._recent) + PAUSE
            finished = await self._engine.finished(pcm)
            if finished is not None and finished < DOUBTFUL and seconds(pcm) < SHORTEST_S:
                finished = None
            self._latest = (fed_bytes, finished)
        return self._latest[1]


def with_endpointing(settings: Settings, recogniser: Recogniser) -> Recogniser:
    """Return ``recogniser`` with Smart Turn beside it, or alone where the model is missing or unknown.

    settings: the installation with the models.  Without the model, pauses alone end a turn.
    """
    model = settings.models / MODEL
    if not model.is_file():
        return recogniser
    try:
        return Endpointing(recogniser, SmartTurn(model))
    except EngineError as error:
        log.warning("Without Smart Turn, pauses alone end a turn: %s", error)
        return recogniser
