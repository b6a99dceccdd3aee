"""The documents: tables that are shown as tables, and the folders that the program really writes to."""

from __future__ import annotations

import re
from pathlib import Path

import platformdirs.macos
import platformdirs.unix
import platformdirs.windows
import pytest
from PySide6.QtCore import QSettings

from alpacasorter.paths import APP_NAME
from alpacasorter.ui.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(words: str) -> list[list[str]]:
    """Return the lines that stand together, without code."""
    words = re.sub(r"^```.*?^```$", "", words, flags=re.DOTALL | re.MULTILINE)
    return [block.splitlines() for block in re.split(r"\n\s*\n", words)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_rows_of_tables_stand_below_a_head(path: Path) -> None:
    for block in _blocks(path.read_text(encoding="utf-8")):
        rows = [line for line in block if line.startswith("|")]
        if rows:
            assert len(rows) > 2, rows
            assert re.fullmatch(r"[|\s:-]+", rows[1]), rows
            columns = {len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row))) for row in rows}
            assert len(columns) == 1, rows


def test_packaged_program_is_all_that_its_section_is_about() -> None:
    sections = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("\n## ")
    (about,) = [section for section in sections if section.startswith("The packaged program\n")]
    assert "make package" in about
    assert not re.search(r"alpaca is|An error", about)


def _stored() -> list[list[str]]:
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## Where things are stored\n")[1].split("\n## ")[0]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert rows[0][1:] == ["Linux", "macOS", "Windows"]
    return rows[2:]


def _cells(word: str) -> list[str]:
    (row,) = [row for row in _stored() if f"`{word}`" in row[0]]
    return [cell.strip("`") for cell in row[1:]]


@pytest.mark.parametrize(
    ("word", "kind"),
    [("library.sqlite", "user_data_dir"), ("cache.sqlite", "user_cache_dir"), ("crash.log", "user_log_dir")],
)
def test_readme_names_the_folders(monkeypatch: pytest.MonkeyPatch, word: str, kind: str) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    linux, macos, windows = _cells(word)
    for system, told in ((platformdirs.unix.Unix, linux), (platformdirs.macos.MacOS, macos)):
        assert Path(getattr(system(APP_NAME, appauthor=False), kind)) == Path(told).expanduser()
    asked: list[str] = []

    def folder(name: str) -> str:
        asked.append(name)
        return "%LOCALAPPDATA%"

    monkeypatch.setattr(platformdirs.windows, "get_win_folder", folder)
    found = getattr(platformdirs.windows.Windows(APP_NAME, appauthor=False), kind)
    assert found.replace("/", "\\") == windows
    assert asked == ["CSIDL_LOCAL_APPDATA"]


def test_readme_names_the_file_of_the_settings(tmp_path: Path) -> None:
    linux, macos, windows = _cells("AlpacaSorter.ini")
    assert (linux, macos, windows) == ("~/.config/AlpacaSorter", "~/.config/AlpacaSorter", r"%APPDATA%\AlpacaSorter")
    # Qt says which folder is for files of this kind; what is below it is for the program to say.
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))
    assert Path(Settings()._store.fileName()) == tmp_path / "AlpacaSorter" / "AlpacaSorter.ini"
