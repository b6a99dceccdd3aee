"""A Python that TensorFlow does not exist for."""

import sys
from pathlib import Path

import pytest

from tools.model_maker.build_bundle import main


def test_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    place = str(tmp_path)
    assert main(["--photos", place, "--teacher", place, "--work", place, "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert "needs TensorFlow" in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()
