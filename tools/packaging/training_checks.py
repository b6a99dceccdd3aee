"""Tries training: where it is inside, by training two small models; where it is not, by what is said of it."""

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

from tools.packaging.checks import scan
from tools.packaging.program import LONGEST_S, CheckError, Program

_SAID_OF_TRAINING: Final = "Training is not part of this package"
_SIDE: Final = 32
_OF_EACH: Final = 6
_LABELS: Final = ("llama", "not_llama")
# Coloured noise, warm or cold: nothing that could be learned wrong.
_DRAW: Final = """\
import sys
from pathlib import Path
import numpy as np
from PIL import Image
folder, of_each = Path(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(1)
for label, tint in zip(sys.argv[3:], ((90, 40, 0), (0, 40, 90)), strict=True):
    (folder / label).mkdir(parents=True)
    for number in range(of_each):
        pixels = random.integers(0, 160, (64, 64, 3)) + np.array(tint)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{number}.png")
"""


def try_no_training(program: Program, pictures: Path) -> str:
    """See that the lean program says where to get training; return that.

    Args:
        program: the program.
        pictures: a folder of good pictures.

    Raises:
        CheckError: it says something else.
    """
    dataset = program.work / "dataset"
    for label in _LABELS:
        shutil.copytree(pictures, dataset / label)
    said = program.run("train", str(dataset), "--out", str(program.work / "model"), code=1).stderr
    if _SAID_OF_TRAINING not in said:
        raise CheckError(f"Where training would be, the program says: {said}")
    return "train: says where to get it"


def try_training(program: Program, python: Path) -> list[str]:
    """Train by the command, with some layers of the backbone, and as the window does; use and export what is made.

    Args:
        program: the program with training inside.
        python: the Python that built it.

    Raises:
        CheckError: something does not work.
    """
    dataset = program.work / "drawn pictures"
    subprocess.run([str(python), "-c", _DRAW, str(dataset), str(_OF_EACH), *_LABELS], check=True)
    model = program.work / "models of mine" / "llama"
    model.parent.mkdir()
    program.own(model.parent)
    settings = ("--image-size", str(_SIDE), "--batch-size", "4", "--epochs", "2")
    deeper = ("--retrain", "3", "--retrain-epochs", "1")
    done = program.run("train", str(dataset), "--out", str(model), *settings, *deeper, "--json", "--quiet")
    phases = trained_phases(done.stdout.splitlines())
    if phases != ["head", "head", "retrain"] or not model.with_name("llama.report.html").is_file():
        raise CheckError(f"A training of two epochs and one of the backbone has the epochs {phases}, or no report.")
    rows = scan(program, dataset, len(_LABELS) * _OF_EACH, "--model", str(model), cache="cache of the trained model")
    if not {row["label"] for row in rows} <= set(_LABELS):
        raise CheckError(f"With the trained model photos are labelled {sorted({row['label'] for row in rows})}.")
    told = [f"train: {' + '.join(phases)}, {len(rows)} pictures judged with the model"]
    exported = program.work / "exported.keras"
    program.run("export-model", str(model), "--keras", str(exported))
    told.append(f"export-model: {exported.stat().st_size / 1e6:.1f} MB for Keras")
    told.append(_train_as_the_window_does(program, dataset))
    return told


def trained_phases(lines: list[str]) -> list[str]:
    """Return the phase of each epoch of a training that printed these lines.

    Raises:
        CheckError: there is no model in the end.
    """
    events: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    if not events or events[-1]["event"] != "Trained":
        raise CheckError(f"A training ends with: {events[-1:]}")
    return [event["phase"] for event in events if event["event"] == "Epoch"]


def _train_as_the_window_does(program: Program, dataset: Path) -> str:
    """Start the child process of the window and speak to it; it must go on until it has read what it is to do."""
    out = program.work / "models of mine" / "from the window"
    job = {
        "dataset": str(dataset),
        "out": str(out),
        "report": str(out.with_suffix(".html")),
        "preview": None,
        "recipe": {"side": _SIDE, "batch_size": 4, "epochs": 1, "name": "From the window"},
    }
    said = program.work / "said by training.txt"
    with said.open("wb") as errors:
        child = program.start("--train-child", errors=errors, pipes=True)
        assert child.stdin is not None
        assert child.stdout is not None
        # Where its input ends it stops, so that stays open until it is done; and a child that hangs is ended.
        late = threading.Timer(LONGEST_S, child.kill)
        late.start()
        try:
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()
            lines = [line.decode("utf-8", "replace") for line in child.stdout]
            code = child.wait()
        finally:
            late.cancel()
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
    if code or not out.is_dir():
        words = said.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise CheckError(f"Training as the window does it ends with {code} and {lines[-1:]}\n{words}")
    return f"training in a child process, as the window does it: {len(trained_phases(lines))} epoch"


def try_multiprocessing(program: Program) -> str:
    """Have the program be the child process of another one's multiprocessing, by the way Python itself takes.

    A program that does not see that it is meant to be one opens a window in its stead, and so without end.

    Raises:
        CheckError: it does not do what such a child is told.
    """
    if sys.platform == "win32":
        return "multiprocessing: not tried, for on Windows the parent must be the same program"
    proof = program.work / "made by a child process"
    context = multiprocessing.get_context("spawn")
    parent, child = os.pipe()
    try:
        os.write(child, orders(context.Process(target=os.mkdir, args=(str(proof),)), str(program.work)))
        os.close(child)
        child = -1
        with (program.work / "said by a child process.txt").open("wb") as errors:
            flags = ("--multiprocessing-fork", "tracker_fd=0", f"pipe_handle={parent}")
            process = program.start(*flags, errors=errors, pass_fds=[parent])
            try:
                code = process.wait(LONGEST_S)
            finally:
                process.kill()
                process.wait()
    finally:
        os.close(parent)
        if child >= 0:
            os.close(child)
    if code or not proof.is_dir():
        raise CheckError(f"A child process of multiprocessing ended with {code} and did not do what it was told.")
    return "multiprocessing: a child process did what it was told"


def orders(process: Any, folder: str) -> bytes:
    """Return what a parent tells a child that it spawns: how to be like it, and what to do."""
    preparation = {"name": "child", "sys_argv": [], "orig_dir": folder, "dir": folder, "start_method": "spawn"}
    # Only while it is spawned may a process be put into bytes.
    multiprocessing.context.set_spawning_popen(process)
    try:
        written = io.BytesIO()
        reduction.dump(preparation, written)
        reduction.dump(process, written)
        return written.getvalue()
    finally:
        multiprocessing.context.set_spawning_popen(None)
