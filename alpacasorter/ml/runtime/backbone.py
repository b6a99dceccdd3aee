"""The backbone on LiteRT: from a model input to an embedding, on the CPU or on a GPU.

LiteRT is imported where it is first needed, so that importing this module costs nothing.

From the loader's picture to the numbers the backbone reads: the one scaling, for training and app alike.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

NAME = "mobilenet_v2: rgb/127.5-1, bilinear squash"
"""What a bundle must declare: the scaling below on a picture from `core.decode.model_input`."""


def scale_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return pixels 0..255 of any shape as float32 in [-1, 1].

    Raises:
        TypeError: the pixels are not uint8. Floats could be in 0..1 or 0..255, and a wrong guess would judge wrongly
            in silence.
    """
    if pixels.dtype != np.uint8:
        raise TypeError(f"pixels must be uint8, not {pixels.dtype}")
    scaled = pixels.astype(np.float32)
    scaled /= np.float32(127.5)
    scaled -= np.float32(1.0)
    return scaled


Pixels = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]

SIGNATURE = "serving_default"
EMBEDDING_OUTPUT = "embedding"
FEATURE_MAP_OUTPUT = "feature_map"


class BackboneError(Exception):
    """The backbone can't be run on this device; `str()` is a plain sentence."""


class Backbone(Protocol):
    """Turns one model input into one embedding. May be called by several threads at once."""

    def embed(self, pixels: Pixels) -> Vector:
        """Return the embedding, float32 (embedding size,), of a model input, uint8 (side, side, 3)."""
        ...

    def feature_map(self, pixels: Pixels) -> Vector:
        """Return the last feature map, float32 (rows, columns, channels), of a model input."""
        ...


class CpuBackbone:
    """The backbone on the CPU, with an interpreter of one thread for each calling thread.

    One interpreter a thread and not one for all: each photo is decoded and judged on the same core, nothing is
    handed over, and N threads reach almost N times the speed of one.
    """

    def __init__(self, model: bytes) -> None:
        """Keep the bytes of a .tflite file; interpreters are built when a thread first needs one."""
        self._model = model
        self._local = threading.local()

    def embed(self, pixels: Pixels) -> Vector:
        """Return the embedding, float32 (embedding size,), of a model input, uint8 (side, side, 3)."""
        return self._run(pixels, EMBEDDING_OUTPUT).reshape(-1)

    def feature_map(self, pixels: Pixels) -> Vector:
        """Return the last feature map, float32 (rows, columns, channels), of a model input."""
        return np.asarray(self._run(pixels, FEATURE_MAP_OUTPUT)[0])

    def _run(self, pixels: Pixels, output: str) -> Vector:
        interpreter, input_index, outputs = self._interpreter()
        try:
            interpreter.set_tensor(input_index, scale_pixels(pixels)[np.newaxis])
            interpreter.invoke()
            result: Vector = interpreter.get_tensor(outputs[output])
        except (RuntimeError, ValueError) as error:
            # Such as one that takes pictures of another size than its bundle says.
            raise BackboneError("The model's network can't be run on this computer.") from error
        return result

    def _interpreter(self) -> tuple[Interpreter, int, dict[str, int]]:
        ready: tuple[Interpreter, int, dict[str, int]] | None = getattr(self._local, "ready", None)
        if ready is None:
            ready = self._local.ready = _build_interpreter(self._model)
        return ready


def _build_interpreter(model: bytes) -> tuple[Interpreter, int, dict[str, int]]:
    from ai_edge_litert.interpreter import Interpreter

    try:
        with _quiet():
            interpreter = Interpreter(model_content=model, num_threads=1)
            interpreter.allocate_tensors()
        # The public API names outputs only through a signature runner, which copies every output at each call
        # (the feature map is 250 kB); the runner's own table gives the indices for reading just one.
        runner = interpreter.get_signature_runner(SIGNATURE)
        outputs = {name: int(detail["index"]) for name, detail in runner.get_output_details().items()}
        input_index = int(next(iter(runner.get_input_details().values()))["index"])
    except (RuntimeError, ValueError, KeyError, StopIteration) as error:
        raise BackboneError("The model's network can't be run on this computer.") from error
    if not {EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT} <= outputs.keys():
        raise BackboneError("The model's network lacks the outputs that AlpacaSorter needs.")
    return interpreter, input_index, outputs


_quiet_lock = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep LiteRT's start-up chatter off standard error, where a script reads our own words.

    It is written by C++ to file descriptor 2 and no setting turns it off. Errors come as exceptions all the same.
    """
    with _quiet_lock:
        try:
            kept = os.dup(2)
        except OSError:
            # A windowed program has no standard error.
            yield
            return
        try:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), 2)
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


class GpuBackbone:
    """The backbone on any vendor's GPU, by LiteRT's compiled model (WebGPU), with the CPU for what it lacks.

    One photo at a time under a lock: while it runs, the decoding threads go on, and decoding is the bottleneck.
    """

    def __init__(self, model: bytes) -> None:
        """Compile the bytes of a .tflite file for the GPU.

        Raises:
            BackboneError: there is no GPU that can run it.
        """
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator

        self._lock = threading.Lock()
        try:
            accelerators = HardwareAccelerator.GPU | HardwareAccelerator.CPU
            with _quiet():
                self._compiled: Any = CompiledModel.from_buffer(model, hardware_accel=accelerators)
            signature = self._compiled.get_signature_by_index(0)
            self._inputs = self._compiled.create_input_buffers(0)
            self._outputs = self._compiled.create_output_buffers(0)
            self._index = {name: i for i, name in enumerate(signature["outputs"])}
            details = self._compiled.get_output_tensor_details(self._compiled_signature_name())
            self._shapes = {name: tuple(int(n) for n in detail["shape"]) for name, detail in details.items()}
        except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise BackboneError("No graphics processor that can run the model was found.") from error

    def _compiled_signature_name(self) -> str:
        return str(next(iter(self._compiled.get_signature_list())))

    def embed(self, pixels: Pixels) -> Vector:
        """Return the embedding, float32 (embedding size,), of a model input, uint8 (side, side, 3)."""
        return self._run(pixels, EMBEDDING_OUTPUT).reshape(-1)

    def feature_map(self, pixels: Pixels) -> Vector:
        """Return the last feature map, float32 (rows, columns, channels), of a model input."""
        return np.asarray(self._run(pixels, FEATURE_MAP_OUTPUT)[0])

    def _run(self, pixels: Pixels, output: str) -> Vector:
        shape = self._shapes[output]
        with self._lock:
            try:
                self._inputs[0].write(np.ascontiguousarray(scale_pixels(pixels)[np.newaxis]))
                self._compiled.run_by_index(0, self._inputs, self._outputs)
                flat = self._outputs[self._index[output]].read(int(np.prod(shape)), np.float32)
            except RuntimeError as error:
                raise BackboneError("The graphics processor stopped working.") from error
        return np.asarray(flat, dtype=np.float32).reshape(shape)
