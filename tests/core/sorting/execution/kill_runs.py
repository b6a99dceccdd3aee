"""Kills a sort at a chosen moment, as a crash would, and checks what is left, before and after a recovery.

`python -m tests.core.sorting.execution.kill_runs --points 1000` tries so many moments of each scenario and prints
what was lost.
A child process is forked for each; it counts what it does on the disk and in the journal, and kills itself before or
after the chosen deed, or is killed by its parent after some time.

Nothing waits for the disk here: what a killed process has written is not lost, and test_order.py proves what a power
cut must not lose. Syncing still counts as a deed to be killed at.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpacasorter.core import safe_write
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import SortEnded, SortEvent, SortState
from alpacasorter.core.sorting.execution import batch
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import list_sorts, open_sorts
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import SortPlan
from alpacasorter.core.store import library_schema
from alpacasorter.core.store.library import Library
from alpacasorter.core.store.library_file import LibraryFile
from tests.core.sorting.trees import Tree, library_at, plan_of, planned, tree, unit, write

ODD_NAME = os.fsdecode(b"gr\xfc\xdf \xff.jpg") if sys.platform == "linux" else "grüß.jpg"
DEEDS = ("link", "unlink", "replace", "rename", "fsync", "mkdir", "rmdir", "symlink", "utime", "chmod", "write", "open")
PHASES = ("sort", "finish", "roll back", "undo")
STUBBORN = "stubborn.jpg"


@dataclass(frozen=True)
class Scenario:
    """What is tried: an action, on one disk or across two, what the file systems can do, and what is killed."""

    action: Action
    other_disk: bool
    ways: str  # "link", "rename" or "guard": the best way to make a name that the file systems know
    phase: str
    files: int = 200

    @property
    def name(self) -> str:
        """How it is reported."""
        return f"{self.action}, {'two disks' if self.other_disk else 'one disk'}, {self.ways}, {self.phase}"


@dataclass
class Tally:
    """What came of the tries of one scenario."""

    name: str
    points: int = 0
    killed: int = 0
    losses: list[str] = field(default_factory=list)


def scenarios(files: int = 200) -> list[Scenario]:
    """Return all that can be tried on this machine."""
    found = []
    for action in Action:
        for other_disk in (False, True):
            for ways in ("link", "rename", "guard"):
                if action is Action.HARDLINK and (other_disk or ways != "link"):
                    continue
                if action is Action.SYMLINK and ways != "link":
                    continue
                if ways != "link" and other_disk and action is Action.COPY:
                    continue  # the same steps as on one disk
                found += [Scenario(action, other_disk, ways, phase, files) for phase in PHASES]
    return found


class World:
    """Folders to sort from and to, with a plan, on the disks of a scenario; and what is expected of both ends."""

    def __init__(self, scenario: Scenario, places: tuple[Path, Path]) -> None:
        """Make the files."""
        self.scenario = scenario
        self.base = Path(tempfile.mkdtemp(dir=places[0]))
        self.to = Path(tempfile.mkdtemp(dir=places[1] if scenario.other_disk else places[0]))
        self.library_folder = self.base / "library"
        self.source = self.base / "photos"
        self.destination = self.to / "sorted"
        self._fill()
        self.before = self._look()
        self.plan = self._make_plan()
        self.after = self._expected()

    def renew(self) -> None:
        """Forget all sorts. The files are as they were, or the last try would have said so."""
        shutil.rmtree(self.library_folder)

    def remove(self) -> None:
        """Take everything away."""
        shutil.rmtree(self.base)
        shutil.rmtree(self.to)

    def library(self) -> Library:
        """Open the library."""
        return library_at(self.library_folder)

    def _look(self) -> Tree:
        return tree(self.source, self.to)

    def _fill(self) -> None:
        photos = self.scenario.files - 45
        for number in range(photos):
            write(self.source / "roll" / f"IMG_{number:04}.jpg", f"photo {number} ".encode() * 40, number=number)
        for number in range(0, 60, 2):
            write(self.source / "roll" / f"IMG_{number:04}.xmp", f"sidecar {number}".encode(), number=number + 7)
        for number in range(10):
            # Names that recur in another folder.
            write(self.source / "again" / f"IMG_{number:04}.jpg", f"other photo {number}".encode(), number=number)
        write(self.source / "locked.jpg", b"may not be written", mode=0o444, number=3)
        write(self.source / "private.jpg", b"only for me", mode=0o600, number=4)
        write(self.source / ODD_NAME, b"a name that is no text", number=5)
        write(self.source / "empty.jpg", b"", number=6)
        write(self.source / "blocked.jpg", b"its companion can't go", number=8)
        write(self.source / "blocked.xmp", b"this one", number=9)
        # The second can't be taken away where it is, so the first has to come back.
        write(self.source / "first.jpg", b"goes and comes back", number=10)
        write(self.source / STUBBORN, b"does not leave", number=11)
        write(self.destination / "blocked.xmp", b"was there before", number=12)

    def _make_plan(self) -> SortPlan:
        target = self.destination / "alpaca" / "2026-05"
        units, used = [], set()
        singles = [
            path
            for path in sorted(self.source.rglob("*.jpg"))
            if path.name not in ("blocked.jpg", "first.jpg", STUBBORN)
        ]
        for path in singles:
            name = path.name if path.name not in used else f"{path.stem}_2{path.suffix}"
            used.add(name)
            place = target if len(used) % 3 else self.destination / "not alpaca"
            files = [planned(path, place / name)]
            sidecar = path.with_suffix(".xmp")
            if sidecar.exists():
                files.append(planned(sidecar, (place / name).with_suffix(".xmp"), key=False))
            units.append(unit(*files))
        units.insert(
            len(units) // 3,
            unit(
                planned(self.source / "blocked.jpg", target / "blocked.jpg"),
                planned(self.source / "blocked.xmp", self.destination / "blocked.xmp"),
            ),
        )
        units.insert(
            len(units) // 2,
            unit(
                planned(self.source / "first.jpg", target / "first.jpg"),
                planned(self.source / STUBBORN, target / STUBBORN),
            ),
        )
        return plan_of(self.source, self.destination, units, self.scenario.action)

    def _stays(self, source: Path) -> bool:
        if source.name.startswith("blocked"):
            return True
        leaves_names = self.scenario.action is Action.MOVE and (
            self.scenario.other_disk or self.scenario.ways == "link"
        )
        return leaves_names and source.name in ("first.jpg", STUBBORN)

    def _expected(self) -> Tree:
        """What the folders look like when the plan was done."""
        expected = dict(self.before)
        for folder in self.plan.new_folders:
            expected[str(folder)] = ("folder", "", 0, 0o755)
        for one in self.plan.units:
            for file in one.files:
                if self._stays(file.source):
                    continue
                entry = expected[str(file.source)]
                if self.scenario.action is Action.MOVE:
                    del expected[str(file.source)]
                if self.scenario.action is Action.SYMLINK:
                    entry = ("link", os.path.realpath(file.source), 0, 0)
                expected[str(file.target)] = entry
        return expected

    def losses_now(self) -> list[str]:
        """Say what is lost right after a kill: bytes that are nowhere, or anything else that was there before."""
        now = self._look()
        if self.scenario.action is not Action.MOVE:
            return [f"changed: {name}" for name, entry in self.before.items() if now.get(name) != entry]
        there = {entry[1] for entry in now.values() if entry[0] == "file"}
        lost = [name for name, entry in self.before.items() if entry[0] == "file" and entry[1] not in there]
        return [f"gone: {name}" for name in lost]

    def differences(self, wanted: Tree) -> list[str]:
        """Say how the folders differ from what is wanted."""
        now = self._look()
        markers = {name for name in now if Path(name).name == OUTPUT_MARKER}
        said = []
        if wanted is self.after:
            expected_markers = {str(folder / OUTPUT_MARKER) for folder in self.plan.output_folders}
            if markers != expected_markers:
                said.append(f"markers: {sorted(markers)} instead of {sorted(expected_markers)}")
            now = {name: entry for name, entry in now.items() if name not in markers}
        said += [
            f"{name}: {now.get(name)} instead of {wanted.get(name)}"
            for name in sorted(now.keys() | wanted.keys())
            if now.get(name) != wanted.get(name)
        ]
        return said


class Killer:
    """Counts deeds, and kills this process before (even numbers) or after (odd ones) a chosen one."""

    def __init__(self, at: int | None) -> None:
        """Choose the moment; None counts only."""
        self.at = at
        self.deeds = 0

    def around(self, deed: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same deed, counted."""

        def counted(*args: Any, **keywords: Any) -> Any:
            self._moment()
            result = deed(*args, **keywords)
            self._moment()
            return result

        return counted

    def arm(self) -> None:
        """Count everything from now on that this process does on the disk and in the journal."""
        for name in DEEDS:
            setattr(os, name, self.around(getattr(os, name)))
        LibraryFile.write = self.around(LibraryFile.write)  # type: ignore[method-assign]
        system = safe_write._system_rename()
        if system is not None:
            counted = self.around(system)
            safe_write._system_rename = lambda: counted  # type: ignore[assignment]

    def _moment(self) -> None:
        if self.deeds == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.deeds += 1


