"""`alpacasorter watch` in its own process, with files that arrive, move and go while it runs."""

import json
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.core import reasons
from tests.cli.commands import Commands, Done, program
from tests.cli.sort.sorting import CPU, library, names, put
from tests.engines import fill_fast
from tests.picture_files import make_picture, picture_bytes

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a process on Windows can't be ended like this")
SECONDS = 60.0


class Watching:
    """A watch in its own process."""

    def __init__(self, *arguments: object) -> None:
        self.process = program("watch", *arguments, *CPU)
        assert self.process.stdout is not None
        self._stream = self.process.stdout
        self._rest = b""
        self.lines: list[str] = []

    def _more(self, deadline: float) -> bytes:
        ready, _, _ = select.select([self._stream], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing came any more after {self.lines}"
        return os.read(self._stream.fileno(), 65536)

    def line(self) -> str:
        """Return the next line."""
        deadline = time.monotonic() + SECONDS
        while b"\n" not in self._rest:
            data = self._more(deadline)
            assert data, f"it ended after {self.lines}: {self.process.stderr and self.process.stderr.read().decode()}"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        self.lines.append(line.decode("utf-8", "surrogateescape"))
        return self.lines[-1]

    def event(self, event: str, path: Path | None = None) -> dict[str, Any]:
        """Return the next event of a kind, about a photo if one is given."""
        while True:
            told: dict[str, Any] = json.loads(self.line())
            if told["event"] == event and path in (None, Path(told["path"])):
                return told

    def end(self, number: signal.Signals = signal.SIGTERM) -> Done:
        """End it by a signal; `out` is what came since the last line."""
        self.process.send_signal(number)
        with self.process:
            assert self.process.stderr is not None
            out, deadline = self._rest, time.monotonic() + SECONDS
            while data := self._more(deadline):
                out += data
            err = self.process.stderr.read()
        return Done(self.process.returncode, out.decode(), err.decode())


@pytest.fixture
def watch() -> Iterator[Callable[..., Watching]]:
    """Start watches, which are killed at the end if they still run."""
    started: list[Watching] = []

    def start(*arguments: object) -> Watching:
        started.append(Watching(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        with one.process:
            pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos, one of them in a sub-folder, and a broken one."""
    put(tmp_path / "a hike 🦙" / "a.jpg", "alpaca", seed=1)
    put(tmp_path / "a hike 🦙" / "day 2" / "b.jpg", None, seed=2)
    make_picture(tmp_path / "a hike 🦙" / "broken.jpg", kind="truncated_jpeg")
    return tmp_path / "a hike 🦙"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "the following arguments are required: FOLDER"),
        (["{folder}", "--csv"], 2, "unrecognized arguments"),
        (["{folder}", "--action", "copy"], 2, "--action has no effect without --into DIR."),
        (
            ["{folder}", "--min-confidence", "0.9", "--only", "alpaca"],
            2,
            "--only and --min-confidence have no effect without --into DIR.",
        ),
        (["{folder}", "--into", "{folder}/out", "--pattern", "{{x}}"], 2, "unknown field"),
        (["{folder}", "--into", "{folder}/out", "--only", "goat", "--device", "cpu"], 2, "has no label “goat”"),
        (["{folder}/none"], 1, reasons.sentence(reasons.FOLDER_MISSING)),
    ],
)
def test_what_cannot_be_watched(run: Commands, folder: Path, options: list[str], code: int, words: str) -> None:
    done = run("watch", *(option.format(folder=folder) for option in options))
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_what_is_there_comes_first_as_a_scan_prints_it(
    run: Commands, watch: Callable[..., Watching], folder: Path
) -> None:
    run("scan", folder, *CPU)  # the correction is learned from
    expected = [json.loads(line) for line in run("scan", folder, "--json", *CPU).out.splitlines()]
    watching = watch(folder, "--json")
    told = [json.loads(watching.line()) for _ in range(4)]
    events = [one.pop("event") for one in told]
    assert events == ["judged", "problem", "judged", "online"]
    assert told[:3] == [pytest.approx(row, abs=2e-6) for row in expected]
    assert told[3] == {"path": str(folder), "notice": None}
    done = watching.end()
    assert (done.code, done.out) == (0, "")
    assert str(folder) in done.err
    assert "Ctrl+C" in done.err


def test_arriving_moving_and_going(watch: Callable[..., Watching], folder: Path) -> None:
    watching = watch(folder, "--json", "--quiet", "--new-only")
    assert json.loads(watching.line())["event"] == "online"
    new = put(folder / "day 2" / "new.jpg", None, seed=3)
    told = watching.event("judged", new)
    assert (told["status"], told["width"], told["corrected"]) == ("ok", 96, False)
    assert 0 <= told["probability"] <= 1
    new.rename(folder / "renamed.jpg")
    assert watching.event("renamed")["before"] == str(new)
    assert Path(json.loads(watching.lines[-1])["path"]) == folder / "renamed.jpg"
    make_picture(folder / "bad.jpg", kind="truncated_jpeg")
    assert watching.event("problem", folder / "bad.jpg")["reason"] == reasons.sentence(reasons.TRUNCATED)
    (folder / "a.jpg").unlink()
    watching.event("gone", folder / "a.jpg")
    done = watching.end(signal.SIGINT)
    assert (done.code, done.err) == (130, "")
    with library() as opened:
        assert list(opened.path.with_name("backups").iterdir()), "the library was closed in order"


def test_lines_for_people(watch: Callable[..., Watching], folder: Path) -> None:
    watching = watch(folder)
    assert watching.line().split() == ["Alpaca", "you", *str(folder / "a.jpg").split()]
    assert watching.line().startswith("Unreadable")
    assert watching.line().endswith("b.jpg")
    put(folder / "new.jpg", None, seed=3)
    assert watching.line().endswith(str(folder / "new.jpg"))
    (folder / "new.jpg").rename(folder / "newer.jpg")
    assert watching.line() == f"Renamed: {folder / 'new.jpg'} → {folder / 'newer.jpg'}"
    assert watching.end().code == 0


def test_without_sub_folders(watch: Callable[..., Watching], folder: Path) -> None:
    watching = watch(folder, "--json", "--no-recursive", "--new-only")
    watching.event("online")
    put(folder / "day 2" / "below.jpg", None, seed=3)
    put(folder / "new.jpg", None, seed=4)
    assert watching.event("judged")["path"] == str(folder / "new.jpg")
    assert "below" not in watching.end().out


def test_a_folder_that_goes_away_and_comes_back(watch: Callable[..., Watching], folder: Path, tmp_path: Path) -> None:
    watching = watch(folder, "--json", "--new-only")
    watching.event("online")
    folder.rename(tmp_path / "away")
    told = watching.event("offline")
    assert told["path"] == str(folder)
    assert "waits until it is back" in told["notice"]
    put(tmp_path / "away" / "new.jpg", None, seed=6)
    (tmp_path / "away").rename(folder)
    watching.event("online")
    watching.event("judged", folder / "new.jpg")
    assert not [line for line in watching.lines if '"gone"' in line], "offline is not deleted"
    done = watching.end()
    assert done.code == 0
    assert "waits until it is back" in done.err


def test_many_at_once(watch: Callable[..., Watching], folder: Path, tmp_path: Path) -> None:
    watching = watch(folder, "--json", "--new-only")
    watching.event("online")
    picture = picture_bytes(seed=7)
    (tmp_path / "card").mkdir()
    for number in range(80):
        # Decoders pass over what comes after the end of a JPEG.
        (tmp_path / "card" / f"{number}.jpg").write_bytes(picture + number.to_bytes(2, "big"))
    shutil.copytree(tmp_path / "card", folder / "card")
    told = {Path(watching.event("judged")["path"]).name for _ in range(80)}
    assert len(told) == 80


def test_sorting_as_they_arrive(run: Commands, watch: Callable[..., Watching], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sorted"
    new = put(tmp_path / "card" / "new.jpg", "alpaca", seed=8)
    new.with_suffix(".CR3").write_bytes(b"raw")
    watching = watch(folder, "--json", "--into", out, "--name", "alpaca=Paco")
    watching.event("online")
    for name in ("new.jpg", "new.CR3"):
        shutil.copy2(new.with_name(name), folder)
    watching.event("judged", folder / "new.jpg")
    told = [watching.event("sorted") for _ in range(2)]
    assert {one["path"] for one in told} == {str(out / "Paco" / name) for name in ("new.jpg", "new.CR3")}
    assert {one["before"] for one in told} == {str(folder / name) for name in ("new.jpg", "new.CR3")}
    assert {one["sort"] for one in told} == {1}
    assert watching.end().code == 0
    assert names(out) == {"Paco/new.jpg", "Paco/new.CR3"}
    # What was there before was not sorted.
    assert names(folder) == {"a.jpg", "day 2/b.jpg", "broken.jpg"}
    assert not [line for line in watching.lines if '"gone"' in line]
    assert run("sort", "--undo").code == 0
    assert names(folder) == {"a.jpg", "day 2/b.jpg", "broken.jpg", "new.jpg", "new.CR3"}


def test_ctrl_c_during_the_first_look(watch: Callable[..., Watching], tmp_path: Path) -> None:
    fill_fast(tmp_path, 400, size=(1600, 1200))
    watching = watch(tmp_path, "--json")
    watching.event("judged")
    done = watching.end(signal.SIGINT)
    assert done.code == 130
    assert "Traceback" not in done.err


def test_the_reader_may_stop_reading(watch: Callable[..., Watching], folder: Path) -> None:
    watching = watch(folder, "--json", "--new-only", "--quiet")
    watching.event("online")
    assert watching.process.stdout is not None
    watching.process.stdout.close()
    put(folder / "new.jpg", None, seed=9)
    assert watching.process.wait(SECONDS) == 0
    assert watching.process.stderr is not None
    assert watching.process.stderr.read() == b""
