"""In a made-up language, the window and the commands say nothing that no catalog has translated.

`python -m tests.pseudo window` and `commands` list the same by the module that each sentence comes from.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from alpacasorter import i18n
from tests import command_tour, window_tour
from tests.pseudo import CODE, Seen, write_catalog

pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.qt_log_ignore("This plugin does not support", "QString::arg"),
]


@pytest.fixture(autouse=True)
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each message with accents and longer, as the language of this process and of those it starts."""
    write_catalog(tmp_path / "locale")
    monkeypatch.setenv("ALPACASORTER_LOCALE_DIR", str(tmp_path / "locale"))
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", CODE)
    for name in ("_", "ngettext"):
        monkeypatch.setattr(argparse, name, getattr(argparse, name))
    yield
    i18n.use(i18n.ENGLISH)


def not_translated(seen: Iterable[Seen]) -> list[str]:
    return [f"{one.where}: {one.text!r} ({', '.join(one.words)})" for one in seen if one.words]


@pytest.mark.timeout(300)
def test_all_of_the_window_is_translated_and_fits(qapp: QApplication, tmp_path: Path) -> None:
    seen = list(window_tour.tour(tmp_path))
    assert len(seen) > 300, "the dialogs were not found"
    assert not_translated(seen) == []
    assert [f"{one.where}: {one.text!r} {one.cut}" for one in seen if one.cut] == []


@pytest.mark.timeout(300)
def test_all_that_the_commands_print_is_translated(tmp_path: Path) -> None:
    seen = list(command_tour.tour(tmp_path))
    assert len(seen) > 150, "the commands did not run"
    assert not_translated(seen) == []
