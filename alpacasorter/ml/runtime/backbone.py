"""The backbone on LiteRT: from a model input to an embedding, on the CPU or on a GPU.

Also the scaling of a model input, which training and the app share, and the reasons why a network can't be run. LiteRT
is imported only when it is first needed, so that importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from alpacasorter.core import reasons
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

NAME = "mobilenet_v2: rgb/127.5-1, bilinear squash"
"""What a bundle must declare: the scaling below, applied to what `core.photos.decode.model_input` returns."""

# Why a network can't be run, as codes: what the trials of GPUs and models report and the cache remembers.
DOES_NOT_RUN: Final = "network-does-not-run"
NO_OUTPUTS: Final = "network-lacks-outputs"
CRASHES: Final = "network-crashes"
DOES_NOT_END: Final = "network-does-not-end"
WRONG_SHAPE: Final = "network-wrong-shape"
UNUSABLE_NUMBERS: Final = "network-unusable-numbers"
SEES_NOTHING: Final = "network-sees-nothing"
TOO_LARGE: Final = "network-too-large"
NOT_LOADED: Final = "model-not-loaded"
NO_GPU: Final = "gpu-none"
GPU_STOPPED: Final = "gpu-stopped"
GPU_DOES_NOT_RUN: Final = "gpu-does-not-run"
GPU_IS_WRONG: Final = "gpu-wrong-results"
GPU_NO_ANSWER: Final = "gpu-no-answer"
GPU_CRASHED: Final = "gpu-crashed"
GPU_CRASHED_BEFORE: Final = "gpu-crashed-before"


def sentence(reason: str) -> str:
    """Return a reason of this module or of `core.reasons` in words; text that is not a code is returned as it is."""
    words = {
        DOES_NOT_RUN: _("The model's network can't be run on this computer."),
        NO_OUTPUTS: _("The model's network lacks the outputs that AlpacaSorter needs."),
        CRASHES: _("The model's network crashes."),
        DOES_NOT_END: _("The model's network does not finish."),
        WRONG_SHAPE: _("The output of the model's network does not match its description."),
        UNUSABLE_NUMBERS: _("The model's network returns unusable numbers."),
        SEES_NOTHING: _("The model's network returns the same for every photo."),
        TOO_LARGE: _("The model's network needs far more memory than its size suggests."),
        NOT_LOADED: _("The model's files can't be read."),
        NO_GPU: _("No GPU that can run the model was found."),
        GPU_STOPPED: _("The GPU stopped working."),
        GPU_DOES_NOT_RUN: _("The GPU can't run the model."),
        GPU_IS_WRONG: _("The GPU computes wrong results."),
        GPU_NO_ANSWER: _("The graphics driver did not respond."),
        GPU_CRASHED: _("The graphics driver crashed."),
        GPU_CRASHED_BEFORE: _("The graphics driver crashed last time."),
    }.get(reason)
    return reasons.sentence(reason) if words is None else words


def scale_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return pixels 0..255 of any shape as float32 in [-1, 1].

    Raises:
        TypeError: the pixels are not uint8. Floats could be in 0..1 or 0..255, and a wrong guess would silently give
            wrong predictions.
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
    """The backbone can't be run on this device; `str()` is a sentence for the user.

    Attributes:
        code: why, one of the codes above.
    """

    def __init__(self, code: str) -> None:
        """Give the reason."""
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        """Return the reason in words."""
        return sentence(self.code)


class Backbone(Protocol):
    """Turns one model input into one embedding. May be called by several threads at once."""

    def embed(self, pixels: Pixels) -> Vector:
        """Return the embedding, float32 (embedding size,), of a model input, uint8 (side, side, 3)."""
        ...

    def feature_map(self, pixels: Pixels) -> Vector:
        """Return the last feature map, float32 (rows, columns, channels), of a model input."""
        ...


class CpuBackbone:
    """The backbone on the CPU, with one single-threaded interpreter per calling thread.

    Each photo is decoded and judged on the same core and nothing is handed over, so N threads reach almost N times the
    speed of one.
    """

    def __init__(self, model: bytes) -> None:
        """Keep the bytes of a .tflite file; a thread's interpreter is built when it first needs one."""
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
            # For example, the network takes another input size than its bundle says.
            raise BackboneError(DOES_NOT_RUN) from error
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
        raise BackboneError(DOES_NOT_RUN) from error
    if not {EMBEDDING_OUTPUT, FEATURE_MAP_OUTPUT} <= outputs.keys():
        raise BackboneError(NO_OUTPUTS)
    return interpreter, input_index, outputs


_TENSORS_SHARE: Final = 8
"""The runtime gives the memory of a tensor to others when it is no longer needed, so the sum says less."""


def fits_in(model: bytes, limit: int) -> bool:
    """Tell whether the tensors that a .tflite file declares fit in so many bytes, before room is made for them.

    Raises:
        BackboneError: it can't be run.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        with _quiet():
            interpreter = Interpreter(model_content=model, num_threads=1)
        details = interpreter.get_tensor_details()
    except (RuntimeError, ValueError) as error:
        raise BackboneError(DOES_NOT_RUN) from error
    sizes = [math.prod(abs(int(side)) for side in one["shape"]) * np.dtype(one["dtype"]).itemsize for one in details]
    return max(sizes, default=0) <= limit and sum(sizes) <= _TENSORS_SHARE * limit


_quiet_lock = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep LiteRT's startup messages off standard error, where scripts read our own.

    C++ code writes them to file descriptor 2, and no setting turns them off. Errors still come as exceptions.
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
    """The backbone on a GPU of any vendor, as a LiteRT compiled model (WebGPU) that falls back to the CPU where needed.

    A lock lets one photo in at a time. The decoding threads continue meanwhile, and decoding is the bottleneck.
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
            raise BackboneError(NO_GPU) from error

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
                raise BackboneError(GPU_STOPPED) from error
        return np.asarray(flat, dtype=np.float32).reshape(shape)
