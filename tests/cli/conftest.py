"""What all tests of the command line use."""

import pytest

from tests.cli.commands import Commands


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Commands:
    """Run the command line inside the test."""
    return Commands(capsys)
