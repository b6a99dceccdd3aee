"""Checks training: with TensorFlow, by training two small models; without it, by the message that says where to get it.

Also checks that the program can serve as a child process of multiprocessing, which training relies on.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from multiprocessing import reduction
from pathlib import Path
from typing import Any, Final

from tools.packaging.program import TIMEOUT_S, CheckError, Program, scan

_OTHER_PACKAGE: Final = "with-training"
"""What the lean program must refer to: this is in the file names of the packages with training."""
_SIDE: Final = 32
_PER_LABEL: Final = 6
_LABELS: Final = ("llama", "not_llama")
# Colored noise, warm or cool: nothing that could be learned the wrong way.
_DRAW: Final = """\
import sys
from pathlib import Path
import numpy as np
from PIL import Image
folder, per_label = Path(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(1)
for label, tint in zip(sys.argv[3:], ((90, 40, 0), (0, 40, 90)), strict=True):
    (folder / label).mkdir(parents=True)
    for number in range(per_label):
        pixels = random.integers(0, 160, (64, 64, 3)) + np.array(tint)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
"""


def check_missing_training(program: Program, photos: Path) -> str:
    """Check that the program without training says where to get it; return what was found.

    Args:
        program: the program.
        photos: a folder of readable photos.

    Raises:
        CheckError: it says something else.
    """
    dataset = program.work / "dataset"
    for label in _LABELS:
        shutil.copytree(photos, dataset / label)
    message = program.run("train", str(dataset), "--out", str(program.work / "model"), code=1).stderr
    if _OTHER_PACKAGE not in message:
        raise CheckError(f"Asked to train, the program without training says: {message}")
    return "train: says where to get it"


def check_training(program: Program, python: Path) -> list[str]:
    """Train on the command line, retraining part of the backbone, and as the window does; use and export the model.

    Args:
        program: the program with training.
        python: the Python that built it.

    Raises:
        CheckError: something does not work.
    """
    dataset = program.work / "generated images"
    subprocess.run([str(python), "-c", _DRAW, str(dataset), str(_PER_LABEL), *_LABELS], check=True)
    model = program.work / "my models" / "llama"
    model.parent.mkdir()
    program.give_access(model.parent)
    settings = ("--image-size", str(_SIDE), "--batch-size", "4", "--epochs", "2")
    retraining = ("--retrain", "3", "--retrain-epochs", "1")
    done = program.run("train", str(dataset), "--out", str(model), *settings, *retraining, "--json", "--quiet")
    phases = epoch_phases(done.stdout.splitlines())
    if phases != ["head", "head", "retrain"] or not model.with_name("llama.report.html").is_file():
        raise CheckError(f"Training ran the epochs {phases}, or wrote no report; expected head, head, retrain.")
    rows = scan(program, dataset, len(_LABELS) * _PER_LABEL, "--model", str(model), cache="cache of the trained model")
    if not {row["label"] for row in rows} <= set(_LABELS):
        raise CheckError(f"The trained model assigns the labels {sorted({row['label'] for row in rows})}.")
    results = [f"train: {' + '.join(phases)}, {len(rows)} photos judged with the model"]
    exported = program.work / "exported.keras"
    program.run("export-model", str(model), "--keras", str(exported))
    results.append(f"export-model: {exported.stat().st_size / 1e6:.1f} MB for Keras")
    results.append(_train_like_the_window(program, dataset))
    return results


def epoch_phases(lines: list[str]) -> list[str]:
    """Return the phase of each epoch in the output of a training run.

    Raises:
        CheckError: the run did not end with a model.
    """
    events: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    if not events or events[-1]["event"] != "Trained":
        raise CheckError(f"Training ended with: {events[-1:]}")
    return [event["phase"] for event in events if event["event"] == "Epoch"]


def _train_like_the_window(program: Program, dataset: Path) -> str:
    """Start the window's child process and send it a job; it must not exit before it has read the job."""
    out = program.work / "my models" / "from the window"
    job = {
        "dataset": str(dataset),
        "out": str(out),
        "report": str(out.with_suffix(".html")),
        "preview": None,
        "recipe": {"side": _SIDE, "batch_size": 4, "epochs": 1, "name": "From the window"},
    }
    log = program.work / "training output.txt"
    with log.open("wb") as errors:
        child = program.start("--train-child", errors=errors, pipes=True)
        assert child.stdin is not None
        assert child.stdout is not None
        # It stops when its input ends, so the pipe stays open until it is done. A child that hangs is killed.
        timer = threading.Timer(TIMEOUT_S, child.kill)
        timer.start()
        try:
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()
            lines = [line.decode("utf-8", "replace") for line in child.stdout]
            code = child.wait()
        finally:
            timer.cancel()
            child.kill()
            child.stdin.close()
            child.stdout.close()
    if code or not out.is_dir():
        output = log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise CheckError(f"The window's training process exited with code {code} and {lines[-1:]}\n{output}")
    return f"training in the window's child process: {len(epoch_phases(lines))} epoch"


def check_multiprocessing(program: Program) -> str:
    """Use the program as a child process of multiprocessing, through Python's own protocol.

    A frozen program that does not recognize this would open a window instead, and that one another, endlessly.

    Raises:
        CheckError: it does not do what the child process is told to do.
    """
    if sys.platform == "win32":
        return "multiprocessing: not tried, on Windows the parent has to be the same program"
    proof = program.work / "made by a child process"
    context = multiprocessing.get_context("spawn")
    parent, child = os.pipe()
    try:
        os.write(child, spawn_message(context.Process(target=os.mkdir, args=(str(proof),)), str(program.work)))
        os.close(child)
        child = -1
        with (program.work / "output of a child process.txt").open("wb") as errors:
            flags = ("--multiprocessing-fork", "tracker_fd=0", f"pipe_handle={parent}")
            process = program.start(*flags, errors=errors, pass_fds=[parent])
            try:
                code = process.wait(TIMEOUT_S)
            finally:
                process.kill()
                process.wait()
    finally:
        os.close(parent)
        if child >= 0:
            os.close(child)
    if code or not proof.is_dir():
        raise CheckError(f"A multiprocessing child exited with code {code} and did not do what it was told.")
    return "multiprocessing: a child process did what it was told"


def spawn_message(process: Any, folder: str) -> bytes:
    """Return what a parent sends to a spawned child: how to set itself up, and what to run."""
    preparation = {"name": "child", "sys_argv": [], "orig_dir": folder, "dir": folder, "start_method": "spawn"}
    # A process can only be pickled while it is being spawned.
    multiprocessing.context.set_spawning_popen(process)
    try:
        message = io.BytesIO()
        reduction.dump(preparation, message)
        reduction.dump(process, message)
        return message.getvalue()
    finally:
        multiprocessing.context.set_spawning_popen(None)
