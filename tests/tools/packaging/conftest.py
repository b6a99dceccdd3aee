"""Fixtures for the tests of the packaging tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.packaging.packed_folder import Packed, imitation
from tools.packaging import libraries


@pytest.fixture(autouse=True)
def real_packages(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Make results the same on every system by not asking dpkg. Returns the real function, which does ask it."""
    real: Callable[..., dict[str, Any]] = libraries.debian_packages
    monkeypatch.setattr(libraries, "debian_packages", lambda _libraries: {})
    return real


@pytest.fixture
def built(tmp_path: Path) -> Packed:
    return imitation(tmp_path)
