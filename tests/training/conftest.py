"""Fixtures of the tests of downloading."""

from collections.abc import Iterator

import pytest

from tests.training.open_images.server import OpenImagesServer, open_images


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach this machine without a proxy, even if the environment sets one."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server(no_proxy: None) -> Iterator[OpenImagesServer]:
    """Open Images on this machine, with no photos yet."""
    with open_images() as running:
        yield running
