"""Plays the process that trains: `python fake_training.py HOW` reads the job and does what HOW says.

good      all events of a training with retraining, then its end
waits     two epochs, then nothing until it is told to finish or to stop
deaf      the same, but it hears nothing and never ends
fails     a failure with a sentence
crashes, dies, quits    no result: aborted, killed by the system, ended as if all were well
garbage   all that a library may print between the events, and events cut into pieces
lingers   a result, but the process does not end
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from alpacasorter.training.events import Epoch, Event, Failed, Prepared, Stage, Stopped, Trained, to_line

FAKE = Path(__file__)
PREPARED = Prepared(
    class_names=("not_alpaca", "alpaca"),
    training=(148, 114),
    validation=(37, 28),
    left_out=(("/photos/alpaca/broken.jpg", "The file is cut off."), ("/photos/alpaca/empty.png", "It is empty.")),
    across=3,
    device="processor",
    warnings=("3 of the photos held out nearly equal one that is learned from, so the figures flatter.",),
)
TRAINED = Trained("", "", 0.9692, 0.9571, 0.9945, stopped_early=True)
SECONDS = 4.0


def epochs(head: int = 8, retrain: int = 4) -> list[Epoch]:
    """Return the epochs of a training that goes well."""
    total = head + retrain
    made = []
    for n in range(1, total + 1):
        phase: Any = "head" if n <= head else "retrain"
        loss = 0.65 * 0.75**n + 0.05 + (0.05 if n == head + 1 else 0)
        made.append(Epoch(phase, n, total, loss, 1 - loss / 2.2, loss * 1.2 + 0.03, 0.99 - loss / 2, SECONDS))
    return made


def say(event: Event) -> None:
    tell(sys.stdout, to_line(event))


def tell(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


def prepare(job: dict[str, Any]) -> None:
    say(Stage("Reading the photos", 0, 327))
    say(Stage("Reading the photos", 327, 327))
    preview = job["preview"] or ""
    if preview:
        picture = Image.new("RGB", (600, 300), "#6a8f5a")
        for n in range(8):
            x, y = 150 * (n % 4), 150 * (n // 4)
            picture.paste((60 * (n % 4) + 40, 120, 200 - 20 * n), (x + 8, y + 8, x + 142, y + 142))
        picture.save(preview)
    say(dataclasses.replace(PREPARED, preview=preview))


def end(job: dict[str, Any]) -> None:
    out, report = Path(job["out"]), Path(job["report"])
    for place in (out, report.parent):
        place.mkdir(parents=True, exist_ok=True)
    (out / "model.json").write_text("{}", encoding="utf-8")
    report.write_text("<h1>Report</h1>", encoding="utf-8")
    say(dataclasses.replace(TRAINED, bundle=str(out), report=str(report)))


def main(how: str) -> int:
    job = json.loads(sys.stdin.readline())
    if job["out"] is None:
        # As the real one does: the last event of a job without a model.
        prepare(job)
    elif how == "good":
        prepare(job)
        for epoch in epochs():
            say(epoch)
        say(Stage("Making the report"))
        end(job)
    elif how in ("waits", "deaf"):
        prepare(job)
        for epoch in epochs()[:2]:
            say(epoch)
        while how == "deaf":
            time.sleep(1)
        line = sys.stdin.readline()
        if line == "finish\n":
            end(job)
        else:
            say(Stopped())
    elif how == "fails":
        say(Failed("There is no photo of the class alpaca."))
        return 1
    elif how == "garbage":
        garbage(job)
    elif how == "lingers":
        end(job)
        time.sleep(600)
    else:
        say(Stage("Reading the photos"))
        tell(sys.stderr, "Out of luck in layer 7")
        if how == "crashes":
            os.abort()
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
    return 0


def garbage(job: dict[str, Any]) -> None:
    out = sys.stdout.buffer
    out.write(b"\xff\xfe\x00 2026-11-01 I tensorflow: \x1b[1m1/9\x1b[0m \r 2/9\r\n\n[]\n{}\n3\nnull\n")
    out.write(b'{"event": "Nothing"}\n{"event": "Epoch", "number": 1}\n' + b"x" * 200_000 + b"\n")
    line = to_line(Stage("Überall Käse")).encode() + b"\r\n"
    for n in range(0, len(line), 7):
        out.write(line[n : n + 7])
        out.flush()
    out.write(to_line(dataclasses.replace(TRAINED, bundle=job["out"], report=job["report"])).encode())
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
