"""Training as a process of its own: `python -m alpacasorter.training.child`, or the frozen program's `--train-child`.

It reads one line of JSON from standard input: {"dataset", "out", "report", "preview", "recipe": {…}}, with null for
places that are not wanted. Then it prints events, one a line (`events.to_line`), and obeys the lines "finish" and
"stop". Where standard input ends, whoever started it is gone, and it stops. The exit code is 0 after Trained, Stopped,
and Prepared without a place for the bundle; else 1.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TextIO

from alpacasorter.training.events import Event, Failed, Stopped, to_line
from alpacasorter.training.recipe import Recipe, RecipeError

_INPUT: Final = 0
_CHUNK: Final = 4096
_LONGEST: Final = 1 << 20
_NOT_UNDERSTOOD: Final = "The training was started in a way it does not understand ({}). Install AlpacaSorter again."
_UNEXPECTED: Final = (
    "The training broke off because of a fault in AlpacaSorter or TensorFlow ({}). Nothing was changed. "
    "Try it with other settings."
)


@dataclass(frozen=True, slots=True)
class _Job:
    """What the first line says."""

    dataset: Path
    out: Path | None
    report: Path | None
    preview: Path | None
    recipe: Recipe


class _Orders:
    """The lines on standard input after the first, read by a thread of its own."""

    def __init__(self) -> None:
        self._wish: Literal["", "finish", "stop"] = ""
        self._rest = b""

    def first_line(self) -> bytes:
        """Wait for the first line and return it; what there is, where the input ends before."""
        while b"\n" not in self._rest and len(self._rest) < _LONGEST:
            more = _read()
            if not more:
                break
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def listen(self) -> None:
        """Read on in the background."""
        # A daemon: it waits for input that may never come, and must not keep the process from ending.
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def asked(self) -> Literal["", "finish", "stop"]:
        """Return what is wanted by now; "stop" is never taken back."""
        return self._wish

    def _listen(self) -> None:
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            for line in lines:
                self._take(line.strip())
            more = _read()
            if not more:
                self._wish = "stop"
                return
            self._rest = (self._rest + more)[-_LONGEST:]

    def _take(self, line: bytes) -> None:
        if line == b"stop":
            self._wish = "stop"
        elif line == b"finish" and self._wish != "stop":
            self._wish = "finish"


def _read() -> bytes:
    # Not through sys.stdin: a thread that waits inside it holds its lock, and Python could not end.
    try:
        return os.read(_INPUT, _CHUNK)
    except OSError:
        return b""


def main() -> int:
    """Run one training as the first line of standard input says; return the exit code."""
    with _own_output() as output:
        orders = _Orders()
        line = orders.first_line()
        try:
            job = _understood(line)
        except (ValueError, TypeError, KeyError) as error:
            reason = str(error) if isinstance(error, RecipeError) else _NOT_UNDERSTOOD.format(error)
            _say(output, Failed(reason))
            return 1
        orders.listen()
        return _run(job, orders, output)


def _understood(line: bytes) -> _Job:
    data = json.loads(line)
    if not isinstance(data, dict) or not isinstance(data.get("recipe"), dict):
        raise ValueError("no settings")
    if not data.get("dataset"):
        raise ValueError("no photos")
    return _Job(
        dataset=Path(data["dataset"]),
        out=_place(data, "out"),
        report=_place(data, "report"),
        preview=_place(data, "preview"),
        recipe=Recipe.from_json(json.dumps(data["recipe"])),
    )


def _place(data: dict[str, Any], name: str) -> Path | None:
    return Path(data[name]) if data.get(name) else None


def _run(job: _Job, orders: _Orders, output: TextIO) -> int:
    last: Event | None = None
    try:
        # Imported only now: a wrong first line should be answered at once.
        from alpacasorter.training.train import train

        events = train(job.dataset, job.out, job.recipe, report=job.report, preview=job.preview, asked=orders.asked)
        with contextlib.closing(events):
            for last in events:
                _say(output, last)
    except KeyboardInterrupt:
        last = Stopped()
        _say(output, last)
    except BrokenPipeError:
        # Nobody reads any more, so there is nobody to train for.
        return 1
    except Exception as error:  # noqa: BLE001  # whatever it was, the user gets a sentence and the log the rest
        traceback.print_exc()
        last = Failed(_UNEXPECTED.format(type(error).__name__))
        _say(output, last)
    return 1 if isinstance(last, Failed) else 0


def _say(output: TextIO, event: Event) -> None:
    output.write(to_line(event) + "\n")
    output.flush()


@contextlib.contextmanager
def _own_output() -> Iterator[TextIO]:
    """Keep standard output to ourselves; what libraries print there goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    output = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace", newline="\n")
    before = sys.stdout
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        yield output
    finally:
        sys.stdout = before
        os.dup2(kept, 1)
        os.close(kept)
        with contextlib.suppress(OSError):
            output.close()


if __name__ == "__main__":
    sys.exit(main())
