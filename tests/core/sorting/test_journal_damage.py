"""A sort that was killed in the middle and whose library, or second copy, is damaged then can still be ended."""

import os
import shutil
from pathlib import Path

import pytest

from alpacasorter.core.sorting.events import SortState
from alpacasorter.core.sorting.execution.run import resume_sort, undo_sort
from alpacasorter.core.sorting.execution.session import open_sorts
from alpacasorter.core.sorting.journal import Journal, Step
from tests.core.sorting.trees import drain, library_at, sort_killed_at, tree, write
from tests.core.store.damages import damage
from tests.core.store.library_files import copies_of, log_of, run_child

READ = 160
ENDED = 30
FILES = 24


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, some of them sorted, the library as the killed process left it, and a copy of all in `kept`."""
    folder = tmp_path_factory.mktemp("world")
    for number in range(FILES):
        write(folder / "photos" / f"{number:02}.jpg", f"photo {number}".encode(), number=number)
    (folder / "out").mkdir()
    child = run_child(sort_killed_at(15), folder)
    assert child.returncode, child.stderr
    # The log was not written back, nor is there a backup of the sort.
    assert log_of(folder / "library" / "library.sqlite").stat().st_size
    copy(folder, folder.with_name("kept"))
    return folder


def copy(source: Path, target: Path) -> None:
    """Copy a folder; two names of one file, as a move has in the middle, stay two names of one file."""
    first: dict[int, str] = {}

    def copy_file(old: str, new: str) -> None:
        number = Path(old).stat().st_ino
        if number in first:
            os.link(first[number], new)
        else:
            first[number] = new
            shutil.copy2(old, new)

    shutil.copytree(source, target, copy_function=copy_file)


def restore(world: Path, *names: str) -> Path:
    for name in names:
        shutil.rmtree(world / name)
    copied = world.with_name("again")
    copy(world.with_name("kept"), copied)
    for name in names:
        (copied / name).rename(world / name)
    shutil.rmtree(copied)
    return world / "library" / "library.sqlite"


def steps(folder: Path) -> list[Step]:
    with library_at(folder) as library:
        return [step for unit in Journal(library).units(Journal(library).sort(1).uid) for step in unit]


def harm(path: Path, number: int) -> None:
    """Damage the library or its log, the second copy, or two of them."""
    library, copies = (path, log_of(path))[number // 8 % 2], copies_of(path)
    match number % 3:
        case 0:
            damage(library, number)
        case 1:
            damage(copies[number % 2], number)
        case 2:
            damage(library, number)
            damage(copies[number % 2], number + 1000)


@pytest.fixture(autouse=True)
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def test_every_step_comes_back(world: Path) -> None:
    restore(world, "library")
    expected = steps(world / "library")
    assert len(expected) == FILES
    for number in range(READ):
        harm(restore(world, "library"), number)
        assert steps(world / "library") == expected, number


@pytest.mark.parametrize("finishing", [True, False])
def test_sort_is_finished_or_taken_back(world: Path, finishing: bool) -> None:
    restore(world, "photos", "out")
    kept = tree(world / "photos", world / "out")
    for number in range(ENDED):
        harm(restore(world, "library", "photos", "out"), number)
        assert tree(world / "photos", world / "out") == kept
        with library_at(world / "library") as library:
            (record,) = open_sorts(library)
            assert (record.number, record.files, record.state) == (1, FILES, SortState.RUNNING)
            if finishing:
                _, end = drain(resume_sort(1, library))
                assert (end.record.done, end.record.failed) == (FILES, 0), number
                assert len(list((world / "out" / "sorted" / "alpaca").glob("*.jpg"))) == FILES
            else:
                _, end = drain(undo_sort(1, library))
                assert (end.record.state, end.record.left) == (SortState.UNDONE, 0), number
                names = [path.name for path in world.rglob("*.jpg")]
                assert sorted(names) == [f"{at:02}.jpg" for at in range(FILES)]
                assert not (world / "out" / "sorted").exists()
