"""The report of the self-test: what was checked, whether it works, and how long each check took."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import alpacasorter

_MAX_DETAIL = 2000


class SelfTestFailed(Exception):
    """A check failed; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check.

    Attributes:
        name: what was checked.
        ok: whether it works.
        seconds: duration.
        detail: what was found, or why it does not work.
    """

    name: str
    ok: bool
    seconds: float
    detail: str


@dataclass(slots=True)
class Report:
    """The results of all checks.

    Attributes:
        checks: the checks in the order in which they were run.
        timings: seconds from the start of the program to some events; None for those that did not happen.
    """

    checks: list[Check] = field(default_factory=list)
    timings: dict[str, float | None] = field(default_factory=lambda: {"first_window": None, "first_judged": None})

    @property
    def ok(self) -> bool:
        """Whether everything works."""
        return all(check.ok for check in self.checks)

    def run(self, name: str, work: Callable[[], str]) -> None:
        """Run a check; `work` returns what it found, and raises an exception if something does not work."""
        start = time.perf_counter()
        try:
            detail, ok = work(), True
        except SelfTestFailed as error:
            detail, ok = str(error), False
        except (Exception, SystemExit) as error:  # noqa: BLE001  # any failure goes into the report
            detail, ok = error_line(error), False
        self.checks.append(Check(name, ok, round(time.perf_counter() - start, 3), detail[:_MAX_DETAIL]))

    def to_json(self) -> str:
        """Return the report as a JSON object on several lines, in ASCII."""
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
    except Exception:  # noqa: BLE001  # the build is broken, but the report must still be written
        return ""


def error_line(error: BaseException) -> str:
    """Return an error in one line, with the place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
