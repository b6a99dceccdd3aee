"""The report of the self-test: what was checked, whether it works, and how long it took."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import alpacasorter

_MOST_WORDS = 2000


class SelfTestFailed(Exception):
    """A check that failed; `str()` is a sentence."""


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one check.

    Attributes:
        name: what was tried.
        ok: whether it works.
        seconds: how long it took.
        detail: what was found; where it does not work, why.
    """

    name: str
    ok: bool
    seconds: float
    detail: str


@dataclass(slots=True)
class Report:
    """What became of all of them.

    Attributes:
        checks: in the order in which they were made.
        timings: seconds from the start of the program until something was there; None where it never was.
    """

    checks: list[Check] = field(default_factory=list)
    timings: dict[str, float | None] = field(default_factory=lambda: {"first_window": None, "first_judged": None})

    @property
    def ok(self) -> bool:
        """Whether everything works."""
        return all(check.ok for check in self.checks)

    def run(self, name: str, work: Callable[[], str]) -> None:
        """Make a check; `work` returns what it found, and raises where something does not work."""
        start = time.perf_counter()
        try:
            detail, ok = work(), True
        except SelfTestFailed as error:
            detail, ok = str(error), False
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever fails is what is to be reported
            detail, ok = error_line(error), False
        self.checks.append(Check(name, ok, round(time.perf_counter() - start, 3), detail[:_MOST_WORDS]))

    def to_json(self) -> str:
        """Return the report as an object in JSON, in several lines, all ASCII."""
        return json.dumps(
            {
                "ok": self.ok,
                "version": _version(),
                "frozen": bool(getattr(sys, "frozen", False)),
                "checks": [asdict(check) for check in self.checks],
                "timings": self.timings,
            },
            indent=2,
        )


def _version() -> str:
    try:
        return alpacasorter.__version__
    except Exception:  # noqa: BLE001  # a build without it is broken, and the report must say the rest too
        return ""


def error_line(error: BaseException) -> str:
    """Return an error in one line, with the place it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
