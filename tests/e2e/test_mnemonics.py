"""In no menu and no dialog does a letter stand for two things, in any language."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests import window_tour

# The made-up language is walked through in test_pseudo_locale, which checks the same.
pytestmark = [
    pytest.mark.model,
    pytest.mark.slow,
    pytest.mark.qt_log_ignore("This plugin does not support", "QString::arg"),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", ["en", "en_GB"])
def test_letters_are_unique(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    monkeypatch.setenv("ALPACASORTER_LANGUAGE", language)
    seen = list(window_tour.tour(tmp_path))
    assert len(seen) > 300, "the dialogs were not found"
    assert [f"{one.where}: {one.text} {one.cut}" for one in seen if "share the letter" in one.cut] == []
