"""Programs without standard streams, and what the frozen program does first."""

import os
import sys
from pathlib import Path

import pytest

from alpacasorter import __main__ as entry
from tests.engines import run_python

_WITHOUT = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
from alpacasorter.cli.usage import open_streams
open_streams()
print("nowhere")
print("nowhere", file=sys.stderr)
with open(sys.argv[1], "w") as file:
    os.write(1, b"chatter")
    os.write(2, b"chatter")
    assert all(os.get_inheritable(number) for number in (0, 1, 2))
    file.write(str(file.fileno()))
"""


@pytest.mark.skipif(os.name != "posix", reason="closes file descriptors")
def test_missing_streams_lead_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "precious"
    assert run_python(_WITHOUT, file).returncode == 0
    assert int(file.read_text()) > 2, "no chatter of a library may go into a file of ours"


def test_streams_that_are_there_are_left(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    from alpacasorter.cli.usage import open_streams

    open_streams()
    assert (sys.stdout, sys.stderr) == before


def test_other_programs_find_their_own_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/app/_internal", raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/app/_internal:/mine")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/mine")
    monkeypatch.setenv("LIBPATH", "/opt/app/_internal")
    monkeypatch.setenv("DYLD_LIBRARY_PATH", "/mine")
    entry._prepare_frozen()
    assert os.environ["LD_LIBRARY_PATH"] == "/mine"
    assert "LD_LIBRARY_PATH_ORIG" not in os.environ
    assert "LIBPATH" not in os.environ
    assert os.environ["DYLD_LIBRARY_PATH"] == "/mine"
