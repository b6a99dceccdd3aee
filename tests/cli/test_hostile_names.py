"""File names that a terminal or a spreadsheet would obey: escape sequences, line ends, reading direction, formulas."""

import csv
import io
import os
import unicodedata
from pathlib import Path

import pytest

from alpacasorter.core.files import display_path
from tests.cli.commands import Commands, Done
from tests.engines import fill
from tests.models import other_model

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such names")

ESCAPE = "\x1b]0;gotcha\x07\x1b[2J"
NAMES = [
    f"{ESCAPE}a.jpg",
    "line\nbreak.jpg",
    "carriage\rreturn.jpg",
    "gpj.\u202eecilla.jpg",
    "\x9b31mred.jpg",
    "=1+1.jpg",
    "\r=1+1.jpg",
    "a,b;c\"d'.jpg",
]
CPU = ("--device", "cpu", "--quiet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos in two class folders, half of them not readable."""
    place = tmp_path / f"hike{ESCAPE}\u202e"
    for number, name in enumerate(NAMES):
        (photo,) = fill(place / ("alpaca", "not_alpaca")[number % 2], 1, first=number)
        if number % 3 == 0:
            photo.write_bytes(photo.read_bytes()[:200])
        photo.rename(photo.with_name(name))
    return place


def harmless(done: Done) -> None:
    """What was printed moves no cursor, sets no title and turns no text around."""
    for text in (done.out, done.err):
        odd = {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
        # argparse repeats what was typed, in Python's notation.
        assert odd <= {"\n"}, text


def test_on_the_screen(folder: Path, tmp_path: Path, run: Commands) -> None:
    labels = tmp_path / f"labels{ESCAPE}.csv"
    labels.write_text("nonsense")
    model = other_model(tmp_path / f"goats{ESCAPE}", name="Goats")
    into = tmp_path / f"out{ESCAPE}"
    for command in (
        ("scan", folder, *CPU),
        ("scan", folder / "none", *CPU),
        ("scan", folder / "alpaca" / NAMES[0], *CPU),
        ("evaluate", folder, *CPU),
        ("export", folder, "--xmp", "--dry-run", *CPU),
        ("export", folder, "--csv", "--out", labels, *CPU),
        ("import", labels),
        ("sort", folder, "--into", into, "--dry-run", *CPU),
        ("sort", folder, "--into", into, *CPU),
        ("sort", "--history"),
        ("sort", "--undo", "--quiet"),
        ("models", "add", model),
        ("models", "add", folder),
        ("models", "use", f"none{ESCAPE}"),
        ("scan", folder, "--model", folder, *CPU),
    ):
        harmless(run(*command))


def test_in_a_table(folder: Path, run: Commands) -> None:
    scanned, exported = (run(command, folder, "--csv", *CPU).out for command in ("scan", "export"))
    for text, end in ((scanned, "\n"), (exported, "\r\n")):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert len(rows) == len(NAMES) + 1
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
        assert text.endswith(end)
        paths = {row[0] for row in rows[1:]}
        assert {display_path(path) for path in paths} == {display_path(path) for path in folder.rglob("*.jpg")}
    # In a row that ends with a line feed only, a carriage return in a cell needs quotation marks.
    assert any('"' in line and "carriage\r" in line for line in scanned.split("\n"))


def test_a_class_named_like_a_formula(folder: Path, tmp_path: Path, run: Commands) -> None:
    names = ["=other", "@goat"]
    shown = {"=other": "=1+1", "@goat": "+SUM(A1)"}
    model = other_model(tmp_path / "goats", name="Goats", class_names=names, display_names=shown)
    for command in ("scan", "export"):
        text = run(command, folder, "--csv", "--model", model, *CPU).out
        labels = {row["label"] for row in csv.DictReader(io.StringIO(text, newline="")) if row["status"] == "ok"}
        assert labels <= {"'=other", "'@goat"}
        assert labels
