"""Reading files of labels: those AlpacaSorter wrote, edited ones, and everything else."""

import json
import os
import socket
from pathlib import Path

import pytest

from alpacasorter.core.exchange import label_file
from alpacasorter.core.exchange.label_file import LabelFile, LabelFileError, LabelRow, read_labels

KEY, OTHER = "ab" * 32, "cd" * 32
ROW = {"path": "/a.jpg", "content_key": KEY, "label": "alpaca", "confidence": 0.9, "corrected": True}
DOCUMENT = {
    "format": "alpacasorter-results",
    "format_version": 1,
    "classes": {"not_alpaca": "Not alpaca", "alpaca": "Alpaca"},
    "photos": [ROW],
}
WANTED = LabelRow(KEY, "alpaca", True, 0.9, ("/a.jpg",))


def labels_in(path: Path, data: bytes | str) -> LabelFile:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_labels(path)


def test_a_document_is_read(tmp_path: Path) -> None:
    found = labels_in(tmp_path / "a.json", json.dumps(DOCUMENT))
    assert found.rows == (WANTED,)
    assert found.classes == ("not_alpaca", "alpaca")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_lines_of_a_scan_are_read(end: str, tmp_path: Path) -> None:
    lines = [ROW, {**ROW, "content_key": OTHER, "corrected": False}, {"path": "/b", "label": None, "corrected": False}]
    found = labels_in(tmp_path / "a.jsonl", "".join(json.dumps(line) + end for line in lines))
    assert found.rows == (WANTED, LabelRow(OTHER, "alpaca", False, 0.9, ("/a.jpg",)))
    assert (found.classes, found.unlabeled, found.broken) == (None, 1, 0)


def test_a_single_line_is_read(tmp_path: Path) -> None:
    assert labels_in(tmp_path / "a", json.dumps(ROW)).rows == (WANTED,)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_that_a_spreadsheet_wrote_again_is_read(codec: str, delimiter: str, tmp_path: Path) -> None:
    lines = (
        ["path", "content_key", "label", "confidence", "corrected"],
        ["/a.jpg", KEY.upper(), "alpaca", "0,9" if delimiter == ";" else "0.9", "WAHR" if delimiter == ";" else "TRUE"],
        [],
    )
    text = "\r\n".join(delimiter.join(line) for line in lines)
    assert labels_in(tmp_path / "a.csv", text.encode(codec)).rows == (WANTED,)


def test_a_list_made_by_hand_counts_as_corrections(tmp_path: Path) -> None:
    found = labels_in(tmp_path / "a.csv", "path,label\na.jpg,alpaca\n")
    assert found.rows == (LabelRow(None, "alpaca", True, None, ("a.jpg",)),)


@pytest.mark.parametrize(
    "change",
    [
        {"content_key": "abc"},
        {"content_key": 5},
        {"content_key": ["a"]},
        {"label": 5},
        {"label": "  "},
        {"corrected": "perhaps"},
        {"confidence": 2},
        {"confidence": "many"},
        {"confidence": True},
        {"confidence": [1]},
        {"confidence": 10**400},
    ],
)
def test_a_row_that_makes_no_sense_is_counted(change: dict[str, object], tmp_path: Path) -> None:
    found = labels_in(tmp_path / "a", json.dumps(DOCUMENT | {"photos": [ROW, ROW | change, 7, None]}))
    assert found.rows == (WANTED,)
    assert found.broken == 3


def test_rows_of_a_table_with_cells_too_many_or_too_few_are_counted(tmp_path: Path) -> None:
    found = labels_in(tmp_path / "a.csv", f"content_key,label\n{KEY},alpaca\n{KEY}\n{KEY},alpaca,more\n")
    assert len(found.rows) == 1
    assert found.broken == 2


