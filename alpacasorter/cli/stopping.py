"""How Ctrl+C and SIGTERM end the commands that must not be torn off in the middle of a file."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_BY_SIGNAL: Final = 128


class Stopper:
    """Notes that the user wants an end; called, it says whether they do.

    Attributes:
        patient: whether the first Ctrl+C is only noted, for work that looks at it between two files. Where it is not,
            and the second time, KeyboardInterrupt is raised wherever the program is.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self.patient = False
        self._number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Listen. A signal that is ignored (`nohup`, a job in the background) stays ignored."""
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the signals as they were."""
        for number, before in self._before.items():
            # None stands for one that was not set from Python.
            signal.signal(number, before if before is not None else signal.SIG_DFL)  # type: ignore[arg-type]

    def __call__(self) -> bool:
        """Tell whether the user wants an end."""
        return self._number is not None

    @property
    def by_ctrl_c(self) -> bool:
        """Whether it was Ctrl+C, or no signal at all, rather than SIGTERM."""
        return self._number != signal.SIGTERM

    @property
    def exit_code(self) -> int:
        """130 after Ctrl+C, 143 after SIGTERM: what a shell expects."""
        return _BY_SIGNAL + (self._number or signal.SIGINT)

    def _heard(self, number: int, _: FrameType | None) -> None:
        again = self._number is not None
        self._number = number
        if again or not self.patient:
            raise KeyboardInterrupt
