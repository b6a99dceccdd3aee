"""`alpacasorter export`: files, standard output and sidecars."""

import csv
import io
import json
from pathlib import Path

import pytest

from alpacasorter import paths
from alpacasorter.core import reasons
from alpacasorter.core.sorting.execution.session import sort_lock
from alpacasorter.core.store.library import Library
from tests.cli.commands import Commands
from tests.core.exchange.sidecar_files import LIGHTROOM, exiftool
from tests.engines import fill, real_bundle
from tests.picture_files import make_picture

CPU = ("--device", "cpu")
POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos, one of them below, and one that is damaged."""
    place = tmp_path / "a hike"
    fill(place, 2)
    make_picture(place / "photo0b.jpg", kind="truncated_jpeg")
    fill(place / "day 2", 1, first=10)
    return place


def say(run: Commands, folder: Path, **labels: str) -> None:
    """Correct photos of a folder, by the stem of their names."""
    rows = [json.loads(line) for line in run("scan", folder, "--json", *CPU).out.splitlines()]
    keys = {Path(row["path"]).stem: row["content_key"] for row in rows}
    with Library.open(paths.user_data_dir() / "library.sqlite") as library:
        library.set_corrections(real_bundle().label_set, {keys[name]: label for name, label in labels.items()})


def sidecars(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.xmp"))


def test_json_is_one_document_in_the_order_of_the_folder(run: Commands, folder: Path) -> None:
    say(run, folder, photo1=POSITIVE)
    done = run("export", folder, "--json", *CPU)
    assert done.code == 0
    document = json.loads(done.out)
    assert document["folder"] == str(folder)
    assert document["model"]["name"] == real_bundle().name
    rows = document["photos"]
    assert [row["relative_path"] for row in rows] == ["photo0.jpg", "photo0b.jpg", "photo1.jpg", "day 2/photo10.jpg"]
    assert [row["status"] for row in rows] == ["ok", "unreadable", "ok", "ok"]
    assert [row["corrected"] for row in rows] == [False, False, True, False]
    assert rows[2]["label"] == POSITIVE
    scanned = [json.loads(line) for line in run("scan", folder, "--json", *CPU).out.splitlines()]
    assert [{name: row[name] for name in one} for row, one in zip(rows, scanned, strict=True)] == scanned


def test_the_table_has_a_line_for_each_photo(run: Commands, folder: Path) -> None:
    done = run("export", folder, "--csv", "--no-recursive", *CPU)
    assert done.code == 0
    assert [row["relative_path"] for row in csv.DictReader(io.StringIO(done.out))] == [
        "photo0.jpg",
        "photo0b.jpg",
        "photo1.jpg",
    ]


def test_a_file_is_written_and_not_replaced_unasked(run: Commands, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    assert run("export", folder, "--csv", "--out", out, "--quiet", *CPU).code == 0
    first = out.read_bytes()
    assert first.startswith(b"\xef\xbb\xbfpath,")
    again = run("export", folder, "--json", "--out", out, *CPU)
    assert (again.code, again.out) == (2, "")
    assert "already exists" in again.err
    assert out.read_bytes() == first
    forced = run("export", folder, "--json", "--out", out, "--force", *CPU)
    assert forced.code == 0
    assert "3 photos and 1 unreadable" in forced.err
    assert json.loads(out.read_bytes())["format_version"] == 1


def test_unsure_photos_can_be_left_out(run: Commands, folder: Path) -> None:
    say(run, folder, photo1=POSITIVE)
    rows = json.loads(run("export", folder, "--json", "--min-confidence", "1", *CPU).out)["photos"]
    assert [row["relative_path"] for row in rows] == ["photo0b.jpg", "photo1.jpg"]


def test_sidecars_are_written_merged_and_taken_out_again(run: Commands, folder: Path, tmp_path: Path) -> None:
    say(run, folder, photo0=POSITIVE, photo1=NEGATIVE, photo10=POSITIVE)
    (folder / "photo0.xmp").write_bytes(LIGHTROOM)
    photos = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.jpg")}
    planned = run("export", folder, "--xmp", "--rating", "--dry-run", *CPU)
    assert planned.out.split("\n")[:2] == [
        f"changed  {folder / 'photo0.xmp'}",
        f"new      {folder / 'day 2' / 'photo10.jpg.xmp'}",
    ]
    assert sidecars(folder) == ["photo0.xmp"]
    done = run("export", folder, "--xmp", "--rating", *CPU)
    assert (done.code, done.out) == (0, "")
    assert "1 sidecar created, 1 changed and 0 up to date" in done.err
    assert sidecars(folder) == ["day 2/photo10.jpg.xmp", "photo0.xmp"]
    again = run("export", folder, "--xmp", "--rating", *CPU)
    assert "0 sidecars created, 0 changed and 2 up to date" in again.err
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos} == photos
    read = exiftool((folder / "day 2" / "photo10.jpg.xmp").read_bytes(), tmp_path)
    assert (read["XMP-dc:Subject"], read["XMP-xmp:Rating"]) == (["Alpaca"], 5)
    removed = run("export", folder, "--xmp", "--remove", *CPU)
    assert removed.code == 0
    assert "2 cleared" in removed.err
    assert sidecars(folder) == ["photo0.xmp"]
    assert (folder / "photo0.xmp").read_bytes() == LIGHTROOM


def test_both_classes_and_the_name_of_the_stem(run: Commands, folder: Path) -> None:
    assert run("export", folder, "--xmp", "--both", "--sidecar", "stem", "--quiet", *CPU).err == ""
    assert sidecars(folder) == ["day 2/photo10.xmp", "photo0.xmp", "photo1.xmp"]


def test_a_sidecar_that_can_not_be_written_is_named(run: Commands, folder: Path) -> None:
    say(run, folder, photo0=POSITIVE, photo1=POSITIVE)
    (folder / "photo0.jpg.xmp").write_bytes(b"<broken")
    done = run("export", folder, "--xmp", "--no-recursive", *CPU)
    assert done.code == 1
    assert f"{folder / 'photo0.jpg.xmp'}: {reasons.sentence(reasons.SIDECAR_DAMAGED)}" in done.err
    assert "1 could not be written" in done.err
    assert (folder / "photo0.jpg.xmp").read_bytes() == b"<broken"
    assert (folder / "photo1.jpg.xmp").exists()


def test_sidecars_wait_for_no_sort_but_say_so(run: Commands, folder: Path) -> None:
    say(run, folder, photo0=POSITIVE)
    with Library.open(paths.user_data_dir() / "library.sqlite") as library, sort_lock(library):
        done = run("export", folder, "--xmp", "--quiet", *CPU)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("alpacasorter: Another AlpacaSorter")
        assert len(done.err.splitlines()) == 1
        assert sidecars(folder) == []
        assert "new " in run("export", folder, "--xmp", "--dry-run", *CPU).out
        assert run("export", folder, "--json", *CPU).code == 0
    assert run("export", folder, "--xmp", "--quiet", *CPU).code == 0
    assert "photo0.jpg.xmp" in sidecars(folder)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "one of the arguments --csv --json --xmp is required"),
        (("--csv", "--json"), "not allowed with"),
        (("--xmp", "--out", "a.xmp"), "--out and --force need --csv or --json"),
        (("--csv", "--rating"), "--rating needs --xmp"),
        (("--json", "--remove"), "--remove needs --xmp"),
        (("--json", "--force"), "--force needs --out"),
        (("--json", "--min-confidence", "2"), "not a number from 0 to 1"),
    ],
)
def test_wrong_usage_is_said(options: tuple[str, ...], words: str, run: Commands, folder: Path) -> None:
    done = run("export", folder, *options)
    assert done.code == 2
    assert words in done.err


def test_a_missing_folder_is_said(run: Commands, tmp_path: Path) -> None:
    done = run("export", tmp_path / "none", "--csv")
    assert done.code == 2
    assert "can't be opened" in done.err


def test_what_is_left_out(run: Commands, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    fill(folder, 2)
    fill(folder / "raw", 1, first=2)
    done = run("export", folder, "--csv", "--exclude", "raw/", "--device", "cpu")
    assert done.code == 0
    assert "photo1.jpg" in done.out
    assert "photo2.jpg" not in done.out
