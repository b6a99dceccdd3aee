"""The size of the window at the first start and the next ones, on screens of any scale. Each scale needs a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from alpacasorter.ui.app import build_window
from alpacasorter.ui.settings import Settings

app, sizes = QApplication([]), []
for _start in range(10):
    window = build_window(app, Settings(QSettings(sys.argv[1], QSettings.Format.IniFormat)), "cpu")
    window.show()
    app.processEvents()
    sizes.append(window.size().toTuple())
    window.close()
    window.deleteLater()
    app.processEvents()
print(json.dumps({"screen": app.primaryScreen().availableSize().toTuple(), "sizes": sizes}))
"""


@pytest.mark.parametrize("scale", ["1.5", "2"])
def test_it_fits_the_screen_and_stays_as_it_was(tmp_path: Path, scale: str) -> None:
    variables = os.environ | {
        "HOME": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
        "QT_SCALE_FACTOR": scale,
        "ALPACASORTER_DATA_DIR": str(tmp_path / "data"),
        "ALPACASORTER_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "settings.ini")]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=240, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    (first, *others) = found["sizes"]
    assert all(side < most for side, most in zip(first, found["screen"], strict=True))
    assert others == [first] * 9
