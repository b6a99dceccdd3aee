"""`alpacasorter sort`: plan, sort, history, undo; interrupted in every way, in separate processes."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import SortEnded
from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.execution.session import sort_lock
from alpacasorter.core.sorting.planning import planner
from tests.cli.commands import Commands, Done, finish, program
from tests.cli.sort.sorting import CPU, hike, library, names, put, say, tree
from tests.engines import fill_fast, run_python
from tests.picture_files import corner_picture, encode, exif_block, make_picture

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
RESUME, ROLLBACK = "“alpacasorter sort --resume 1”", "“alpacasorter sort --rollback 1”"
SORTED = {
    *(f"Alpaca/IMG_{n}.{ending}" for n in range(3) for ending in ("jpg", "CR3", "xmp")),
    *(f"Not alpaca/IMG_{n}.jpg" for n in (3, 4)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three alpacas with two companions each, two other photos in a sub-folder, and a diary."""
    return hike(tmp_path / "a hike 🦙")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where to; not there yet."""
    return tmp_path / "sorted"


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on another file system."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def sort(run: Commands, folder: Path, out: Path, *options: object) -> Done:
    return run("sort", folder, "--into", out, *CPU, *options)


def objects(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


# Wrong usage


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "alpacasorter sort FOLDER --into DIR"),
        (["--into", "x"], "alpacasorter sort FOLDER --into DIR"),
        (["--json"], "alpacasorter sort FOLDER --into DIR"),
        (["--undo", "--history"], "not allowed with"),
        (["--undo", "--resume"], "not allowed with"),
        (["--undo", "0"], "is not the number of a sort"),
        (["--undo", "latest"], "is not the number of a sort"),
        (["--history", "--into", "x"], "can't be combined with --into."),
        (["--undo", "--into", "x", "--dry-run"], "can't be combined with --into or --dry-run."),
        (["--resume", "--model", "x"], "can't be combined with --model."),
        (["--rollback", "--device", "cpu"], "can't be combined with --device."),
        (["--nonsense"], "unrecognized arguments"),
        (["", "--into", "x"], "argument FOLDER: "),
    ],
)
def test_wrong_usage(run: Commands, options: list[str], words: str) -> None:
    done = run("sort", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--action", "delete"], "'delete' (choose from 'move', 'copy', 'hardlink', 'symlink')"),
        (["--min-confidence", "80"], "argument --min-confidence: "),
        (["--min-confidence", "nan"], "argument --min-confidence: "),
        (["--unsure", "delete"], "'delete' (choose from 'leave', 'folder')"),
        (["--into", ""], "argument --into: "),
        (["--unsure", "leave", "--unsure-folder", "Later"], "--unsure-folder can't be combined with --unsure leave"),
        (["--unsure-folder", " "], "is not a folder name"),
        (["--pattern", "{nonsense}"], "unknown field"),
        (["--pattern", ""], "The pattern is empty"),
        (["--name", "alpaca"], "LABEL=FOLDER"),
        (["--name", "alpaca="], "LABEL=FOLDER"),
        (["--clock", "Canon"], "CAMERA=OFFSET"),
        (["--clock", "=+01:00", "--pattern", "{taken}"], "CAMERA=OFFSET"),
        (["--clock", "Canon=soon", "--pattern", "{taken}"], "CAMERA=OFFSET"),
        (["--clock", "Canon=+01:00"], "--clock affects only {taken}"),
        (["--name", "goat=Goats"], "has no label “goat”. Its labels are alpaca and not_alpaca."),
        (["--only", "goat"], "has no label “goat”"),
        (["--undo"], "can't be combined with FOLDER or --into."),
        (["--exclude", "."], "would leave out everything"),
        (["--exclude", "./"], "would leave out everything"),
        (["--exclude", "?*"], "would leave out everything"),
        (["--exclude", "*.*"], "would leave out everything"),
        (["--exclude", "{folder}"], "is the folder itself or contains it"),
        (["--exclude", "{folder}/.."], "contains “..”"),
        (["--exclude", "{parent}/"], "is the folder itself or contains it"),
    ],
)
def test_wrong_options_of_a_sort(run: Commands, folder: Path, out: Path, options: list[str], words: str) -> None:
    before = tree(folder)
    options = [one.replace("{folder}", str(folder)).replace("{parent}", str(folder.parent)) for one in options]
    done = run("sort", folder, "--into", out, *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert tree(folder) == before
    assert not out.exists()


def test_a_folder_that_is_not_there(run: Commands, tmp_path: Path, out: Path) -> None:
    done = sort(run, tmp_path / "none", out)
    assert (done.code, done.out) == (2, "")
    assert "can't be opened" in done.err


def test_help(run: Commands) -> None:
    out = run("sort", "--help").out
    assert "exit codes: 0" in out
    assert "--rollback" in out
    assert "{label}/{taken:%Y-%m}" in out


# The clock of a camera


@pytest.fixture
def dated(folder: Path) -> Path:
    """The folder, with two alpacas by a Canon and an iPhone at ten to midnight."""
    labels = {}
    for name, make, model in (("c.jpg", "Canon", "Canon EOS R5"), ("i.jpg", "Apple", "iPhone 12")):
        exif = exif_block(taken="2024:12:31 23:50:00")
        exif[0x010F], exif[0x0110] = make, model
        (folder / name).write_bytes(encode(corner_picture(), "JPEG", exif=exif))
        labels[content_key((folder / name).read_bytes())] = "alpaca"
    say(labels)
    return folder


@pytest.mark.parametrize(
    "clock",
    ["canon eos r5=+00:15", "Canon EOS R5 = +15:00 ", "c.jpg=2025-01-01 00:05:00", "{folder}/c.jpg=2025:01:01 00:05"],
)
def test_the_clock_of_a_camera_is_put_right(run: Commands, dated: Path, out: Path, clock: str) -> None:
    before = (dated / "c.jpg").read_bytes()
    done = sort(run, dated, out, "--pattern", "{taken:%Y}", "--clock", clock.replace("{folder}", str(dated)))
    assert done.code == 0
    assert "1 photo by Canon EOS R5: the clock is corrected by +" in done.out.replace("canon eos r5", "Canon EOS R5")
    assert (out / "2025" / "c.jpg").read_bytes() == before
    assert (out / "2024" / "i.jpg").is_file()
    with library() as opened:
        options = json.loads(
            opened.read(lambda connection: connection.execute("SELECT options FROM sorts").fetchone()[0])
        )
    assert list(options["clocks"].values()) in ([900], [54000])
    assert run("sort", "--undo").code == 0
    assert (dated / "c.jpg").read_bytes() == before


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ("Nikon=+01:00", "No photo was taken by “Nikon”. The cameras are: Apple iPhone 12 and Canon EOS R5."),
        ("z.jpg=2025-01-01 00:05", "There is no photo “z.jpg” in the folder."),
        ("IMG_0.jpg=2025-01-01 00:05", "“IMG_0.jpg” doesn't say when it was taken, or by which camera."),
    ],
)
def test_a_clock_that_no_photo_was_taken_by(run: Commands, dated: Path, out: Path, clock: str, words: str) -> None:
    done = sort(run, dated, out, "--pattern", "{taken:%Y}", "--clock", clock)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert not out.exists()


def test_a_clock_needs_a_camera_not_only_a_date(run: Commands, dated: Path, out: Path) -> None:
    taken = encode(corner_picture((80, 60)), "JPEG", exif=exif_block(taken="2024:05:01 12:30:00"))
    (dated / "E1.JPG").write_bytes(taken)
    done = sort(run, dated, out, "--pattern", "{taken:%Y}", "--clock", "E1.JPG=2025-01-01 00:05")
    assert (done.code, done.out) == (2, "")
    assert "“E1.JPG” doesn't say by which camera it was taken." in done.err


# The plan


def test_where_patterns_leave_nothing_the_plan_says_so(run: Commands, folder: Path, out: Path) -> None:
    names = {path.suffix for path in folder.rglob("*") if path.is_file()}
    done = sort(run, folder, out, "--dry-run", "--quiet", *(f"--exclude=*{one}" for one in names))
    assert (done.code, done.err) == (0, "")
    assert "are left out, as you chose." in done.out
    assert "earlier sort" not in done.out


def test_a_dry_run_creates_nothing(run: Commands, folder: Path, out: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    done = sort(run, folder, out, "--dry-run", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert "Alpaca      3 photos · 6 companion files" in done.out
    assert "Not alpaca  2 photos" in done.out
    assert tree(tmp_path) == before
    assert run("sort", "--history").out.count("\n") == 1
    assert run("sort", "--history", "--json").out == ""


def test_a_dry_run_as_json(run: Commands, folder: Path, out: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    done = sort(run, folder, out, "--dry-run", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    *files, summary = objects(done)
    assert {Path(file["target"]).relative_to(out).as_posix() for file in files} == SORTED
    assert {file["status"] for file in files} == {"planned"}
    assert sum(file["companion"] for file in files) == 6
    assert (summary["type"], summary["number"], summary["state"], summary["files"]) == ("summary", None, "planned", 11)
    assert summary["photos"]["go"] == 5
    assert tree(tmp_path) == before


def test_options_reach_the_plan(run: Commands, folder: Path, out: Path) -> None:
    options = ("--name", "ALPACA=Paco", "--only", "Alpaca", "--pattern", "{taken:%Y}/{label}", "--no-recursive")
    done = sort(run, folder, out, "--dry-run", "--json", *options)
    *files, summary = objects(done)
    assert {Path(file["target"]).relative_to(out).parent.as_posix() for file in files} == {"Undated/Paco"}
    assert {file["label"] for file in files} == {"alpaca"}
    assert summary["photos"]["go"] == 3


def test_unsure_and_unreadable_photos(run: Commands, folder: Path, out: Path) -> None:
    put(folder / "doubtful.jpg", None, seed=90)
    make_picture(folder / "broken.jpg", kind="truncated_jpeg")
    *files, _ = objects(sort(run, folder, out, "--dry-run", "--json", "--min-confidence", 1))
    left = {file["source"]: file for file in files}
    doubtful, broken = left[str(folder / "doubtful.jpg")], left[str(folder / "broken.jpg")]
    assert (doubtful["group"], doubtful["outcome"], doubtful["target"]) == ("unsure", "stays", None)
    assert (broken["group"], broken["outcome"], broken["target"]) == ("unreadable", "stays", None)
    assert doubtful["status"] == broken["status"] == "nothing to do"
    options = ("--min-confidence", 1, "--unsure", "folder", "--unreadable-folder", "Broken")
    *files, _ = objects(sort(run, folder, out, "--dry-run", "--json", *options))
    targets = {file["source"]: file["target"] for file in files}
    assert targets[str(folder / "doubtful.jpg")] == str(out / "Unsure" / "doubtful.jpg")
    assert targets[str(folder / "broken.jpg")] == str(out / "Broken" / "broken.jpg")


def test_the_plan_is_the_same_every_time(run: Commands, tmp_path: Path, out: Path) -> None:
    for number in range(8):
        # The same name everywhere, and those that take longest first.
        put(tmp_path / "photos" / str(number) / "a.jpg", "alpaca", seed=number, size=(1200 - 100 * number, 800))
    first = objects(sort(run, tmp_path / "photos", out, "--dry-run", "--json"))
    again = objects(sort(run, tmp_path / "photos", out, "--dry-run", "--json"))
    assert [file["target"] for file in first[:-1]] == [file["target"] for file in again[:-1]]
    assert len({file["target"] for file in first[:-1]}) == 8
    assert sum(file["renamed"] is not None for file in first[:-1]) == 7


def test_too_little_space_stops_it(
    run: Commands, folder: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planner, "free_bytes", lambda _: 1000)
    before = tree(tmp_path)
    done = sort(run, folder, out, "--action", "copy", "--quiet")
    assert done.code == 1
    complaints = done.err.splitlines()
    assert len(complaints) == 2
    assert complaints[0].removeprefix("alpacasorter: ") in done.out
    assert complaints[1] == "alpacasorter: Nothing was done."
    *files, summary = objects(sort(run, folder, out, "--action", "copy", "--json", "--quiet"))
    assert {file["status"] for file in files} == {"planned"}
    assert (summary["number"], summary["remarks"][0]["serious"]) == (None, True)
    assert sort(run, folder, out, "--action", "copy", "--dry-run").code == 1
    assert tree(tmp_path) == before
    # Moving needs no space.
    assert sort(run, folder, out).code == 0


def test_photos_that_cannot_go(run: Commands, folder: Path, tmp_path: Path, other_disk: Path) -> None:
    before = tree(tmp_path)
    done = sort(run, folder, other_disk / "out", "--action", "hardlink")
    assert done.code == 1
    assert "5 photos can't be linked." in done.out
    assert "Nothing to link." in done.out
    assert tree(tmp_path) == before
    assert not (other_disk / "out").exists()


def test_a_destination_that_is_a_file(run: Commands, folder: Path) -> None:
    done = sort(run, folder, folder / "diary.txt", "--quiet")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "is a file" in done.err


# Sort, history, undo


def test_sort_and_undo(run: Commands, folder: Path, out: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    done = sort(run, folder, out)
    assert done.code == 0
    assert names(out) == SORTED
    assert names(folder) == {"diary.txt"}
    assert "Sort 1: 11 files were moved to" in done.out
    assert ": alpacasorter sort --undo 1\n" in done.out
    history = run("sort", "--history")
    assert (history.code, history.err) == (0, "")
    assert len(history.out.splitlines()) == 2
    assert "Done" in history.out
    (record,) = objects(run("sort", "--history", "--json"))
    assert (record["number"], record["state"], record["files"], record["done"]) == (1, "finished", 11, 11)
    assert record["open"] is False
    undone = run("sort", "--undo")
    assert undone.code == 0
    assert undone.out.startswith("Sort 1: Undone.")
    assert tree(tmp_path) == before
    assert objects(run("sort", "--history", "--json"))[0]["state"] == "undone"


def test_json_tells_every_file_once(run: Commands, folder: Path, out: Path) -> None:
    put(folder / "doubtful.jpg", None, seed=90)
    done = sort(run, folder, out, "--json", "--quiet", "--min-confidence", 1)
    assert (done.code, done.err) == (0, "")
    *files, summary = objects(done)
    assert all(list(file) == list(files[0]) for file in files)
    assert len({file["source"] for file in files}) == len(files) == 12
    assert {file["status"] for file in files if file["outcome"] == "go"} == {"done"}
    for file in files:
        assert Path(file["target"] or file["source"]).exists()
    assert (summary["number"], summary["state"], summary["done"], summary["failed"]) == (1, "finished", 11, 0)
    undone = objects(run("sort", "--undo", "1", "--json", "--quiet"))
    assert {file["target"] for file in undone[:-1]} == {file["source"] for file in files if file["outcome"] == "go"}
    assert {file["status"] for file in undone[:-1]} == {"done"}
    assert (undone[-1]["type"], undone[-1]["state"], undone[-1]["left"]) == ("summary", "undone", 0)


@pytest.mark.parametrize("action", ["copy", "hardlink", "symlink"])
def test_other_actions_leave_the_photos(run: Commands, folder: Path, out: Path, tmp_path: Path, action: str) -> None:
    before = tree(folder)
    done = sort(run, folder, out, "--action", action)
    assert done.code == 0
    assert tree(folder) == before
    assert names(out) == SORTED
    one = out / "Alpaca" / "IMG_0.jpg"
    assert one.is_symlink() == (action == "symlink")
    assert one.samefile(folder / "IMG_0.jpg") == (action != "copy")
    assert run("sort", "--undo").code == 0
    assert tree(folder) == before
    assert not out.exists()


def test_collisions(run: Commands, folder: Path, out: Path) -> None:
    """Another file of the name keeps it; the same bytes are not there twice."""
    taken = out / "Alpaca" / "IMG_0.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"something else")
    (out / "Not alpaca").mkdir()
    shutil.copy2(folder / "day 2" / "IMG_3.jpg", out / "Not alpaca")
    done = sort(run, folder, out, "--json", "--quiet")
    by_name = {Path(one["source"]).name: one for one in objects(done)[:-1]}
    assert by_name["IMG_0.jpg"]["target"] == str(out / "Alpaca" / "IMG_0_2.jpg")
    assert by_name["IMG_0.jpg"]["renamed"]
    assert by_name["IMG_3.jpg"]["outcome"] == "there"
    assert by_name["IMG_3.jpg"]["status"] == "nothing to do"
    assert taken.read_bytes() == b"something else"
    assert (out / "Alpaca" / "IMG_0_2.CR3").read_bytes() == b"raw 0"
    assert (folder / "day 2" / "IMG_3.jpg").exists()


def test_the_second_time_there_is_nothing_to_do(run: Commands, folder: Path, out: Path) -> None:
    sort(run, folder, out, "--action", "copy")
    done = sort(run, folder, out, "--action", "copy")
    assert done.code == 0
    assert "5 photos are already at the destination." in done.out
    assert "Nothing to copy." in done.out
    assert len(objects(run("sort", "--history", "--json"))) == 1


def test_undo_leaves_what_was_changed_and_names_it(run: Commands, folder: Path, out: Path) -> None:
    sort(run, folder, out)
    changed = out / "Alpaca" / "IMG_1.jpg"
    changed.write_bytes(b"edited by the user")
    (out / "Alpaca" / "IMG_2.jpg").unlink()
    done = run("sort", "--undo")
    assert done.code == 1
    # Its companions were left with the one that was changed.
    assert done.out.startswith("Sort 1: Undone, except for 4 files")
    assert f"  {changed}: " in done.out
    assert changed.read_bytes() == b"edited by the user"
    assert changed.with_suffix(".CR3").exists()
    assert {"IMG_0.jpg", "IMG_0.CR3", "IMG_0.xmp", "IMG_2.CR3"} <= names(folder)
    nothing = run("sort", "--undo")
    assert (nothing.code, nothing.out) == (1, "")
    assert nothing.err.count("\n") == 1
    assert ": alpacasorter sort --undo 1\n" in run("sort", "--resume", 1).err
    # By its number it is tried again.
    shutil.move(changed, folder / "mine.jpg")
    assert run("sort", "--undo", 1).code == 1
    assert (folder / "IMG_1.CR3").exists()


def test_sorts_are_undone_latest_first_or_by_number(run: Commands, tmp_path: Path, out: Path) -> None:
    for number in (1, 2, 3):
        put(tmp_path / f"day {number}" / "a.jpg", "alpaca", seed=number)
        assert sort(run, tmp_path / f"day {number}", out / str(number)).code == 0
    assert "Sort 1: Undone" in run("sort", "--undo", 1).out
    assert (tmp_path / "day 1" / "a.jpg").exists()
    assert "Sort 3: Undone" in run("sort", "--undo").out
    assert "Sort 2: Undone" in run("sort", "--undo").out
    assert "Sort 2 was already undone" in run("sort", "--undo", 2).err


@pytest.mark.parametrize("mode", ["--undo", "--resume", "--rollback"])
def test_where_there_is_no_such_sort(run: Commands, mode: str) -> None:
    done = run("sort", mode)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    done = run("sort", mode, 12)
    assert (done.code, done.out) == (1, "")
    assert "There is no sort 12." in done.err


def test_a_finished_sort_is_not_rolled_back(run: Commands, folder: Path, out: Path) -> None:
    sort(run, folder, out)
    done = run("sort", "--rollback", 1)
    assert done.code == 1
    assert ": alpacasorter sort --undo 1\n" in done.err
    assert names(out) == SORTED


def test_corrections_and_the_cache_follow(run: Commands, folder: Path, out: Path) -> None:
    sort(run, folder, out)
    done = run("scan", out / "Alpaca", *CPU, "--json")
    rows = objects(done)
    assert [row["label"] for row in rows] == ["alpaca"] * 3
    assert all(row["corrected"] for row in rows)
    assert " 0 opened" in done.err
    run("sort", "--undo")
    assert " 0 opened" in run("scan", folder, *CPU, "--json").err


def test_sorted_folders_are_not_sorted_again(run: Commands, folder: Path) -> None:
    out = folder / "sorted"
    assert sort(run, folder, out).code == 0
    assert (out / OUTPUT_MARKER).exists() or any(out.rglob(OUTPUT_MARKER))
    assert run("scan", folder, "--json", *CPU).out == ""


def test_a_file_that_vanishes_meanwhile(
    run: Commands, folder: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(tmp_path)
    raw = folder / "IMG_1.CR3"

    def run_later(*given: Any, **named: Any) -> Any:
        raw.rename(tmp_path / "elsewhere.CR3")
        return run_sort(*given, **named)

    monkeypatch.setattr("alpacasorter.cli.sort.command.run_sort", run_later)
    done = sort(run, folder, out, "--json", "--quiet")
    assert done.code == 1
    *files, summary = objects(done)
    failed = {Path(file["source"]).name: file["reason"] for file in files if file["status"] == "failed"}
    assert set(failed) == {"IMG_1.jpg", "IMG_1.CR3", "IMG_1.xmp"}, "companions never part"
    assert failed["IMG_1.CR3"] == reasons.sentence(reasons.VANISHED)
    assert (summary["state"], summary["done"], summary["failed"]) == ("finished", 8, 3)
    assert {path for path in names(folder) if path.startswith("IMG")} == {"IMG_1.jpg", "IMG_1.xmp"}
    # As text, and tried again once it is back.
    again = run("sort", "--resume", 1)
    assert again.code == 1
    assert f"  {raw}: {reasons.sentence(reasons.VANISHED)}\n" in again.out
    assert ": alpacasorter sort --resume 1\n" in again.out
    (tmp_path / "elsewhere.CR3").rename(raw)
    assert run("sort", "--resume", 1).code == 0
    assert names(out) == SORTED
    assert run("sort", "--undo").code == 0
    assert tree(tmp_path) == before


def test_interrupted_in_the_middle_of_a_file(
    run: Commands, folder: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl+C does not wait for the end of a file."""
    before = tree(tmp_path)

    def torn(*given: Any, **named: Any) -> Any:
        with contextlib.closing(run_sort(*given, **named)) as events:
            yield next(events)
            raise KeyboardInterrupt

    monkeypatch.setattr("alpacasorter.cli.sort.command.run_sort", torn)
    done = sort(run, folder, out, "--json", "--quiet")
    assert (done.code, done.out) == (130, "")
    assert done.err.count("\n") == 1
    assert RESUME in done.err
    assert ROLLBACK in done.err
    monkeypatch.setattr("alpacasorter.cli.sort.command.run_sort", run_sort)
    for command in ("sort", "watch"):
        barred = run(command, folder, "--into", out, "--quiet", *CPU)
        assert barred.code == 1
        interrupted, refused = barred.err.splitlines()
        assert RESUME in interrupted
        assert refused.startswith("alpacasorter: Nothing was done.")
    assert ROLLBACK in run("sort", "--undo", 1).err
    assert run("sort", "--rollback").code == 0
    assert tree(tmp_path) == before


