"""Of several starts one has the window."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.workers import instance
from alpacasorter.workers.instance import Claim, Instance, hand_over_or_claim, server_name
from tests.engines import run_python

posix_only = pytest.mark.skipif(os.name != "posix", reason="other systems have no sockets with a path")

_HOLDS = """
import sys
from alpacasorter.workers.instance import Claim
claim = Claim(sys.argv[1])
print(claim.take(), flush=True)
sys.stdin.read()
"""
_TAKES = """
import sys
from alpacasorter.workers.instance import Claim
print(Claim(sys.argv[1]).take())
"""
_STARTS = """
import sys
from pathlib import Path
from alpacasorter.workers.instance import Claim, hand_over_or_claim
claim = Claim(sys.argv[1])
print(hand_over_or_claim(claim, Path(sys.argv[2]), seconds=60), claim.held)
"""


@pytest.fixture
def name(qapp: object) -> str:
    return server_name("for the test", str(os.getpid()))


@pytest.fixture
def holder(name: str) -> Iterator[subprocess.Popen[str]]:
    """Another start, which has the claim and does not listen yet."""
    pipe = subprocess.PIPE
    started = subprocess.Popen([sys.executable, "-c", _HOLDS, name], stdin=pipe, stdout=pipe, text=True)
    assert started.stdout is not None
    try:
        assert started.stdout.readline() == "True\n"
        yield started
    finally:
        started.kill()
        started.communicate()


def test_one_has_it(name: str) -> None:
    mine = Claim(name)
    assert not mine.held
    assert mine.take()
    assert mine.take()
    assert run_python(_TAKES, name).stdout == "False\n"
    mine.release()
    mine.release()
    assert not mine.held
    assert run_python(_TAKES, name).stdout == "True\n"


def test_where_nobody_has_it_the_start_takes_it(name: str, tmp_path: Path) -> None:
    mine = Claim(name)
    assert hand_over_or_claim(mine, tmp_path) is False
    assert mine.held
    mine.release()


def test_who_was_killed_has_it_no_more(name: str, holder: subprocess.Popen[str]) -> None:
    assert not Claim(name).take()
    holder.kill()
    holder.wait()
    mine = Claim(name)
    assert mine.take()
    mine.release()


@posix_only
def test_socket_of_a_window_that_was_killed_is_replaced(name: str) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(name)
    left.close()
    assert Path(name).is_socket()
    mine = Claim(name)
    assert hand_over_or_claim(mine, None) is False
    assert mine.held
    assert not Path(name).exists()
    mine.release()


def test_start_waits_for_the_window_that_is_being_opened(name: str, qtbot: QtBot, tmp_path: Path) -> None:
    mine = Claim(name)
    assert mine.take()
    second = subprocess.Popen([sys.executable, "-c", _STARTS, name, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    asked: list[Path | None] = []
    try:
        qtbot.wait(500)
        assert second.poll() is None, "it waits"
        window = Instance(name, lambda folder, _photos, _token: asked.append(folder))
        assert window.listen()
        qtbot.waitUntil(lambda: second.poll() is not None, timeout=60_000)
        assert asked == [tmp_path]
        window.close()
    finally:
        second.kill()
        said, _ = second.communicate()
        mine.release()
    assert said == "True False\n"


def test_start_does_not_wait_for_ever(name: str, holder: subprocess.Popen[str], tmp_path: Path) -> None:
    mine = Claim(name)
    assert hand_over_or_claim(mine, tmp_path, seconds=0.1) is False
    assert not mine.held
    assert holder.poll() is None


@posix_only
def test_lock_of_somebody_else_is_not_waited_for(
    name: str, holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "is_ours", lambda *_: False)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
    assert hand_over_or_claim(Claim(name), tmp_path) is False


@posix_only
def test_folder_that_can_not_be_written_is_no_trouble(tmp_path: Path, qapp: object) -> None:
    mine = Claim(str(tmp_path / "gone" / "name"))
    assert hand_over_or_claim(mine, tmp_path) is False
    assert not mine.held
