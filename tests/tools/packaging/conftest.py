"""Fixtures for the tests of the packaging tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.packaging.packed_folder import Packed, stand_in
from tools.packaging import debian


@pytest.fixture(autouse=True)
def real_packages(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Make the answers the same on every system: dpkg is not asked. Returns the function that does ask it."""
    real: Callable[..., dict[str, Any]] = debian.packages
    monkeypatch.setattr(debian, "packages", lambda _libraries: {})
    return real


@pytest.fixture
def built(tmp_path: Path) -> Packed:
    return stand_in(tmp_path)
