"""How many modules a flow crosses: few enough to be read from one end to the other."""

import subprocess
import sys

import pytest

from tests.core.store.library_files import ROOT


@pytest.mark.parametrize(
    ("flow", "first", "last", "most"),
    [
        ("photo", "core.photos.walk", "core.labels", 29),
        ("sort", "core.sorting.planning.planner", "core.sorting.execution.transfer", 34),
        ("export", "core.exchange.results", "core.exchange.xmp", 11),
    ],
)
def test_a_flow_crosses_few_modules(flow: str, first: str, last: str, most: int) -> None:
    command = [sys.executable, "-m", "tools.flow_modules", flow]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    head, *modules = done.stdout.splitlines()
    names = [line.strip().removeprefix("alpacasorter.") for line in modules]
    assert head == f"{flow}: {len(names)} modules"
    assert {first, last} <= set(names)
    assert len(set(names)) == len(names) <= most


def test_a_flow_that_does_not_exist_is_refused() -> None:
    command = [sys.executable, "-m", "tools.flow_modules", "dance"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown flow: dance" in done.stderr
