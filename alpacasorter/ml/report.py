"""The report of a training or a test: one HTML file with everything inside, to be read, printed and passed on."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path

__all__ = ["CurvePoint", "Report", "ReportError", "write_report"]


class ReportError(Exception):
    """The report can't be written; `str()` is a plain sentence."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One epoch of the learning curves; a figure that is no number (NaN) makes a gap.

    Attributes:
        number: counted over both phases, from 1.
        phase: "head" while the backbone is frozen, "retrain" while its last layers are trained too.
        loss, accuracy: on the photos trained on.
        validation_loss, validation_accuracy: on those held out.
    """

    number: int
    phase: Literal["head", "retrain"]
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says.

    Attributes:
        title: its heading.
        class_names: what people read for targets 0 and 1, such as ("Not alpaca", "Alpaca").
        paths: the photos measured on, in the order of the next two.
        targets: (n,), 0 or 1: what they are.
        probabilities: (n,), 0 to 1: calibrated probability of the positive class.
        threshold: probability from which a photo is called positive.
        introduction: what was measured, in a sentence or two; may be empty.
        curves: the epochs of a training; empty for a test.
        comparisons: name and figure of what the result is to be compared with; may be empty.
        settings, environment: name and value; may be empty.
        warnings: sentences the reader should know before trusting the figures.
        left_out: files that play no part, each with the reason.
    """

    title: str
    class_names: tuple[str, str]
    paths: tuple[Path, ...]
    targets: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.floating]
    threshold: float = 0.5
    introduction: str = ""
    curves: tuple[CurvePoint, ...] = ()
    comparisons: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[tuple[Path | str, str], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where photos, targets and probabilities are not as many, or no targets or probabilities."""
        n = len(self.paths)
        if np.shape(self.targets) != (n,) or np.shape(self.probabilities) != (n,):
            raise ValueError(
                f"{n} photos with targets {np.shape(self.targets)}, probabilities {np.shape(self.probabilities)}"
            )
        probability = np.asarray(self.probabilities, dtype=np.float64)
        if not np.isin(self.targets, (0, 1)).all() or not ((probability >= 0) & (probability <= 1)).all():
            raise ValueError("targets must be 0 or 1 and probabilities within [0, 1]")


def write_report(path: Path, report: Report) -> None:
    """Write the report as one HTML file, in place of a file that is there; until it is whole, that one stays.

    The photos of the mistakes are opened for their thumbnails; one that can't be any more gets a placeholder.

    Raises:
        ReportError: it can't be written.
    """
    from alpacasorter.ml.report_page import page

    data = page(report).encode("utf-8", "replace")
    # Not by `tempfile`, which would keep other users of the computer from reading it.
    half = path.with_name(f".report-{secrets.token_hex(6)}.part")
    try:
        try:
            with half.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(
            f"The report can't be written to {display_path(path)} ({reason}). Choose another place for it."
        ) from error