def test_a_broken_line_between_others_is_counted(tmp_path: Path) -> None:
    line = json.dumps(ROW)
    found = labels_in(tmp_path / "a", f"{line}\n{line[:30]}\n{line}\n{line[:50]}")
    assert len(found.rows) == 2
    assert found.broken == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not a text file"),
        (b"PK\x03\x04\x00\x00", "not a text file"),
        (b"\xff\xfea", "incomplete or damaged"),
        (b"[1, 2]", "not from AlpacaSorter"),
        (b"{}", "not from AlpacaSorter"),
        (b'{"a": 1}', "not from AlpacaSorter"),
        (b"[" * 200_000, "not from AlpacaSorter"),
        (b'{"a": ' * 200_000, "not from AlpacaSorter"),
        (json.dumps(DOCUMENT).encode()[:-20], "incomplete or damaged"),
        (json.dumps(DOCUMENT | {"format_version": 2}).encode(), "newer version"),
        (json.dumps(DOCUMENT | {"format_version": "1"}).encode(), "format version"),
        (json.dumps(DOCUMENT | {"photos": {}}).encode(), "Parts of the file are missing"),
        (json.dumps(DOCUMENT | {"classes": None}).encode(), "Parts of the file are missing"),
        (b"name,age\nA,5\n", "no columns"),
        (b"just words", "no columns"),
        (b"<x:xmpmeta/>", "no columns"),
        (b"content_key,label\n" + b'"' + b"x" * (1 << 21), "not a CSV table"),
    ],
)
def test_a_file_without_labels_is_refused_with_the_reason(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(LabelFileError) as caught:
        labels_in(tmp_path / "labels", data)
    said = str(caught.value)
    assert said.startswith("labels can't be imported. ")
    assert words in said
    assert said.endswith(".")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabelFileError, match="no such file"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(LabelFileError, match="folder"):
        read_labels(tmp_path)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_file, "_LIMIT", 100)
    with pytest.raises(LabelFileError, match="larger than"):
        labels_in(tmp_path / "a", json.dumps(DOCUMENT))


# What other programs and languages make of a table

SPREADSHEETS = {
    "German": ("WAHR", "FALSCH", "cp1252"),
    "French": ("VRAI", "FAUX", "cp1252"),
    "Italian": ("VERO", "FALSO", "cp1252"),
    "Spanish": ("VERDADERO", "FALSO", "cp1252"),
    "Russian": ("ИСТИНА", "ЛОЖЬ", "cp1251"),
    "Portuguese": ("VERDADEIRO", "FALSO", "cp1252"),
    "Polish": ("PRAWDA", "FAŁSZ", "cp1250"),
    "Dutch": ("WAAR", "ONWAAR", "cp1252"),
    "Turkish": ("DOĞRU", "YANLIŞ", "cp1254"),
    "Greek": ("ΑΛΗΘΗΣ", "ΨΕΥΔΗΣ", "cp1253"),
    "Finnish": ("TOSI", "EPÄTOSI", "cp1252"),
    "Ukrainian": ("ІСТИНА", "ХИБНІСТЬ", "cp1251"),
}


@pytest.mark.parametrize("language", SPREADSHEETS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "old"])
def test_true_and_false_of_a_spreadsheet(language: str, encoding: str, tmp_path: Path) -> None:
    yes, no, old = SPREADSHEETS[language]
    text = f"content_key;label;confidence;corrected\r\n{KEY};alpaca;0,97;{yes}\r\n{OTHER};alpaca;97,5 %;{no}\r\n"
    found = labels_in(tmp_path / "labels.csv", text.encode(old if encoding == "old" else encoding))
    assert found.rows == (LabelRow(KEY, "alpaca", True, 0.97), LabelRow(OTHER, "alpaca", False, 0.975))
    assert found.broken == 0


def test_words_that_are_neither_are_counted(tmp_path: Path) -> None:
    text = f"content_key,label,corrected\n{KEY},alpaca,maybe\n{OTHER},alpaca,TRUE\n"
    found = labels_in(tmp_path / "labels.csv", text)
    assert (len(found.rows), found.broken) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "relative_path,label\nday 1/a.jpg,alpaca\n",
        "Relative_Path;Label\r\nday 1/a.jpg;alpaca\r\n",
        "sep=;\r\nrelative_path;label\r\nday 1/a.jpg;alpaca\r\n",
        '"sep=\t"\nrelative_path\tlabel\nday 1/a.jpg\talpaca\n',
        "\n\nlabel,relative_path\nalpaca,day 1/a.jpg\n",
        "relative_path,label\rday 1/a.jpg,alpaca\r",
        '{"relative_path": "day 1/a.jpg", "label": "alpaca"}',
    ],
)
def test_a_table_of_places_and_labels(text: str, tmp_path: Path) -> None:
    assert labels_in(tmp_path / "labels", text).rows == (LabelRow(None, "alpaca", True, None, ("day 1/a.jpg",)),)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to a pipe"])
def test_what_is_no_file_is_never_waited_for(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "labels"
    if kind == "device":
        file = Path("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(file))
    else:
        os.mkfifo(tmp_path / "pipe")
        file = tmp_path / "pipe"
        if kind == "link to a pipe":
            file = tmp_path / "labels"
            file.symlink_to(tmp_path / "pipe")
    with pytest.raises(LabelFileError, match="device or a pipe"):
        read_labels(file)
