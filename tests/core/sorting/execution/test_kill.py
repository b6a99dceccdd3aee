"""Kills a sorting process at many moments: nothing is lost, and the sort can be resumed or undone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.sorting.execution.kill_runs import PHASES, scenarios
from tests.core.store.library_files import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="a process that kills itself at a chosen deed is forked"),
]

OTHER_DISK = Path("/dev/shm")
POINTS = int(os.environ.get("ALPACASORTER_KILL_POINTS", "3"))


WORLDS = list(dict.fromkeys(scenario.name.rpartition(", ")[0] for scenario in scenarios()))


@pytest.mark.parametrize("world", WORLDS)
def test_a_killed_sort_loses_nothing(world: str, tmp_path: Path) -> None:
    two_disks = "two disks" in world
    if two_disks and (not OTHER_DISK.is_dir() or OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev):
        pytest.skip("there is no second disk here")
    # Where nothing is about another disk, the quicker one serves.
    place = OTHER_DISK if not two_disks and OTHER_DISK.is_dir() else tmp_path
    command = [sys.executable, "-m", "tests.core.sorting.execution.kill_runs", "--points", str(POINTS), "--timed", "1"]
    command += ["--only", world, "--place", str(place), "--other-place", str(OTHER_DISK)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert child.returncode == 0, child.stderr
    tallies = [json.loads(line) for line in child.stdout.splitlines()]
    assert [tally["name"] for tally in tallies] == [f"{world}, {phase}" for phase in PHASES]
    for tally in tallies:
        assert tally["losses"] == []
        assert tally["points"] == POINTS + 1
        assert tally["killed"] >= POINTS // 2 + 1
