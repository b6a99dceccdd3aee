"""Training in a process of its own: `python -m alpacasorter.training.child`, or the packaged program's `--train-child`.

It reads one line of JSON from standard input: {"dataset", "out", "report", "preview", "recipe": {…}}, with null for
files that are not wanted. Then it prints events, one per line (`events.to_line`), and obeys the lines "finish" and
"stop". When standard input ends, the parent process is gone, and it stops. The exit code is 0 after Trained, Stopped,
and Prepared where no bundle was requested; else 1. What it says and writes is in the language that
ALPACASORTER_LANGUAGE names.
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

from alpacasorter import i18n
from alpacasorter.training.events import Event, Failed, Stopped, not_understood, to_line, unexpected
from alpacasorter.training.recipe import Recipe, RecipeError

_INPUT: Final = 0
_CHUNK: Final = 4096
_MAX_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Request:
    """What the first line asks for."""

    dataset: Path
    out: Path | None
    report: Path | None
    preview: Path | None
    recipe: Recipe


class _Orders:
    """The lines on standard input after the first, read on a thread."""

    def __init__(self) -> None:
        self._latest: Literal["", "finish", "stop"] = ""
        self._unread = b""

    def first_line(self) -> bytes:
        """Wait for the first line and return it; if the input ends earlier, what there is of it."""
        while b"\n" not in self._unread and len(self._unread) < _MAX_LINE:
            more = _read()
            if not more:
                break
            self._unread += more
        line, _newline, self._unread = self._unread.partition(b"\n")
        return line

    def listen(self) -> None:
        """Keep reading in the background."""
        # A daemon: it waits for input that may never come, and must not keep the process alive.
        threading.Thread(target=self._listen, name="orders", daemon=True).start()

    def latest(self) -> Literal["", "finish", "stop"]:
        """Return the order that is in effect; "stop" can't be revoked."""
        return self._latest

    def _listen(self) -> None:
        while True:
            *lines, self._unread = self._unread.split(b"\n")
            for line in lines:
                self._take(line.strip())
            more = _read()
            if not more:
                self._latest = "stop"
                return
            self._unread = (self._unread + more)[-_MAX_LINE:]

    def _take(self, line: bytes) -> None:
        if line == b"stop":
            self._latest = "stop"
        elif line == b"finish" and self._latest != "stop":
            self._latest = "finish"


def _read() -> bytes:
    # Not through sys.stdin: a thread waiting inside it holds its lock, and Python could not exit.
    try:
        return os.read(_INPUT, _CHUNK)
    except OSError:
        return b""


def main() -> int:
    """Run one training run as the first line of standard input says; return the exit code."""
    i18n.use()
    with _own_output() as output:
        orders = _Orders()
        line = orders.first_line()
        try:
            request = _parse(line)
        except (ValueError, TypeError, KeyError) as error:
            reason = str(error) if isinstance(error, RecipeError) else not_understood(str(error))
            _send(output, Failed(reason))
            return 1
        orders.listen()
        return _run(request, orders, output)


def _parse(line: bytes) -> _Request:
    data = json.loads(line)
    if not isinstance(data, dict) or not isinstance(data.get("recipe"), dict):
        raise ValueError("no settings")
    if not data.get("dataset"):
        raise ValueError("no photos")
    return _Request(
        dataset=Path(data["dataset"]),
        out=_path(data, "out"),
        report=_path(data, "report"),
        preview=_path(data, "preview"),
        recipe=Recipe.from_json(json.dumps(data["recipe"])),
    )


def _path(data: dict[str, Any], name: str) -> Path | None:
    return Path(data[name]) if data.get(name) else None


def _run(request: _Request, orders: _Orders, output: TextIO) -> int:
    last: Event | None = None
    try:
        # Imported only now: an invalid first line should be answered at once.
        from alpacasorter.training.train import train

        events = train(
            request.dataset,
            request.out,
            request.recipe,
            report=request.report,
            preview=request.preview,
            orders=orders.latest,
        )
        with contextlib.closing(events):
            for last in events:
                _send(output, last)
    except KeyboardInterrupt:
        last = Stopped()
        _send(output, last)
    except BrokenPipeError:
        # The parent process is gone.
        return 1
    except Exception as error:  # noqa: BLE001  # the user gets a sentence, the log the traceback
        traceback.print_exc()
        last = Failed(unexpected(type(error).__name__))
        _send(output, last)
    return 1 if isinstance(last, Failed) else 0


def _send(output: TextIO, event: Event) -> None:
    output.write(to_line(event) + "\n")
    output.flush()


@contextlib.contextmanager
def _own_output() -> Iterator[TextIO]:
    """Reserve standard output for events; what libraries print there goes to standard error."""
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
