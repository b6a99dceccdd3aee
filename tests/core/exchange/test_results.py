"""Results as JSON and as a table."""

import csv
import io
import json
import os
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.exchange.label_file import read_labels
from alpacasorter.core.exchange.results import (
    COLUMNS,
    FORMAT,
    ExportError,
    ExportStopped,
    Source,
    csv_pieces,
    json_pieces,
    write_results,
)
from alpacasorter.core.labels import LabeledPhoto, LabelSet, unreadable
from alpacasorter.core.photo import PhotoFacts
from tests.picture_files import picture_bytes
from tests.unprivileged import ordinary_user, shared_folder

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca"})
FOLDER = Path("/photos").absolute()
SOURCE = Source(FOLDER, "Alpaca", "2.0.0", LABELS)
FACTS = PhotoFacts(800, 600, "2026-05-01T12:30:00+02:00", "JPEG")
GOOD = LABELS.labeled(JudgedPhoto(FOLDER / "day 1" / "a.jpg", "ab" * 32, 0.1234567, FACTS, None))
CORRECTED = LABELS.labeled(JudgedPhoto(FOLDER / "b, “b”\n.jpg", "cd" * 32, 0.1, FACTS, "alpaca"))
BAD = unreadable(Problem(FOLDER / "c.jpg", reasons.DAMAGED))
ALL = (GOOD, CORRECTED, BAD)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_json_is_one_document_that_says_what_it_is() -> None:
    document = json.loads("".join(json_pieces(SOURCE, ALL)))
    assert document["format"] == FORMAT
    assert document["format_version"] == 1
    assert document["model"] == {"name": "Alpaca", "version": "2.0.0", "variant": None}
    assert document["classes"] == {"not_alpaca": "Not alpaca", "alpaca": "Alpaca"}
    assert document["folder"] == str(FOLDER)
    good, corrected, bad = document["photos"]
    assert tuple(good) == COLUMNS
    assert good["label"] == "not_alpaca"
    assert (good["probability"], good["confidence"]) == (0.123457, 0.876543)
    assert (good["width"], good["height"], good["taken_at"]) == (800, 600, FACTS.taken_at)
    assert good["relative_path"] == "day 1/a.jpg"
    assert (corrected["label"], corrected["corrected"], corrected["confidence"]) == ("alpaca", True, 0.1)
    assert (bad["status"], bad["reason"], bad["label"]) == ("unreadable", reasons.sentence(reasons.DAMAGED), None)


def test_json_says_which_variant_of_the_model_judged() -> None:
    source = Source(FOLDER, "Ponies", "1.0", LABELS, "narrow")
    document = json.loads("".join(json_pieces(source, ALL)))
    assert document["model"] == {"name": "Ponies", "version": "1.0", "variant": "narrow"}


def test_json_without_photos_is_json() -> None:
    assert json.loads("".join(json_pieces(SOURCE, ())))["photos"] == []


def test_a_table_has_the_same_rows() -> None:
    good, corrected, bad = rows_of("".join(csv_pieces(SOURCE, ALL)))
    assert tuple(good) == COLUMNS
    assert (good["content_key"], good["label"], good["corrected"]) == ("ab" * 32, "not_alpaca", "false")
    assert (corrected["relative_path"], corrected["corrected"]) == ("b, “b”\n.jpg", "true")
    assert (bad["status"], bad["content_key"], bad["label"]) == ("unreadable", "", "")


@pytest.mark.parametrize("name", ["=1+1.jpg", "+1.jpg", "-1.jpg", "@a.jpg", "\t=1.jpg", "'=1.jpg"])
def test_no_cell_of_a_table_is_a_formula(name: str) -> None:
    labels = LabelSet("=cmd()", "+a", {})
    result = LabeledPhoto(FOLDER / name, "ab" * 32, "=cmd()", 0.9, probability=0.1)
    row = rows_of("".join(csv_pieces(Source(FOLDER, "m", "1", labels), [result])))[0]
    assert row["relative_path"] == f"./{name}"
    assert FOLDER / row["relative_path"] == FOLDER / name
    assert row["label"] == "'=cmd()"
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_a_table_is_read_back_with_the_labels_as_they_were(tmp_path: Path) -> None:
    labels = LabelSet("=cmd()", "+a", {})
    result = LabeledPhoto(FOLDER / "=1.jpg", "ab" * 32, "=cmd()", 0.9, corrected=True, probability=0.1)
    write_results(tmp_path / "a.csv", "csv", Source(FOLDER, "m", "1", labels), [result], replace=False)
    row = read_labels(tmp_path / "a.csv").rows[0]
    assert (row.label, row.places[0]) == ("=cmd()", "./=1.jpg")


def test_a_table_in_a_file_has_the_mark_by_which_excel_knows_it(tmp_path: Path) -> None:
    write_results(tmp_path / "ä.csv", "csv", SOURCE, ALL, replace=False)
    data = (tmp_path / "ä.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfpath,content_key,")
    assert data.count(b"\r\n") == 4


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_name_that_is_no_text_keeps_its_bytes(form: str, tmp_path: Path) -> None:
    path = FOLDER / os.fsdecode(b"\xff\xfe.jpg")
    result = LabeledPhoto(path, "ab" * 32, "alpaca", 0.9, corrected=True, probability=0.9)
    write_results(tmp_path / "a", form, SOURCE, [result], replace=False)  # type: ignore[arg-type]
    assert read_labels(tmp_path / "a").rows[0].places == (path.name, str(path))


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    out.write_text("mine")
    with pytest.raises(ExportError, match="already exists"):
        write_results(out, "json", SOURCE, ALL, replace=False)
    assert out.read_text() == "mine"
    write_results(out, "json", SOURCE, ALL, replace=True)
    assert json.loads(out.read_text())["format"] == FORMAT
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("name", ["photo.jpg", "photo", "raw.CR2", "film.mov"])
def test_a_photo_is_never_replaced(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.write_bytes(picture_bytes(seed=1))
    before = out.read_bytes()
    with pytest.raises(ExportError, match="It is a photo or video"):
        write_results(out, "csv", SOURCE, ALL, replace=True)
    assert out.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
def test_only_ordinary_files_are_replaced(tmp_path: Path) -> None:
    pipe, link, table = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "table.csv"
    os.mkfifo(pipe)
    table.write_text("mine", encoding="utf-8")
    link.symlink_to(table)
    for out in (pipe, link):
        with pytest.raises(ExportError, match="not an ordinary file"):
            write_results(out, "csv", SOURCE, ALL, replace=True)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert table.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("replace", [True, False])
def test_what_can_not_be_written_is_said(replace: bool, tmp_path: Path) -> None:
    for out, words in ((tmp_path, "It is a folder."), (tmp_path / "no" / "a.csv", "The folder does not exist.")):
        with pytest.raises(ExportError, match=words):
            write_results(out, "csv", SOURCE, ALL, replace=replace)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
@pytest.mark.parametrize("replace", [True, False])
def test_a_folder_that_may_not_be_written_is_said(replace: bool) -> None:
    with shared_folder() as shut, ordinary_user(), pytest.raises(ExportError, match="You don't have permission"):
        write_results(shut / "a.csv", "csv", SOURCE, ALL, replace=replace)


def test_stopping_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    out.write_text("mine")
    told: list[tuple[int, int]] = []
    many = [GOOD] * 2000
    with pytest.raises(ExportStopped):
        write_results(
            out,
            "csv",
            SOURCE,
            many,
            replace=True,
            stopped=lambda: len(told) == 2,
            progress=lambda done, total: told.append((done, total)),
        )
    assert told == [(0, 2000), (500, 2000)]
    assert out.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
