"""`alpacasorter scan`: rows on standard output, all else on standard error."""

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.cli import console
from alpacasorter.cli import rows as rows_module
from alpacasorter.cli.console import ProgressBar
from alpacasorter.cli.rows import RowsInOrder
from alpacasorter.core import reasons
from alpacasorter.core.events import Progress
from alpacasorter.core.store.library import Library
from tests.cli.commands import Commands, finish, program
from tests.engines import fill, fill_fast, real_bundle
from tests.hanging import PROGRAM as HANGING_PROGRAM
from tests.hanging import make_hanging
from tests.picture_files import corner_picture, encode, exif_block, make_picture
from tests.unprivileged import ordinary_user, shared_folder

KEYS = [
    "path",
    "content_key",
    "status",
    "reason",
    "label",
    "probability",
    "confidence",
    "corrected",
    "width",
    "height",
    "taken_at",
    "taken_from",
    "picture_key",
]
CPU = ("--device", "cpu")
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, bad files, and files that are none, in two folders."""
    place = tmp_path / "a hike 🦙"
    fill(place, 3)
    make_picture(place / "photo1b.jpg", kind="truncated_jpeg")
    (place / "photo1c.cr2").write_bytes(b"II*\x00")
    (place / "diary.txt").write_text("no photo")
    fill(place / "day 2", 2, first=10)
    taken = encode(corner_picture((80, 60)), "JPEG", exif=exif_block(taken="2026:05:01 12:30:00", offset="+02:00"))
    (place / "day 2" / "z.jpg").write_bytes(taken)
    return place


def rows_of(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("command", [("scan",), ("export", "--csv"), ("evaluate",), ("watch",)])
def test_the_folder_itself_can_not_be_left_out(run: Commands, folder: Path, command: tuple[str, ...]) -> None:
    done = run(*command, folder, "--exclude", str(folder), *CPU)
    assert (done.code, done.out) == (2, "")
    assert "is the folder itself or contains it" in done.err


def test_json_has_a_row_for_each_photo_in_the_order_of_the_folder(run: Commands, folder: Path) -> None:
    done = run("scan", folder, "--json", *CPU)
    assert done.code == 0
    rows = rows_of(done.out)
    assert [Path(str(row["path"])).relative_to(folder).as_posix() for row in rows] == [
        "photo0.jpg",
        "photo1.jpg",
        "photo1b.jpg",
        "photo1c.cr2",
        "photo2.jpg",
        "day 2/photo10.jpg",
        "day 2/photo11.jpg",
        "day 2/z.jpg",
    ]
    assert all(list(row) == KEYS for row in rows)
    by_name = {Path(str(row["path"])).name: row for row in rows}
    good = by_name["z.jpg"]
    assert (good["status"], good["reason"], good["corrected"]) == ("ok", None, False)
    assert (good["width"], good["height"], good["taken_at"]) == (80, 60, "2026-05-01T12:30:00+02:00")
    assert len(str(good["content_key"])) == 64
    bundle = real_bundle()
    for row in rows:
        if row["status"] != "ok":
            continue
        probability = float(str(row["probability"]))
        positive = probability >= bundle.threshold
        assert row["label"] == (bundle.positive_label if positive else bundle.negative_label)
        assert row["confidence"] == pytest.approx(probability if positive else 1 - probability, abs=1e-6)
    bad = by_name["photo1b.jpg"]
    expected = dict.fromkeys(KEYS) | {
        "path": str(folder / "photo1b.jpg"),
        "status": "unreadable",
        "reason": reasons.sentence(reasons.TRUNCATED),
        "corrected": False,
    }
    assert bad == expected
    assert by_name["photo1c.cr2"]["reason"] == reasons.sentence(reasons.RAW_ALONE)
    assert "6 photos judged, 2 unreadable, 7 opened and 1 other file ignored." in done.err


def test_a_second_time_the_rows_are_the_same_and_nothing_is_opened(run: Commands, folder: Path) -> None:
    first = rows_of(run("scan", folder, "--json", *CPU).out)
    done = run("scan", folder, "--json", *CPU)
    assert " 0 opened" in done.err
    again = rows_of(done.out)
    assert [row["path"] for row in again] == [row["path"] for row in first]
    for row, before in zip(again, first, strict=True):
        assert row == pytest.approx(before, abs=2e-6)


def test_rows_do_not_wait_for_one_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    rows = RowsInOrder(lambda row: shown.append(row["path"]))
    paths_ = [Path(name) for name in "abcde"]
    rows.expect(paths_)
    now = 100.0
    monkeypatch.setattr(rows_module.time, "monotonic", lambda: now)
    for name in "bd":
        rows.put(Path(name), {"path": name})
    rows.print_ready()
    assert shown == []
    now += 1.1
    rows.put(Path("e"), {"path": "e"})
    assert shown == ["b", "d", "e"]
    rows.put(Path("c"), {"path": "c"})
    rows.put(Path("a"), {"path": "a"})
    assert shown == ["b", "d", "e", "c", "a"]
    rows.put(Path("cloud only"), {"path": "cloud only"})
    assert shown[-1] == "cloud only"


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_decoder_that_hangs_holds_back_nothing(form: str, tmp_path: Path) -> None:
    """Not the rows of the others, not its own for long, and not the end of the program."""
    (tmp_path / "photos").mkdir()
    make_hanging(tmp_path / "photos" / "a.jpg")
    fill(tmp_path / "photos", 3)
    with hanging_program("scan", tmp_path / "photos", form, "--quiet", *CPU) as started:
        assert started.stdout is not None
        lines = [line for line in started.stdout if b".jpg" in line]
        began = time.monotonic()
        assert started.wait(20) == 0
        assert time.monotonic() - began < 5
    assert [next(name for name in (b"photo0", b"photo1", b"photo2", b"a.jpg") if name in line) for line in lines] == [
        b"photo0",
        b"photo1",
        b"photo2",
        b"a.jpg",
    ]
    assert reasons.sentence(reasons.TOO_SLOW).encode() in lines[-1]


@posix_only
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_does_not_wait_for_a_decoder_that_hangs(which: signal.Signals, tmp_path: Path) -> None:
    place = tmp_path / "photos"
    place.mkdir()
    make_hanging(place / "z.jpg")
    fill(place, 3)
    with hanging_program("scan", place, "--json", "--quiet", *CPU) as started:
        assert started.stdout is not None
        for _ in range(3):
            assert b'"ok"' in started.stdout.readline()
        began = time.monotonic()
        started.send_signal(which)
        started.wait(20)
        assert time.monotonic() - began < 1.5
        assert started.stderr is not None
        assert b"Traceback" not in started.stderr.read()


@contextlib.contextmanager
def hanging_program(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """The command line in a process of its own, with a decoder that hangs."""
    started = subprocess.Popen(
        [sys.executable, "-c", HANGING_PROGRAM, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=os.name == "posix",
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def test_rows_come_in_order_whichever_photo_is_ready_first(run: Commands, tmp_path: Path) -> None:
    paths_ = []
    for n in range(12):
        # The first ones take longest.
        size = (2400, 1800) if n < 2 else (48, 32)
        paths_ += fill(tmp_path / "photos", 1, first=n, size=size)
    done = run("scan", tmp_path / "photos", "--json", *CPU)
    assert [row["path"] for row in rows_of(done.out)] == [str(path) for path in paths_]


def test_without_sub_folders(run: Commands, folder: Path) -> None:
    done = run("scan", folder, "--json", "--no-recursive", *CPU)
    assert [Path(str(row["path"])).parent for row in rows_of(done.out)] == [folder] * 5
    assert len(rows_of(run("scan", folder, "--json", "--recursive", *CPU).out)) == 8


def test_csv(run: Commands, folder: Path) -> None:
    done = run("scan", folder, "--csv", *CPU)
    assert done.code == 0
    table = list(csv.DictReader(io.StringIO(done.out)))
    assert list(table[0]) == KEYS
    assert len(table) == 8
    told = rows_of(run("scan", folder, "--json", *CPU).out)
    for row, expected in zip(table, told, strict=True):
        assert (row["path"], row["status"], row["reason"]) == (
            expected["path"],
            expected["status"],
            expected["reason"] or "",
        )
        assert row["corrected"] == json.dumps(expected["corrected"])
        if expected["status"] == "ok":
            assert float(row["probability"]) == pytest.approx(expected["probability"], abs=2e-6)


def test_words(run: Commands, folder: Path) -> None:
    done = run("scan", folder, *CPU)
    lines = done.out.splitlines()
    assert len(lines) == 8
    assert sum(line.startswith("Unreadable") for line in lines) == 2
    assert all(line.split()[0] in ("Alpaca", "Not", "Unreadable") for line in lines)
    assert "%" in lines[0]
    assert str(folder / "photo0.jpg") in lines[0]
    assert reasons.sentence(reasons.TRUNCATED) in next(line for line in lines if "photo1b" in line)


def test_corrections_count(run: Commands, folder: Path) -> None:
    row = rows_of(run("scan", folder, "--json", *CPU).out)[0]
    bundle = real_bundle()
    other = bundle.negative_label if row["label"] == bundle.positive_label else bundle.positive_label
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        library.set_corrections(bundle.label_set, {str(row["content_key"]): other})
    corrected = rows_of(run("scan", folder, "--json", *CPU).out)[0]
    assert (corrected["label"], corrected["corrected"]) == (other, True)
    probability = float(str(corrected["probability"]))
    expected = probability if other == bundle.positive_label else 1 - probability
    assert corrected["confidence"] == pytest.approx(expected, abs=2e-6)
    assert "  you  " in run("scan", folder, *CPU).out.splitlines()[0]


def test_the_bar_is_on_standard_error_and_rows_alone_on_standard_output(run: Commands, folder: Path) -> None:
    done = run("scan", folder, "--json", *CPU)
    assert "7/7" in done.err
    assert "photos" in done.err
    assert len(rows_of(done.out)) == 8
    quiet = run("scan", folder, "--json", "--quiet", *CPU)
    assert (quiet.code, quiet.err) == (0, "")


def test_rows_and_bar_share_a_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with ProgressBar(quiet=False) as bar:
        bar.update(Progress(1, 4, 1.0, 3.0))
        capsys.readouterr()
        with bar.aside():
            print("a row")  # noqa: T201
            shown = capsys.readouterr()
        # The bar is wiped off before the row comes, and drawn below it afterwards.
        assert shown.err.strip() == ""
        assert "\r" in shown.err
        assert shown.out == "a row\n"
        assert "1/4" in capsys.readouterr().err
    capsys.readouterr()
    with ProgressBar(quiet=True) as bar:
        bar.update(Progress(1, 4, 1.0, 3.0))
        with bar.aside():
            pass
    assert capsys.readouterr() == ("", "")


def test_in_a_pipe_nothing_is_drawn_below_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(quiet=False) as bar:
        bar.update(Progress(1, 4, 1.0, 3.0))
        bar.update(Progress(4, 4, 1.0, 0.0))
        capsys.readouterr()
    assert capsys.readouterr().err == ""


def test_an_empty_folder(run: Commands, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("scan", tmp_path / "empty", "--json", *CPU)
    assert (done.code, done.out) == (0, "")
    assert done.err == "alpacasorter: Done: 0 photos judged, 0 unreadable, 0 opened and 0 other files ignored.\n"


@posix_only
def test_folders_below_that_cannot_be_read_are_told(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with shared_folder() as folder:
        fill(folder, 1)
        (folder / "closed").mkdir(mode=0)
        for name in ("data", "cache"):
            (folder / name).mkdir()
            (folder / name).chmod(0o777)
            monkeypatch.setenv(f"ALPACASORTER_{name.upper()}_DIR", str(folder / name))
        with ordinary_user():
            done = run("scan", folder, "--json", *CPU)
            refused = run("scan", folder / "closed", "--json", *CPU)
            below = run("scan", folder / "closed" / "below", "--json", *CPU)
        (folder / "closed").chmod(0o755)
    rows = rows_of(done.out)
    assert (done.code, len(rows)) == (0, 2)
    refusal = reasons.sentence(reasons.FOLDER_NO_PERMISSION)
    closed = next(row for row in rows if row["status"] == "unreadable")
    assert (closed["path"], closed["reason"]) == (str(folder / "closed"), refusal)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"alpacasorter: {folder / 'closed'} can't be opened. {refusal}\n"
    assert below.code == 2
    assert below.err.endswith(f"can't be opened. {refusal}\n")


@pytest.mark.parametrize("place", ["none", "file.jpg"])
def test_what_is_no_folder(run: Commands, tmp_path: Path, place: str) -> None:
    make_picture(tmp_path / "file.jpg")
    done = run("scan", tmp_path / place, *CPU)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"alpacasorter: {tmp_path / place} can't be opened. ")
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan"],
        ["scan", ".", "--json", "--csv"],
        ["scan", ".", "--device", "tpu"],
        ["scan", ".", "--nonsense"],
        ["scan", ".", "another"],
    ],
)
def test_wrong_usage(run: Commands, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "usage: alpacasorter scan" in done.err


def test_a_folder_named_from_here_or_from_home(
    run: Commands, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    rows = rows_of(run("scan", folder.name, "--json", *CPU).out)
    assert rows[0]["path"] == str(folder / "photo0.jpg")
    fill(home / "pictures", 1)
    assert rows_of(run("scan", "~/pictures", "--json", *CPU).out)[0]["path"] == str(home / "pictures" / "photo0.jpg")
    fill(folder.parent / "~nobody at all", 1)
    assert len(rows_of(run("scan", "./~nobody at all", "--json", *CPU).out)) == 1
    assert run("scan", "~nobody either", *CPU).code == 2


def test_a_broken_model(run: Commands, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "bundled_model", lambda: tmp_path / "model")
    done = run("scan", folder, "--json", *CPU)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("alpacasorter: ")
    assert done.err.endswith(".\n")
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="hides the graphics drivers as Vulkan on Linux finds them")
def test_a_gpu_that_is_not_there(run: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", "/nowhere.json")
    done = run("scan", folder, "--device", "gpu")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("alpacasorter: The GPU can't be used.")
    assert run("scan", folder, "--device", "auto").code == 0


def test_a_damaged_library_is_told(run: Commands, folder: Path) -> None:
    library = paths.user_data_dir() / "library.sqlite"
    library.parent.mkdir()
    library.write_bytes(b"no database" * 1000)
    done = run("scan", folder, "--quiet", *CPU)
    assert done.code == 0
    assert done.err.startswith("alpacasorter: ")


def test_rows_through_a_pipe(folder: Path) -> None:
    done = finish(program("scan", folder, "--json", *CPU))
    assert done.code == 0
    assert len(rows_of(done.out)) == 8
    assert "Traceback" not in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="file names that are no text")
def test_names_that_are_no_text_come_out_as_the_bytes_they_are(tmp_path: Path) -> None:
    name = b"caf\xe9 \xf0\x9f\xa6\x99.jpg"
    make_picture(tmp_path / os.fsdecode(name))
    variables = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = finish(program("scan", tmp_path, "--csv", "--quiet", *CPU, **variables))
    assert (done.code, done.err) == (0, "")
    assert name in os.fsencode(done.out)
    told = finish(program("scan", tmp_path, "--json", "--quiet", *CPU, **variables))
    assert os.fsencode(str(rows_of(told.out)[0]["path"])) == os.fsencode(tmp_path) + b"/" + name
    shown = finish(program("scan", tmp_path, "--quiet", *CPU, **variables))
    assert "caf\ufffd 🦙.jpg" in shown.out


@posix_only
def test_output_that_is_no_longer_read_is_no_error(tmp_path: Path) -> None:
    fill_fast(tmp_path, 300)
    started = program("scan", tmp_path, "--json", *CPU)
    assert started.stdout is not None
    assert started.stderr is not None
    assert json.loads(started.stdout.readline())["status"] == "ok"
    started.stdout.close()
    err = started.stderr.read().decode()
    started.stderr.close()
    assert started.wait(60) == 0
    assert "Traceback" not in err
    assert "Broken" not in err
    assert "judged" not in err, "it did not run to the end"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_sentence(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "alpacasorter", "scan", str(folder), "--quiet", *CPU],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == "alpacasorter: Interrupted by a system error: No space left on device.\n"


@posix_only
def test_ctrl_c(tmp_path: Path) -> None:
    fill_fast(tmp_path, 400, size=(1600, 1200))
    started = program("scan", tmp_path, "--json", *CPU)
    assert started.stdout is not None
    first = started.stdout.readline()
    started.send_signal(signal.SIGINT)
    began = time.monotonic()
    done = finish(started)
    assert time.monotonic() - began < 20
    assert done.code == 130
    assert "Traceback" not in done.err
    assert 0 < len(rows_of(first.decode() + done.out)) < 400


def test_the_real_photos(run: Commands, photos: Path) -> None:
    done = run("scan", photos / "more" / "alpaca", "--json", *CPU)
    rows = rows_of(done.out)
    assert len(rows) == 75
    assert {row["status"] for row in rows} == {"ok"}
    assert sum(row["label"] == "alpaca" for row in rows) > 65


def test_windows_calls_a_closed_pipe_an_invalid_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    assert console.is_closed_pipe(BrokenPipeError())
    assert not console.is_closed_pipe(OSError(22, "Invalid argument"))
    monkeypatch.setattr(console.os, "name", "nt")
    assert console.is_closed_pipe(OSError(22, "Invalid argument"))
    assert not console.is_closed_pipe(OSError(28, "No space left on device"))


def test_another_model_for_this_run(
    run: Commands, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Restores what the command changes after the test.
    monkeypatch.setenv("ALPACASORTER_MODEL", "")
    mine = tmp_path / "mine"
    shutil.copytree(real_bundle().path, mine)
    assert run("scan", folder, "--json", "--model", mine, *CPU).code == 0
    (mine / "head.npz").unlink()
    broken = run("scan", folder, "--json", "--model", mine, *CPU)
    assert (broken.code, broken.out) == (1, "")
    assert "mine" in broken.err


def test_what_is_left_out(run: Commands, folder: Path) -> None:
    def seen(*options: str) -> list[str]:
        done = run("scan", folder, "--json", *options, *CPU)
        assert done.code == 0
        return [Path(str(row["path"])).relative_to(folder).as_posix() for row in rows_of(done.out)]

    everything = seen()
    assert seen("--exclude", "day 2/", "--exclude", "*.CR2") == [
        "photo0.jpg",
        "photo1.jpg",
        "photo1b.jpg",
        "photo2.jpg",
    ]
    assert seen("--exclude", "day 2/*1*.jpg") == [name for name in everything if not name.startswith("day 2/photo1")]
    (folder / "day 2" / ".nomedia").touch()
    assert seen() == [name for name in everything if "/" not in name]
    assert seen("--no-nomedia") == everything
    said = run("scan", folder, "--exclude", "photo1*", *CPU).err
    assert "1 folder with a .nomedia file skipped" in said
    assert "3 files and folders left out" in said


@pytest.mark.parametrize("pattern", ["", "[", "../x", "*", "**/*"])
@pytest.mark.parametrize(
    "command",
    [
        ("scan",),
        ("sort", "--into", "x"),
        ("watch",),
        ("export", "--csv"),
        ("evaluate",),
        ("train", "--out", "x"),
    ],
    ids=lambda command: command[0],
)
def test_a_pattern_that_can_t_be_used_is_wrong_usage(
    run: Commands, tmp_path: Path, command: tuple[str, ...], pattern: str
) -> None:
    done = run(*command, tmp_path, "--exclude", pattern)
    assert (done.code, done.out) == (2, "")
    assert "argument --exclude: " in done.err
    assert "Traceback" not in done.err
