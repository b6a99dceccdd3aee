"""What the commands print for programs, and their exit codes, are the same as in an earlier version."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.compat import outputs

BEFORE: dict[str, Any] = json.loads(Path(__file__).with_name("outputs.json").read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the files were written on a POSIX system")


@pytest.mark.slow
def test_json(tmp_path: Path) -> None:
    before = {name: told for name, told in BEFORE["json"].items() if name != "train --json"}
    assert outputs.describe_json(tmp_path) == before


@pytest.mark.slow
@pytest.mark.tensorflow
def test_json_of_training(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    assert outputs.describe_training(tmp_path) == BEFORE["json"]["train --json"]


def test_csv(tmp_path: Path) -> None:
    assert outputs.describe_csv(tmp_path) == BEFORE["csv"]


def test_exit_codes(tmp_path: Path) -> None:
    assert outputs.exit_codes(tmp_path / "place") == BEFORE["exit codes"]
