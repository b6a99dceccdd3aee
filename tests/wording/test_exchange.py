"""Summaries of exports and imports."""

from pathlib import Path

import pytest

from alpacasorter.core.exchange.label_import import ImportSummary
from alpacasorter.core.exchange.sidecars import Change, SidecarFailed, SidecarsEnded
from alpacasorter.wording.exchange import import_summary, imported, sidecar_summary, skipped_labels


def test_import() -> None:
    summary = ImportSummary({str(n): "a" for n in range(38)}, 2, {"x": "a"}, {"x": "b"}, 1, 2, ("cat",), 0, 0, 0, 1)
    assert import_summary(summary) == "41 labels: 38 new, 2 the same as yours and 1 different from yours."
    assert skipped_labels(summary) == [
        "1 label was skipped: it is from a model, or the confidence is too low.",
        "2 labels were skipped: the model in use does not have these classes (cat).",
        "1 row was skipped: it is invalid.",
    ]
    assert import_summary(ImportSummary({}, 0, {}, {}, 0)) == "This file has no labels to import."
    assert import_summary(ImportSummary({}, 0, {}, {}, 4)) == "All labels in this file are from a model, not from you."
    assert import_summary(ImportSummary({}, 0, {}, {}, 4, 2)) == "None of the labels in this file can be imported."


@pytest.mark.parametrize(
    ("made", "unseen", "words"),
    [
        (1, 0, "1 label was imported."),
        (1200, 0, "1,200 labels were imported."),
        (5, 2, "2 of them are of photos that have not been"),
    ],
)
def test_imported(made: int, unseen: int, words: str) -> None:
    assert words in imported(made, unseen)


def ended(counts: dict[Change, int], *, failed: int = 0, stopped: bool = False, dry_run: bool = False) -> SidecarsEnded:
    failures = (SidecarFailed(Path("a.jpg"), None, "No."),) * failed
    return SidecarsEnded(sum(counts.values()), counts, failed, failures, stopped, dry_run)


def test_sidecars() -> None:
    counts = {Change.NEW: 1, Change.SAME: 4, Change.CLEARED: 1, Change.DELETED: 1}
    assert sidecar_summary(ended(counts, failed=1, stopped=True)) == (
        "Stopped: 1 sidecar created, 0 changed, 4 up to date, 2 cleared and 1 could not be written."
    )
    assert sidecar_summary(ended({Change.CHANGED: 3})) == "Done: 0 sidecars created, 3 changed and 0 up to date."


def test_sidecars_that_would_be_written() -> None:
    counts = {Change.NEW: 2, Change.CHANGED: 1, Change.DELETED: 1}
    assert sidecar_summary(ended(counts, dry_run=True)) == (
        "Dry run: 2 sidecars would be created, 1 would be changed, 0 up to date and 1 would be cleared."
    )
    assert sidecar_summary(ended({}, failed=2, dry_run=True)).endswith("and 2 can't be written.")
