"""The journal in the library: what is written, old libraries, damaged ones, and two copies that are merged."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core.sorting import journal as journal_module
from alpacasorter.core.sorting.events import SortError, SortState
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import failures, list_sorts, open_sorts
from alpacasorter.core.sorting.journal import FolderState, Journal, Sort, StepState
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.store.library import Library
from tests.core.sorting.trees import drain, library_at, moves, plan_of, planned, sort_killed_at, tree, unit, write
from tests.core.store.library_files import CLASSES, PAGE, ROOT, key, overwrite, run_child, without_second_copy


@pytest.fixture
def plan(tmp_path: Path) -> SortPlan:
    """A plan for forty photos."""
    for number in range(40):
        write(tmp_path / "photos" / f"{number:02}.jpg", f"photo {number}".encode(), number=number)
    (tmp_path / "out").mkdir()
    return moves(tmp_path / "photos", tmp_path / "out" / "sorted")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with library_at(tmp_path / "library") as opened:
        yield opened


def test_what_was_planned_comes_back(library: Library, plan: SortPlan, tmp_path: Path) -> None:
    journal = Journal(library)
    begun = journal.begin(plan)
    assert begun.record.number == 1
    assert journal.sort(1) == begun
    assert journal.sorts(9) == [begun]
    steps = [step for one in journal.units(begun.uid) for step in one]
    files = [file for one in plan.units for file in one.files]
    assert [(step.source, step.target, step.size, step.mtime_ns) for step in steps] == [
        (file.source, file.target, file.size, file.mtime_ns) for file in files
    ]
    assert {step.state for step in steps} == {StepState.PLANNED}
    assert [step.digest.hex() for step in steps if step.digest] == [file.content_key for file in files]
    folders = journal.folders(begun.uid)
    assert [(folder.path, folder.marked, folder.state) for folder in folders] == [
        (tmp_path / "out" / "sorted", True, FolderState.PLANNED),
        (tmp_path / "out" / "sorted" / "alpaca", False, FolderState.PLANNED),
    ]
    step = steps[3]
    step.state, step.mode, step.placed_mtime_ns, step.way, step.temp = StepState.DONE, 0o600, 7, "copy/link", ".x"
    step.real, step.reason = Path("/real"), "Because."
    journal.mark(begun.uid, [step])
    journal.mark(begun.uid, [])
    assert next(one for one in journal.units(begun.uid) if one[0].position == 3) == [step]
    assert journal.in_states(begun.uid, [StepState.DONE]) == journal.unsettled(begun.uid) == [step]
    assert journal.set_state(begun, SortState.STOPPED).record.done == 1
    assert journal.counts(begun.uid)[StepState.PLANNED][0] == 39


@pytest.mark.parametrize("at_once", [1, 2, 3, 4, 7, 100])
@pytest.mark.parametrize("backwards", [False, True])
def test_units_are_read_whole(
    library: Library, plan: SortPlan, monkeypatch: pytest.MonkeyPatch, at_once: int, backwards: bool
) -> None:
    monkeypatch.setattr(journal_module, "_AT_ONCE", at_once)
    files = [file for one in plan.units for file in one.files]
    units = [unit(*files[:3]), unit(*files[3:4]), unit(*files[4:9]), unit(*files[9:11])]
    journal = Journal(library)
    begun = journal.begin(replace(plan, units=tuple(units)))
    read = list(journal.units(begun.uid, backwards=backwards))
    found = [[step.position for step in one] for one in read]
    expected = [[0, 1, 2], [3], [4, 5, 6, 7, 8], [9, 10]]
    assert found == (expected[::-1] if backwards else expected)


def test_a_journal_that_lost_rows_says_so_and_nothing_more_is_done(library: Library, plan: SortPlan) -> None:
    journal = Journal(library)
    begun = journal.begin(plan)
    step = next(iter(journal.units(begun.uid)))[0]
    library.write(lambda connection, _revision: connection.execute("DELETE FROM sort_steps WHERE position = 0"))
    with pytest.raises(SortError, match="incomplete"):
        journal.mark(begun.uid, [step])
    with pytest.raises(SortError, match="incomplete"):
        journal.set_state(Sort(bytes(16), begun.record), SortState.STOPPED)


def test_a_library_of_before_there_were_sorts_is_brought_up_to_date(plan: SortPlan, tmp_path: Path) -> None:
    path = tmp_path / "library" / "library.sqlite"
    path.parent.mkdir()
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    connection = sqlite3.connect(path)
    for table in ("sorts", "sort_steps", "sort_folders"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE corrections DROP COLUMN picture_key")
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    without_second_copy(path)
    with Library.open(path) as library:
        assert library.notice is None
        assert list(library.corrections(CLASSES)) == [key(1)]
        assert list_sorts(library) == []
        drain(run_sort(plan, library))
        assert len(list_sorts(library)) == 1


def killed_in_the_middle(plan: SortPlan, folder: Path) -> None:
    """Have a sort end as by a power cut, with most of it done."""
    child = run_child(sort_killed_at(30), folder)
    assert child.returncode, child.stderr


@pytest.mark.parametrize("damage", ["header", "schema", "log", "one page", "moved away"])
@pytest.mark.parametrize("finishing", [True, False])
def test_an_open_sort_outlives_a_damaged_library(plan: SortPlan, tmp_path: Path, damage: str, finishing: bool) -> None:
    before = tree(tmp_path / "photos", tmp_path / "out")
    killed_in_the_middle(plan, tmp_path)
    path = tmp_path / "library" / "library.sqlite"
    if damage == "header":
        overwrite(path, 0, os.urandom(PAGE))
    elif damage == "schema":
        overwrite(path, 100, bytes(PAGE - 100))
    elif damage == "log":
        overwrite(path.with_name(path.name + "-wal"), 40, b"noise!")
    elif damage == "one page":
        overwrite(path, PAGE, os.urandom(PAGE))
    else:
        path.unlink()
    with Library.open(path) as library:
        records = open_sorts(library)
        assert [(record.number, record.files, record.state) for record in records] == [(1, 40, SortState.RUNNING)]
        assert 20 < records[0].done < 40
        if finishing:
            _, end = drain(resume_sort(1, library))
            assert (end.record.done, end.record.failed) == (40, 0)
        _, end = drain(undo_sort(1, library))
        assert (end.record.state, end.record.left) == (SortState.UNDONE, 0)
    assert tree(tmp_path / "photos", tmp_path / "out") == before


@pytest.mark.skipif(os.name != "posix", reason="an open file can't be moved on this platform")
@pytest.mark.parametrize("how", ["set aside", "deleted"])
def test_a_library_that_is_replaced_in_mid_sort_keeps_the_journal(plan: SortPlan, tmp_path: Path, how: str) -> None:
    before = tree(tmp_path / "photos", tmp_path / "out")
    path = tmp_path / "library" / "library.sqlite"
    with library_at(tmp_path / "library") as library:
        events = run_sort(plan, library)
        next(events)
        for suffix in ("", "-wal", "-shm"):
            file = path.with_name(path.name + suffix)
            if how == "deleted":
                file.unlink(missing_ok=True)
            elif file.exists():
                file.rename(file.with_name("old" + suffix))
        # Another instance makes a new one, with a sort of its own under the same number.
        script = """
