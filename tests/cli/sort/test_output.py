"""What `alpacasorter sort` prints for people, and its JSON lines, from plans made by hand."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.cli.sort.output import (
    JournalLines,
    PlanLines,
    ended_words,
    few,
    history_words,
    open_words,
    plan_words,
    record_object,
    stopped_words,
    torn_words,
)
from alpacasorter.core.events import Placed
from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.events import FileFailure, SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, Remark, SortPlan

HIKE, OUT = Path("/hike"), Path("/sorted")
MEGABYTE = 1_000_000


def unit(
    name: str,
    target: str | None,
    outcome: Outcome = Outcome.GO,
    *,
    companions: tuple[str, ...] = (),
    group: Group = Group.LABEL,
    reason: str | None = None,
    renamed: str | None = None,
    there: tuple[str, ...] = (),
) -> PlannedUnit:
    """Return a unit of /hike; `target` is the folder below /sorted, and `there` names files that are there already."""
    label = None if group is Group.UNREADABLE else "alpaca"
    photo = LabeledPhoto(HIKE / name, "ab" * 32, label, None if label is None else 0.9)
    files = tuple(
        PlannedFile(
            HIKE / one, None if target is None else OUT / target / one, 2 * MEGABYTE, 0, None, there=one in there
        )
        for one in (name, *companions)
    )
    return PlannedUnit(photo, files, group, outcome, reason, renamed)


def plan(
    *units: PlannedUnit, remarks: tuple[Remark, ...] = (), new: tuple[Path, ...] = (OUT,), action: Action = Action.MOVE
) -> SortPlan:
    return SortPlan(HIKE, SortOptions(OUT, action), units, new, (), 0, 10**9, False, remarks)


def record(
    state: SortState, *, done: int = 5, failed: int = 0, left: int = 0, action: Action = Action.MOVE
) -> SortRecord:
    return SortRecord(7, "2026-05-03T14:32:10.000000+00:00", HIKE, OUT, action, state, 5, done, failed, left)


def ended(state: SortState, *failures: FileFailure, **counts: int) -> SortEnded:
    return SortEnded(record(state, **counts), failures, state is SortState.STOPPED, "", 1.0)


def slashes(words: Callable[..., str]) -> Callable[..., str]:
    """Return what writes the paths in its words as on POSIX."""
    return lambda *given: words(*given).replace(os.sep, "/")


def test_a_plan_is_a_tree_with_counts() -> None:
    words = slashes(plan_words)(
        plan(
            unit("a.jpg", "Alpaca/2026-05", companions=("a.cr3", "a.xmp")),
            unit("b.jpg", "Alpaca/2026-05"),
            unit("c.jpg", "Alpaca/2026-06"),
            unit("d.jpg", "Not alpaca"),
        )
    )
    title, *tree = words.splitlines()[:7]
    assert "/hike" in title
    assert tree == [
        "",
        "/sorted (new)",
        "  Alpaca",
        "    2026-05   2 photos · 2 companion files · 8.0 MB",
        "    2026-06   1 photo · 2.0 MB",
        "  Not alpaca  1 photo · 2.0 MB",
    ]


def test_photos_that_go_into_the_destination_itself() -> None:
    lines = slashes(plan_words)(plan(unit("a.jpg", "."), new=())).splitlines()
    assert lines[2] == "/sorted"
    assert lines[3].startswith("  (")
    assert lines[3].endswith("  1 photo · 2.0 MB")


def test_what_is_not_sorted_is_printed_with_its_reason() -> None:
    words = slashes(plan_words)(
        plan(
            unit("a.jpg", "Alpaca", renamed="Another file there has this name."),
            unit("b.jpg", None, Outcome.STAYS, group=Group.UNSURE),
            unit("c.jpg", None, Outcome.STAYS, group=Group.UNREADABLE, reason="The file is damaged."),
            unit("d.jpg", None, Outcome.BLOCKED, reason="The name is too long. Shorten it."),
            unit("e.jpg", "Alpaca", Outcome.THERE, reason="The same bytes are there."),
            unit("f.jpg", "Alpaca", Outcome.IN_PLACE),
            remarks=(
                Remark("Too little space is free.", serious=True, paths=(OUT,)),
                Remark("One folder could not be read."),
            ),
        )
    )
    for lines in (
        "2 photos stay where they are.\n  1 unsure photo\n  1 unreadable photo: The file is damaged.\n\n",
        "1 photo is already in place.\n\n",
        "1 photo is already at the destination.\n  1 photo: The same bytes are there.\n\n",
        "1 photo can't be moved.\n  /hike/d.jpg: The name is too long. Shorten it.\n\n",
        " Another file there has this name.\n  a.jpg → Alpaca/a.jpg\n\n",
        ": Too little space is free.\n  /sorted\nOne folder could not be read.\n\n",
    ):
        assert lines in words


def test_long_lists_are_cut() -> None:
    many = [f"line {n}" for n in range(25)]
    assert list(few(many))[-2:] == ["  line 19", "  and 5 more; --json lists all"]
    assert list(few(many[:3])) == ["  line 0", "  line 1", "  line 2"]


def test_the_end_of_a_sort() -> None:
    assert slashes(ended_words)(ended(SortState.FINISHED), []).splitlines() == [
        "Sort 7: 5 files were moved to /sorted.",
        "To undo it, run: alpacasorter sort --undo 7",
    ]
    gone = FileFailure(HIKE / "x.jpg", "The file is gone.")
    assert slashes(ended_words)(ended(SortState.FINISHED, gone, done=4, failed=1), [gone]).splitlines() == [
        "Sort 7: 4 files were moved to /sorted. 1 file could not be moved.",
        "  /hike/x.jpg: The file is gone.",
        "To try again, run: alpacasorter sort --resume 7",
        "To undo it, run: alpacasorter sort --undo 7",
    ]
    assert slashes(ended_words)(ended(SortState.UNDONE, done=0), []).splitlines() == [
        "Sort 7: Undone. All files are back where they were."
    ]
    left = FileFailure(OUT / "x.jpg", "It was changed.")
    first, *named, again = slashes(ended_words)(ended(SortState.UNDONE, left, done=1, left=1), [left]).splitlines()
    assert first.startswith("Sort 7: Undone, except for 1 file")
    assert named == ["  /sorted/x.jpg: It was changed."]
    assert again.endswith(": alpacasorter sort --undo 7")


def test_a_sort_that_was_stopped_says_what_to_do() -> None:
    assert stopped_words(ended(SortState.STOPPED, done=2)) == (
        "Stopped after 2 of 5 files. Nothing is lost."
        " Run “alpacasorter sort --resume 7” to resume it, or “alpacasorter sort --rollback 7” to undo it."
    )
    undo_stopped = stopped_words(ended(SortState.UNDOING, done=2))
    assert "“alpacasorter sort --rollback 7”" in undo_stopped
    assert "--resume" not in undo_stopped


@pytest.mark.parametrize("is_known", [True, False])
def test_an_interrupted_sort_says_what_to_do(is_known: bool) -> None:
    words = slashes(open_words)(record(SortState.RUNNING, done=2)) if is_known else torn_words(7, undoing=False)
    assert "“alpacasorter sort --resume 7”" in words
    assert "“alpacasorter sort --rollback 7”" in words
    assert not is_known or "/hike on 3 May 2026 was interrupted after 2 of 5 files" in words
    words = open_words(record(SortState.UNDOING, done=2)) if is_known else torn_words(7, undoing=True)
    assert "“alpacasorter sort --rollback 7”" in words
    assert "--resume" not in words


def test_the_history_is_a_table() -> None:
    table = slashes(history_words)([record(SortState.RUNNING, done=2), record(SortState.FINISHED)], {7})
    titles, first, second = table.splitlines()
    assert titles.split() == ["ID", "Date", "Action", "Files", "State", "From", "To"]
    assert "Interrupted after 2 of 5" in first
    assert second.split()[-2:] == ["/hike", "/sorted"]
    assert [titles.index(title) for title in ("State", "From", "To")] == [
        second.index(cell) for cell in ("Done", "/hike", "/sorted")
    ]


def test_photos_in_the_trash_have_no_destination() -> None:
    thrown = replace(record(SortState.FINISHED), destination=HIKE, trashed=True)
    said = json.loads(json.dumps(record_object(thrown, is_open=False)))
    assert (said["type"], said["action"], said["destination"]) == ("sort", "trash", None)
    assert said.keys() == record_object(record(SortState.FINISHED), is_open=False).keys()
    _titles, line = slashes(history_words)([thrown], set()).splitlines()
    assert "Move to trash" in line
    assert line.split().count("/hike") == 1


def placed(name: str, *, back: bool = False) -> Placed:
    """Return that a file of /hike is below /sorted/Alpaca now, or back again."""
    before, after = HIKE / name, OUT / "Alpaca" / name
    return Placed(after, before, False, 1, 1, None) if back else Placed(before, after, False, 1, 1, None)


def test_every_file_of_a_plan_is_told_once() -> None:
    lines = PlanLines(
        plan(
            unit("a.jpg", "Alpaca", companions=("a.cr3", "a.xmp"), there=("a.xmp",)),
            unit("b.jpg", None, Outcome.STAYS, group=Group.UNSURE),
            unit("c.jpg", "Alpaca", companions=("c.xmp",)),
            unit("d.jpg", "Alpaca"),
        )
    )
    lines.placed([placed("a.jpg"), placed("a.cr3"), placed("c.jpg")])
    # Its companion failed, so it was moved back.
    lines.failed([FileFailure(HIKE / "c.xmp", "The file is gone.")])
    lines.placed([placed("c.jpg", back=True)])
    lines.failed([FileFailure(HIKE / "c.jpg", "The other could not be done.")])
    *told, summary = (json.loads(json.dumps(one)) for one in lines.objects(ended(SortState.STOPPED)))
    assert [(Path(one["source"]).name, one["outcome"], one["status"], one["companion"]) for one in told] == [
        ("a.jpg", "go", "done", False),
        ("a.cr3", "go", "done", True),
        ("a.xmp", "there", "nothing to do", True),
        ("b.jpg", "stays", "nothing to do", False),
        ("c.jpg", "go", "failed", False),
        ("c.xmp", "go", "failed", True),
        ("d.jpg", "go", "open", False),
    ]
    assert {len(one) for one in told} == {17}, "each has every field"
    assert told[5]["reason"] == "The file is gone."
    assert told[3]["target"] is None
    assert {one["photo"] for one in told if "a." in one["source"]} == {str(HIKE / "a.jpg")}
    assert summary["type"] == "summary"


@pytest.mark.parametrize("was_carried_out", [False, True])
def test_the_summary(was_carried_out: bool) -> None:
    lines = PlanLines(plan(unit("a.jpg", "Alpaca"), remarks=(Remark("Odd.", paths=(OUT,)),)))
    file, summary = (
        json.loads(json.dumps(one)) for one in lines.objects(ended(SortState.FINISHED) if was_carried_out else None)
    )
    assert file["status"] == ("nothing to do" if was_carried_out else "planned")
    assert (summary["number"], summary["state"]) == ((7, "finished") if was_carried_out else (None, "planned"))
    assert summary["photos"] == {"go": 1, "there": 0, "in place": 0, "stays": 0, "blocked": 0}
    assert summary["remarks"] == [{"sentence": "Odd.", "serious": False, "paths": [str(OUT)]}]


def test_lines_of_a_sort_made_earlier() -> None:
    lines = JournalLines()
    lines.placed([placed("a.jpg"), placed("b.jpg"), placed("b.jpg", back=True)])
    lines.placed([Placed(OUT / "c.jpg", None, False, 1, 1, None)])
    lines.failed([FileFailure(HIKE / "b.jpg", "Changed.")])
    *files, summary = lines.objects(ended(SortState.UNDONE, done=0))
    assert [(file["source"], file["target"], file["status"]) for file in files] == [
        (str(HIKE / "a.jpg"), str(OUT / "Alpaca" / "a.jpg"), "done"),
        (str(OUT / "c.jpg"), None, "done"),
        (str(HIKE / "b.jpg"), None, "failed"),
    ]
    line = record_object(record(SortState.STOPPED), is_open=True)
    assert line["open"] is True
    assert set(summary) - set(line) == {"stopped", "problem", "seconds"}
