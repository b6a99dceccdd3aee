"""What a power failure requires: nothing is removed before its replacement has been flushed to the disk."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.core import safe_write
from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.journal import Journal
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.store.library_file import LibraryFile
from tests.core.sorting.trees import drain, library_at, moves, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders can't be synced on Windows")

OTHER_DISK = Path("/dev/shm")
Deed = tuple[str, str]


@pytest.fixture
def deeds(monkeypatch: pytest.MonkeyPatch) -> list[Deed]:
    """Everything that is done on the disk and in the journal, in its order."""
    told: list[Deed] = []
    real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("link", "unlink", "fsync", "symlink")}

    def link(source: Any, target: Any, **keywords: Any) -> None:
        real["link"](source, target, **keywords)
        told.append(("name", os.fspath(target)))

    def symlink(source: Any, target: Any, *others: Any) -> None:
        real["symlink"](source, target, *others)
        told.append(("name", os.fspath(target)))

    def unlink(path: Any, **keywords: Any) -> None:
        told.append(("unlink", os.fspath(path)))
        real["unlink"](path, **keywords)

    def fsync(handle: int) -> None:
        told.append(("sync", str(Path(f"/proc/self/fd/{handle}").readlink())))
        real["fsync"](handle)

    def write_journal(file: LibraryFile, work: Any) -> Any:
        result = real_write(file, work)
        told.append(("commit", ""))
        return result

    real_write = LibraryFile.write
    if not Path("/proc/self/fd").exists():
        pytest.skip("which file is synced can't be told here")
    for name, deed in (("link", link), ("symlink", symlink), ("unlink", unlink), ("fsync", fsync)):
        monkeypatch.setattr(os, name, deed)
    monkeypatch.setattr(LibraryFile, "write", write_journal)
    return told


def positions(deeds: list[Deed], deed: Deed) -> list[int]:
    return [place for place, one in enumerate(deeds) if one == deed]


@pytest.mark.parametrize("other_disk", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_a_file_is_taken_away_only_when_its_new_name_is_on_the_disk(
    tmp_path: Path, deeds: list[Deed], other_disk: bool, back: bool
) -> None:
    if other_disk and (not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev):
        pytest.skip("there is no second disk here")
    base = Path(os.path.realpath(tmp_path))
    out = OTHER_DISK / f"alpacasorter-{os.getpid()}-{base.name}" if other_disk else base / "out"
    for number in range(5):
        write(base / "photos" / f"{number}.jpg", b"photo %d" % number)
    out.mkdir()
    try:
        with library_at(base / "library") as library:
            drain(run_sort(moves(base / "photos", out / "sorted"), library))
            if back:
                deeds.clear()
                drain(undo_sort(1, library))
    finally:
        for path in sorted(out.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        out.rmdir()
    ends = (base / "photos", out / "sorted" / "alpaca")
    origin, goal = ends[::-1] if back else ends
    for number in range(5):
        taken = positions(deeds, ("unlink", str(origin / f"{number}.jpg")))[0]
        named = positions(deeds, ("name", str(goal / f"{number}.jpg")))[0]
        assert named < taken
        # The folder of the new name is synced first, then that of the old name; then the result is committed.
        assert ("sync", str(goal)) in deeds[named:taken]
        synced = next(place for place in positions(deeds, ("sync", str(origin))) if place > taken)
        assert ("commit", "") in deeds[synced:]
        # An intent came before all of it.
        assert ("commit", "") in deeds[:named]
        if other_disk:
            temp = next(
                path
                for deed, path in deeds
                if deed == "sync" and path.endswith((f"-{number}.part", f"-{number}-back.part"))
            )
            written = positions(deeds, ("sync", temp))
            assert written[-1] < named
            # That there is a whole copy is committed before it gets its name; the temporary name goes last.
            assert ("commit", "") in deeds[written[-1] : named]
            dropped = positions(deeds, ("unlink", temp))[-1]
            assert ("commit", "") in deeds[synced:dropped]


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.SYMLINK])
def test_what_is_made_is_on_the_disk_before_it_counts_as_done(
    tmp_path: Path, deeds: list[Deed], action: Action
) -> None:
    base = Path(os.path.realpath(tmp_path))
    write(base / "photos" / "0.jpg", b"photo")
    (base / "out").mkdir()
    with library_at(base / "library") as library:
        drain(run_sort(moves(base / "photos", base / "out" / "sorted", action), library))
    goal = base / "out" / "sorted" / "alpaca"
    named = positions(deeds, ("name", str(goal / "0.jpg")))[0]
    synced = next(place for place in positions(deeds, ("sync", str(goal))) if place > named)
    assert ("commit", "") in deeds[:named]
    assert ("commit", "") in deeds[synced:]
    assert ("commit", "") not in deeds[named:synced]


def test_a_guard_is_announced_before_it_is_written(
    tmp_path: Path, deeds: list[Deed], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "photos" / "0.jpg", b"photo")
    (tmp_path / "out").mkdir()
    announced: list[str] = []

    def no_link(*_paths: object, **_keywords: object) -> None:
        raise PermissionError(1, "no links here")

    real = safe_write._replace_guard

    def guard(file: Path, name: Path, text: bytes) -> None:
        announced.extend(step.way or "" for step in library_steps())
        real(file, name, text)

    with library_at(tmp_path / "library") as library:

        def library_steps() -> list[Any]:
            journal = Journal(library)
            return journal.unsettled(journal.sort(1).uid)

        monkeypatch.setattr(os, "link", no_link)
        monkeypatch.setattr(safe_write, "_system_rename", lambda: None)
        monkeypatch.setattr(safe_write, "_replace_guard", guard)
        drain(run_sort(moves(tmp_path / "photos", tmp_path / "out" / "sorted"), library))
    assert announced == ["move/guard"]
