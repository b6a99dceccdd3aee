"""Contact sheets are written whole or not at all, with text that can be searched, from pictures as large as printed."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.workers import contact_sheets
from alpacasorter.workers.contact_sheets import ContactSheets, SheetLayout, SheetPhoto, pages_of
from tests.picture_files import make_picture

WAIT_MS = 30_000


def layout(paper: str = "A4", columns: int = 4, lines: int = 2) -> SheetLayout:
    return SheetLayout(paper, columns, "A hike & more", lines, "Page {page} of {pages}")


@pytest.fixture
def sheets(qtbot: QtBot) -> Iterator[ContactSheets]:
    made = ContactSheets()
    yield made
    made.close()
    made.deleteLater()


def photos(folder: Path, count: int) -> list[SheetPhoto]:
    folder.mkdir()
    found = []
    for number in range(count):
        path = folder / f"IMG_{number}.jpg"
        make_picture(path, seed=number, size=(1200, 900))
        found.append(SheetPhoto(path, (path.name, "Alpaca · 93%")))
    return found


def make(qtbot: QtBot, sheets: ContactSheets, out: Path, some: list[SheetPhoto], how: SheetLayout) -> bytes:
    with qtbot.waitSignal(sheets.written, timeout=WAIT_MS):
        sheets.make(out, some, how)
    return out.read_bytes()


def streams(data: bytes) -> list[bytes]:
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            found.append(match[1])
    return found


def letters(data: bytes) -> set[str]:
    """Return the letters that the fonts of a document map to text: what a search finds."""
    found: set[str] = set()
    for stream in streams(data):
        if b"beginbfrange" in stream or b"beginbfchar" in stream:
            found |= {chr(int(code, 16)) for code in re.findall(rb"<([0-9A-Fa-f]{4})>\s*$", stream, re.MULTILINE)}
            found |= {
                chr(int(code, 16))
                for line in re.findall(rb"\[(.*?)\]", stream)
                for code in re.findall(rb"<([0-9A-Fa-f]{4})>", line)
            }
    return found


def test_pages_pictures_and_text(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    some = photos(tmp_path / "photos", 5)
    done: list[tuple[int, int]] = []
    sheets.progress.connect(lambda *numbers: done.append(numbers))
    data = make(qtbot, sheets, tmp_path / "sheet.pdf", some, layout(columns=2))
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) == pages_of(layout(columns=2), 5) == 1
    widths = sorted(int(width) for width in re.findall(rb"/Width (\d+)", data))
    # Half a page is 91 mm: 1,075 dots, as many as the photos have.
    assert len(widths) == 5
    assert 900 < widths[0] <= 1200
    assert set("IMG_0.jpgAlpaca") <= letters(data)
    assert done[-1] == (5, 5)


def test_it_takes_as_many_pages_as_it_says(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    some = photos(tmp_path / "photos", 1) * 40
    for how in (layout("Letter", 3, 1), layout("A4", 8, 0), layout("A4", 4, 2)):
        data = make(qtbot, sheets, tmp_path / "sheet.pdf", some, how)
        assert len(re.findall(rb"/Type\s*/Page\b", data)) == pages_of(how, 40)


def test_paper(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    some = photos(tmp_path / "photos", 1)
    for paper, size in (("A4", (595, 842)), ("Letter", (612, 792))):
        data = make(qtbot, sheets, tmp_path / "sheet.pdf", some, layout(paper))
        box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
        assert box is not None
        assert (round(float(box[1])), round(float(box[2]))) == pytest.approx(size, abs=1)


def test_pictures_are_no_larger_than_printed(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    make_picture(folder / "large.jpg", seed=1, size=(4000, 3000))
    data = make(qtbot, sheets, tmp_path / "sheet.pdf", [SheetPhoto(folder / "large.jpg", ())], layout(columns=8))
    [width] = re.findall(rb"/Width (\d+)", data)
    assert int(width) < 300


def test_a_photo_that_cannot_be_read_says_why(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    some = [SheetPhoto(tmp_path / "broken.jpg", ("broken.jpg",)), SheetPhoto(tmp_path / "gone.jpg", ("gone.jpg",))]
    data = make(qtbot, sheets, tmp_path / "sheet.pdf", some, layout())
    assert not re.findall(rb"/Width (\d+)", data)


def test_stop_leaves_what_was_there(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    out = tmp_path / "sheet.pdf"
    out.write_bytes(b"an older one")
    some = photos(tmp_path / "photos", 1) * 500
    sheets.progress.connect(lambda done, _all: sheets.stop() if done == 3 else None)
    with qtbot.waitSignal(sheets.stopped, timeout=WAIT_MS):
        sheets.make(out, some, layout())
    assert out.read_bytes() == b"an older one"
    assert {path.name for path in tmp_path.iterdir()} == {"sheet.pdf", "photos"}
    assert not sheets.busy


def test_a_folder_that_cannot_be_written_to_is_said(qtbot: QtBot, sheets: ContactSheets, tmp_path: Path) -> None:
    with qtbot.waitSignal(sheets.failed, timeout=WAIT_MS) as told:
        sheets.make(tmp_path / "no such folder" / "sheet.pdf", photos(tmp_path / "photos", 1), layout())
    assert told.args is not None
    assert told.args[0].endswith(".")


def test_it_is_made_off_the_gui_thread(
    qtbot: QtBot, sheets: ContactSheets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    seen: list[str] = []
    read = contact_sheets.read_picture

    def noted(*arguments: object) -> object:
        seen.append(threading.current_thread().name)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(contact_sheets, "read_picture", noted)
    make(qtbot, sheets, tmp_path / "sheet.pdf", photos(tmp_path / "photos", 1), layout())
    assert seen == ["lane-contact-sheets"]