import sys
from pathlib import Path
from alpacasorter.core.sorting.journal import Journal
from tests.core.sorting.trees import library_at, moves
folder = Path(sys.argv[1])
with library_at(folder / "library") as library:
    Journal(library).begin(moves(folder / "photos", folder / "elsewhere"))
"""
        subprocess.run([sys.executable, "-c", script, tmp_path], cwd=ROOT, check=True)
        *_, end = events
        assert end.record.done == 40  # type: ignore[union-attr]
        numbers = {record.destination.name: record.number for record in list_sorts(library)}
        assert sorted(numbers.values()) == [1, 2]
        _, end = drain(undo_sort(numbers["sorted"], library))
        assert end.record.left == 0
    assert tree(tmp_path / "photos", tmp_path / "out") == before


def test_a_copy_of_the_library_brings_its_sorts_along(plan: SortPlan, tmp_path: Path) -> None:
    with library_at(tmp_path / "library") as library:
        drain(run_sort(plan, library))
        library.backup()
    # Everything is lost but the backup.
    for file in (tmp_path / "library").glob("library.sqlite*"):
        file.unlink()
    with library_at(tmp_path / "library") as library:
        assert library.notice is not None
        assert list_sorts(library)[0].state is SortState.FINISHED
        drain(undo_sort(1, library))
    shutil.rmtree(tmp_path / "library")


def test_names_that_are_no_text_come_back(library: Library, tmp_path: Path) -> None:
    odd = tmp_path / "photos" / os.fsdecode(b"gr\xfc\xdf.jpg")
    try:
        write(odd, b"photo")
    except (OSError, UnicodeError):
        pytest.skip("names must be text here")
    target = tmp_path / "out" / odd.name
    target.parent.mkdir()
    plan = plan_of(odd.parent, target.parent, [unit(planned(odd, target))])
    odd.write_bytes(b"changed")
    drain(run_sort(plan, library))
    assert [one.path for one in failures(library, 1)] == [odd]
