"""The screenshots in the documents: drawn photos, the real window."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from tools.screenshots.scenes import SIZE, draw, draw_hike
from tools.screenshots.take import OUT, STATES
from tools.screenshots.take import SIZE as WINDOW

ROOT = Path(__file__).parents[2]
BUDGET = 1_200_000
"""Bytes of all of them."""


def test_a_scene_is_the_same_each_time_and_no_two_are(qapp: QApplication, tmp_path: Path) -> None:
    assert draw(3, has_animal=True) == draw(3, has_animal=True)
    assert draw(3, has_animal=True) != draw(3, has_animal=False)
    assert draw(3, has_animal=False) != draw(4, has_animal=False)
    animals = draw_hike(tmp_path / "hike", 9)
    files = sorted(path.name for path in (tmp_path / "hike").iterdir())
    assert len(files) == 9
    assert 0 < len(animals) < 9
    assert set(animals) < set(files)
    assert QImage(str(tmp_path / "hike" / files[0])).size().toTuple() == SIZE


@pytest.mark.model
def test_a_state_is_shown_in_the_window(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.screenshots.take", "unsure", "--scheme", "dark", "--out", str(tmp_path)]
    variables = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.iterdir()
    assert file.name == "unsure-dark.png"
    image = QImage(str(file))
    assert image.size().toTuple() == WINDOW
    assert image.pixelColor(5, 60).lightness() < 80
    assert len({image.pixel(x, y) for x in range(0, 1120, 8) for y in range(0, 740, 8)}) > 40


def test_all_are_in_the_documents_and_small() -> None:
    files = {path.name: path.stat().st_size for path in OUT.iterdir()}
    assert files.keys() == {f"{state}-{scheme}.png" for state in STATES for scheme in ("light", "dark")}
    assert sum(files.values()) <= BUDGET
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"docs/screenshots/{state}-light.png" in readme for state in STATES)