def test_only_one_sorts_at_a_time(run: Commands, folder: Path, out: Path) -> None:
    sort(run, folder, out, "--only", "alpaca")
    with library() as opened, sort_lock(opened):
        done = run("sort", "--undo", "--quiet")
    assert done.code == 1
    assert done.err.startswith("alpacasorter: Another AlpacaSorter ")
    assert done.err.count("\n") == 1
    assert names(folder) == {"diary.txt", "day 2/IMG_3.jpg", "day 2/IMG_4.jpg"}


def test_across_disks(run: Commands, folder: Path, tmp_path: Path, other_disk: Path) -> None:
    before = tree(tmp_path)
    done = sort(run, folder, other_disk / "out")
    assert done.code == 0
    assert "on another disk" in done.out
    assert names(other_disk / "out") == SORTED
    assert run("sort", "--undo").code == 0
    assert tree(tmp_path) == before
    assert not (other_disk / "out").exists()


# In separate processes


def test_without_a_screen(folder: Path, out: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    done = finish(program("sort", folder, "--into", out, "--quiet", *CPU, without=screens))
    assert (done.code, done.err) == (0, "")
    assert names(out) == SORTED
    undone = finish(program("sort", "--undo", "--quiet", without=screens))
    assert (undone.code, undone.err) == (0, "")
    assert tree(tmp_path) == before


def test_the_history_loads_nothing_heavy() -> None:
    script = """
import sys
from alpacasorter.cli import main
code = main(["sort", "--history"])
heavy = {"numpy", "PIL", "PySide6", "ai_edge_litert"} & sys.modules.keys()
sys.exit(", ".join(sorted(heavy)) or code)
"""
    done = run_python(script)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough photos that a sort can be stopped while it runs."""
    return hike(tmp_path / "many", alpacas=80, others=20)


def started(folder: Path, out: Path, *options: object) -> subprocess.Popen[bytes]:
    """Start a sort in its own process; return when some files are sorted."""
    process = program("sort", folder, "--into", out, "--json", "--quiet", *CPU, *options)
    while len(names(out)) < 10:
        assert process.poll() is None
        time.sleep(0.01)
    return process


def ended_by(process: subprocess.Popen[bytes], number: signal.Signals) -> Done:
    """Send a signal to a process, and wait for its end."""
    process.send_signal(number)
    return finish(process)


@posix_only
@pytest.mark.parametrize(
    ("number", "code", "then"), [(signal.SIGINT, 130, "--resume"), (signal.SIGTERM, 143, "--rollback")]
)
def test_stopped(many: Path, out: Path, tmp_path: Path, number: signal.Signals, code: int, then: str) -> None:
    before = tree(tmp_path)
    done = ended_by(started(many, out, "--action", "copy"), number)
    assert done.code == code
    assert "Stopped after " in done.err
    assert RESUME in done.err
    summary = objects(done)[-1]
    assert (summary["state"], summary["stopped"]) == ("stopped", True)
    assert 0 < summary["done"] < summary["files"] == 260
    assert sum(one["status"] == "open" for one in objects(done)[:-1]) == 260 - summary["done"]
    ended = finish(program("sort", then, "--json", "--quiet"))
    assert (ended.code, ended.err) == (0, "")
    if then == "--resume":
        assert len(names(out)) == 260
        assert objects(ended)[-1]["state"] == "finished"
        finish(program("sort", "--undo"))
    assert tree(tmp_path) == before


@posix_only
@pytest.mark.parametrize("then", ["--resume", "--rollback"])
def test_killed(many: Path, out: Path, tmp_path: Path, then: str) -> None:
    before = tree(tmp_path)
    done = ended_by(started(many, out), signal.SIGKILL)
    assert done.code == -signal.SIGKILL
    # The next sort says so, and leaves the same folders alone.
    barred = finish(program("sort", many, "--into", out, "--quiet", *CPU))
    assert (barred.code, barred.out) == (1, "")
    assert RESUME in barred.err
    assert "Nothing was done." in barred.err
    (record,) = objects(finish(program("sort", "--history", "--json")))
    assert (record["state"], record["open"]) == ("running", True)
    ended = finish(program("sort", then, "--quiet"))
    assert (ended.code, ended.err) == (0, "")
    if then == "--resume":
        assert len(names(out)) == 260
        assert names(many) == {"diary.txt"}
        assert finish(program("sort", "--undo", "--quiet")).code == 0
    assert tree(tmp_path) == before


@posix_only
def test_the_reader_may_stop_reading(many: Path, out: Path) -> None:
    process = started(many, out)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 0
    assert err == ""
    assert len(names(out)) == 260, "the sort went on"


@posix_only
def test_the_reader_may_stop_before_the_sort_begins(folder: Path, out: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "alpacasorter", "sort", str(folder), "--into", str(out), "--quiet", *CPU]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=environment, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert names(out) >= SORTED


@posix_only
def test_without_a_standard_output(folder: Path, out: Path, tmp_path: Path) -> None:
    before = tree(folder)
    program_name = shlex.quote(sys.executable)

    def closed(command: str) -> int:
        line = f"{program_name} -m alpacasorter {command} >&- 2>&- <&-"
        return subprocess.run(["sh", "-c", line], timeout=120, check=False).returncode

    into = f"{shlex.quote(str(folder))} --into {shlex.quote(str(out))} --quiet {' '.join(CPU)}"
    assert closed(f"sort {into}") == 0
    assert names(out) >= SORTED
    assert closed("sort --undo --quiet") == 0
    for command in ("scan {} --quiet", "scan {} --json --quiet", "export {} --csv --quiet"):
        assert closed(command.format(shlex.quote(str(folder)) + " --device cpu")) == 0
    assert tree(folder) == before


@posix_only
def test_an_interrupted_undo_is_continued(many: Path, out: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    assert finish(program("sort", many, "--into", out, "--quiet", *CPU)).code == 0
    stops = iter([False] * 20)
    with library() as opened:
        *_, ended = undo_sort(1, opened, stopped=lambda: next(stops, True))
    assert isinstance(ended, SortEnded)
    assert ended.stopped
    (record,) = objects(finish(program("sort", "--history", "--json")))
    assert (record["state"], record["open"]) == ("undoing", True)
    done = finish(program("sort", "--undo", "--quiet"))
    assert (done.code, done.err) == (0, "")
    assert tree(tmp_path) == before


@posix_only
def test_another_folder_may_be_sorted_meanwhile(many: Path, out: Path, tmp_path: Path, run: Commands) -> None:
    ended_by(started(many, out), signal.SIGKILL)
    put(tmp_path / "other" / "a.jpg", "alpaca", seed=999)
    done = sort(run, tmp_path / "other", tmp_path / "elsewhere")
    assert done.code == 0
    assert ROLLBACK in done.err
    assert (tmp_path / "elsewhere" / "Alpaca" / "a.jpg").exists()
    assert sort(run, tmp_path, out, "--dry-run").code == 0, "looking is allowed"


@posix_only
def test_ctrl_c_while_the_photos_are_judged(tmp_path: Path, out: Path) -> None:
    fill_fast(tmp_path / "photos", 400, size=(1600, 1200))
    before = tree(tmp_path)
    process = program("sort", tmp_path / "photos", "--into", out, *CPU)
    assert process.stderr is not None
    while b"/400" not in process.stderr.read1():
        assert process.poll() is None
    done = ended_by(process, signal.SIGINT)
    assert (done.code, done.out) == (130, "")
    assert done.err.endswith("alpacasorter: Stopped before anything was done.\n")
    assert tree(tmp_path) == before


def test_the_real_photos(run: Commands, photos: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(photos / "more" / "alpaca", copied)
    before = tree(copied)
    done = sort(run, copied, tmp_path / "sorted", "--unsure", "folder")
    assert done.code == 0
    assert len(names(tmp_path / "sorted" / "Alpaca")) > 50
    assert run("sort", "--undo").code == 0
    assert tree(copied) == before


# What belongs together, and what is left out


def test_photos_of_one_unit_with_different_tags(run: Commands, tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "phone"
    put(folder / "IMG_1234.jpg", "alpaca", seed=1)
    put(folder / "IMG_E1234.jpg", "not_alpaca", seed=2)
    (folder / "IMG_O1234.AAE").write_bytes(b"edits")
    done = sort(run, folder, out, "--dry-run")
    assert "different tags" in done.out
    assert "--different-tags together|apart|leave" in done.out
    together = {file["target"] and Path(file["target"]).parent.name for file in planned(run, folder, out)}
    assert len(together) == 1
    apart = planned(run, folder, out, "--different-tags", "apart")
    assert {Path(file["source"]).name: Path(file["target"]).parent.name for file in apart} == {
        "IMG_1234.jpg": "Alpaca",
        "IMG_O1234.AAE": "Alpaca",
        "IMG_E1234.jpg": "Not alpaca",
    }
    stay = planned(run, folder, out, "--different-tags", "leave")
    assert {file["outcome"] for file in stay} == {"stays"}


def planned(run: Commands, folder: Path, out: Path, *options: str) -> list[dict[str, Any]]:
    return [one for one in objects(sort(run, folder, out, "--dry-run", "--json", *options)) if one["type"] == "file"]


def test_what_stays_beside_a_moved_photo_is_named(run: Commands, folder: Path, out: Path) -> None:
    (folder / "IMG_0.pdf").write_bytes(b"a print")
    done = sort(run, folder, out, "--dry-run")
    assert f"  {folder / 'IMG_0.pdf'}" in done.out.splitlines()
    remarks = objects(sort(run, folder, out, "--dry-run", "--json"))[-1]["remarks"]
    assert [remark["paths"] for remark in remarks] == [[str(folder / "IMG_0.pdf")]]


def test_what_is_left_out_stays(run: Commands, folder: Path, out: Path) -> None:
    done = sort(run, folder, out, "--exclude", "IMG_1*", "--exclude", "*.xmp")
    assert done.code == 0
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"IMG_1.jpg", "IMG_1.CR3", "IMG_1.xmp", "IMG_0.xmp", "IMG_2.xmp"} <= left
    assert not {"IMG_0.jpg", "IMG_0.CR3", "IMG_2.jpg", "IMG_2.CR3"} & left
    assert run("sort", "--undo", "--exclude", "x").code == 2, "an earlier sort leaves nothing out"
