"""A fake training process: `python fake_training.py HOW` reads the request and does what HOW says.

good      all events of a run with retraining
waits     two epochs, then nothing until it is told to finish or to stop
deaf      the same, but it ignores what it is told and never ends
fails     a failure with a sentence
crashes, dies, quits    no result: aborted, killed by the system, ended normally
garbage   the kinds of things libraries print, between events that arrive in pieces
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

from alpacasorter.core import reasons
from alpacasorter.training import events
from alpacasorter.training.events import Epoch, Event, Failed, Prepared, Stage, Stopped, Trained, to_line

FAKE = Path(__file__)
PREPARED = Prepared(
    class_names=("not_alpaca", "alpaca"),
    training=(148, 114),
    validation=(37, 28),
    left_out=(("/photos/alpaca/broken.jpg", reasons.TRUNCATED), ("/photos/alpaca/empty.png", reasons.EMPTY)),
    across=3,
    device="processor",
    warnings=(events.near_duplicates(3, 65),),
)
TRAINED = Trained(
    *("", "", 0.9692, 0.9571, 0.9945),
    stopped_early=True,
    plain_accuracy=0.9846,
    remarks=(events.plain_compared(64, 63, 65),),
)
SECONDS = 4.0


def epochs(head: int = 8, retrain: int = 4) -> list[Epoch]:
    """Return the epochs of a run that goes well."""
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


def prepare(request: dict[str, Any]) -> None:
    say(Stage(events.READING, 0, 327))
    say(Stage(events.READING, 327, 327))
    preview = request["preview"] or ""
    if preview:
        picture = Image.new("RGB", (600, 300), "#6a8f5a")
        for n in range(8):
            x, y = 150 * (n % 4), 150 * (n // 4)
            picture.paste((60 * (n % 4) + 40, 120, 200 - 20 * n), (x + 8, y + 8, x + 142, y + 142))
        picture.save(preview)
    say(dataclasses.replace(PREPARED, preview=preview))


def end(request: dict[str, Any]) -> None:
    out, report = Path(request["out"]), Path(request["report"])
    for place in (out, report.parent):
        place.mkdir(parents=True, exist_ok=True)
    (out / "model.json").write_text("{}", encoding="utf-8")
    report.write_text("<h1>Report</h1>", encoding="utf-8")
    say(dataclasses.replace(TRAINED, bundle=str(out), report=str(report)))


def main(how: str) -> int:
    request = json.loads(sys.stdin.readline())
    if request["out"] is None:
        # As in the real one, this is the last event of a request without a model.
        prepare(request)
    elif how == "good":
        prepare(request)
        for epoch in epochs():
            say(epoch)
        say(Stage(events.SAVING))
        end(request)
    elif how in ("waits", "deaf"):
        prepare(request)
        for epoch in epochs()[:2]:
            say(epoch)
        while how == "deaf":
            time.sleep(1)
        line = sys.stdin.readline()
        if line == "finish\n":
            end(request)
        else:
            say(Stopped())
    elif how == "fails":
        say(Failed("There is no photo of the class alpaca."))
        return 1
    elif how == "garbage":
        garbage(request)
    elif how == "lingers":
        end(request)
        time.sleep(600)
    else:
        say(Stage(events.READING))
        tell(sys.stderr, "Out of luck in layer 7")
        if how == "crashes":
            os.abort()
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
    return 0


def garbage(request: dict[str, Any]) -> None:
    out = sys.stdout.buffer
    out.write(b"\xff\xfe\x00 2026-11-01 I tensorflow: \x1b[1m1/9\x1b[0m \r 2/9\r\n\n[]\n{}\n3\nnull\n")
    out.write(b'{"event": "Nothing"}\n{"event": "Epoch", "number": 1}\n' + b"x" * 200_000 + b"\n")
    line = to_line(Stage("Überall Käse")).encode() + b"\r\n"
    for n in range(0, len(line), 7):
        out.write(line[n : n + 7])
        out.flush()
    out.write(to_line(dataclasses.replace(TRAINED, bundle=request["out"], report=request["report"])).encode())
    out.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
