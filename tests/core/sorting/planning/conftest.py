"""The folder that is sorted, and where its photos go."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    return place


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