def simulate(ways: str) -> None:
    """Make the file systems here know only some ways, never sync, and keep one file that can't be removed."""
    link, unlink, open_database = os.link, os.unlink, library_schema.connect

    def open_without_sync(*args: Any, **keywords: Any) -> sqlite3.Connection:
        connection = open_database(*args, **keywords)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    library_schema.connect = open_without_sync  # type: ignore[attr-defined]
    os.fsync = lambda _handle: None  # type: ignore[assignment]

    def no_link(*_args: object, **_keywords: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    def stubborn(path: Any, *args: Any, **keywords: Any) -> None:
        if Path(path).name == STUBBORN and Path(path).parent.name == "photos":
            raise PermissionError(errno.EACCES, "stubborn")
        unlink(path, *args, **keywords)

    os.link = link if ways == "link" else no_link  # type: ignore[assignment]
    os.unlink = stubborn  # type: ignore[assignment]
    if ways == "guard":
        safe_write._system_rename = lambda: None  # type: ignore[assignment]
    # Smaller batches, so that there are more of them.
    batch.FILES = 24  # type: ignore[misc]


def run(events: Iterator[SortEvent]) -> SortEnded:
    """Do all of a run."""
    end = list(events)[-1]
    assert isinstance(end, SortEnded)
    return end


def in_child(work: Callable[[], object], at: int | None = None, *, after: float | None = None) -> bool:
    """Do something in a process that is killed at a moment; tell whether it was."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            Killer(at).arm()
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001  # nothing of the parent may run on in the child
            sys.stderr.write(f"{error!r}\n")
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed"
    return False


class Trial:
    """One try: a fresh world, a kill, and both ways out."""

    def __init__(self, world: World) -> None:
        """Try in this world."""
        self.world = world
        self.losses: list[str] = []

    def sort(self) -> None:
        """Do the plan."""
        with self.world.library() as library:
            run(run_sort(self.world.plan, library))

    def finish(self) -> None:
        """Finish what is open."""
        with self.world.library() as library:
            for record in open_sorts(library):
                run(resume_sort(record.number, library))

    def take_back(self) -> None:
        """Roll back or undo the sort."""
        with self.world.library() as library:
            run(undo_sort(1, library))

    def prepare(self, start: int) -> Callable[[], None]:
        """Bring the world to where the phase begins, and return what is to be killed."""
        phase = self.world.scenario.phase
        if phase == "sort":
            return self.sort
        if phase == "undo":
            in_child(self.sort)
            return self.take_back
        in_child(self.sort, start)
        self._check("before the second kill", self.world.losses_now())
        return self.finish if phase == "finish" else self.take_back

    def recover(self, *, finishing: bool) -> None:
        """Take one way out, and look whether all is as it should be."""
        self._check("after the kill", self.world.losses_now())
        with self.world.library() as library:
            records = open_sorts(library)
            if not records:
                self._without_open_sort(library)
                return
            record = records[0]
            undoing = record.state is SortState.UNDOING
            way = resume_sort if finishing else undo_sort
            end = run(way(record.number, library))
            if end.problem or end.stopped:
                self.losses.append(f"not recovered: {end.problem}")
            forward = finishing and not undoing
            self._check("after Finish" if forward else "after Roll back", self._differences(forward=forward))
            if forward:
                self._without_open_sort(library)

    def _without_open_sort(self, library: Library) -> None:
        """All was done, or nothing was begun: then it must be possible to undo it."""
        finished = [record for record in list_sorts(library) if record.state is SortState.FINISHED]
        if finished:
            self._check("at the end", self._differences(forward=True))
            run(undo_sort(finished[0].number, library))
        self._check("after Undo", self._differences(forward=False))

    def _differences(self, *, forward: bool) -> list[str]:
        return self.world.differences(self.world.after if forward else self.world.before)

    def _check(self, when: str, said: list[str]) -> None:
        self.losses += [f"{when}: {one}" for one in said]


def count_deeds(scenario: Scenario, places: tuple[Path, Path]) -> tuple[int, int, float]:
    """Return how many deeds the sort of a scenario has, how many the killed phase has, and how long it takes."""
    world = World(scenario, places)
    sorting, seconds = _counted_in_child(Trial(world).sort)
    deeds = sorting
    if scenario.phase == "undo":
        deeds, seconds = _counted_in_child(Trial(world).take_back)
    elif scenario.phase != "sort":
        world.remove()
        world = World(scenario, places)
        deeds, seconds = _counted_in_child(Trial(world).prepare(sorting // 2))
    world.remove()
    return sorting, deeds, seconds


def _counted_in_child(work: Callable[[], object]) -> tuple[int, float]:
    """Do something in a child process; return its number of deeds, and for how many seconds it ran."""
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        killer = Killer(None)
        tell = os.write
        try:
            killer.arm()
            work()
            tell(writing, str(killer.deeds).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    seconds = time.monotonic() - began
    with os.fdopen(reading) as pipe:
        return int(pipe.read()), seconds


def try_scenario(scenario: Scenario, places: tuple[Path, Path], points: int, *, timed: int = 0) -> Tally:
    """Kill one scenario at so many moments spread over its deeds, and some more spread over its time."""
    simulate(scenario.ways)
    tally = Tally(scenario.name)
    before, deeds, seconds = count_deeds(scenario, places)
    chance = random.Random(scenario.name)
    world = World(scenario, places)
    for number in range(points + timed):
        at = None if number >= points else min((2 * number + 1) * deeds // (2 * points), deeds - 1)
        after = None if at is not None else (number - points + 0.5) / timed * seconds
        trial = Trial(world)
        # So that enough is left to do in the phase under test.
        start = chance.randrange(before // 2)
        work = trial.prepare(before - 1 - start if scenario.phase == "roll back" else start)
        killed = in_child(work, at, after=after)
        trial.recover(finishing=number % 2 == 0)
        world.renew()
        tally.points += 1
        tally.killed += killed
        moment = f"deed {at} of {deeds}" if at is not None else f"{after} s of {seconds}"
        if trial.losses:
            tally.losses += [f"{scenario.name}, {moment}: {loss}" for loss in trial.losses[:3]]
            world.remove()
            world = World(scenario, places)
    world.remove()
    return tally


def main() -> None:
    """Run the scenarios given on the command line, and print the results as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--timed", type=int, default=0)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--only", default="", help="words that the name of a scenario must have")
    parser.add_argument("--place", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--other-place", type=Path, default=Path("/dev/shm"))
    options = parser.parse_args()
    for scenario in scenarios(options.files):
        if options.only in scenario.name:
            child = os.fork()
            if child == 0:
                tally = try_scenario(
                    scenario, (options.place, options.other_place), options.points, timed=options.timed
                )
                sys.stdout.write(json.dumps(vars(tally)) + "\n")
                sys.stdout.flush()
                os._exit(0)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
