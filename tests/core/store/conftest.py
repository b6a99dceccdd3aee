"""Fixtures of the tests of the library and the cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alpacasorter.core.store.library import Library


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.sqlite"


@pytest.fixture
def library(path: Path) -> Iterator[Library]:
    with Library.open(path) as opened:
        yield opened
