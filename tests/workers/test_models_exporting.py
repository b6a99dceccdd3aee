"""The process that exports a model, replaced by a small script, and the real one once."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.workers.models import Exporter, export_command
from tests.engines import is_running

WAIT_MS = 60_000
SAY = "import sys, pathlib, time, os; "


class Told:
    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.all: list[tuple[str, object]] = []
        exporter.exported.connect(lambda out: self.all.append(("exported", out)))
        exporter.failed.connect(lambda words: self.all.append(("failed", words)))


@pytest.fixture
def played(qtbot: QtBot) -> Iterator[Callable[[str], Told]]:
    """Make an exporter whose process runs a script; its arguments are sys.argv[1:]."""
    made: list[Exporter] = []

    def make(script: str) -> Told:
        exporter = Exporter(command=[sys.executable, "-c", SAY + script])
        made.append(exporter)
        return Told(exporter)

    yield make
    for exporter in made:
        exporter.close()
        exporter.deleteLater()


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "Model with spaces 🦙.KERAS"])
def test_it_gets_the_right_arguments(played: Callable[[str], Told], tmp_path: Path, qtbot: QtBot, name: str) -> None:
    told = played("pathlib.Path(sys.argv[-1], 'asked').write_text(chr(10).join(sys.argv[1:]), 'utf-8')")
    out = tmp_path / name
    told.exporter.export(tmp_path, out)
    assert told.exporter.running
    with pytest.raises(RuntimeError):
        told.exporter.export(tmp_path, out)
    qtbot.waitUntil(lambda: told.all == [("exported", out)], timeout=WAIT_MS)
    assert (tmp_path / "asked").read_text("utf-8").splitlines() == [
        f"--{out.suffix[1:].lower()}={out}",
        "--",
        str(tmp_path),
    ]
    assert not told.exporter.running
    told.exporter.export(tmp_path, out, "-narrow")
    qtbot.waitUntil(lambda: len(told.all) == 2, timeout=WAIT_MS)
    assert "--variant=-narrow" in (tmp_path / "asked").read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "print('chatter', file=sys.stderr); sys.exit('alpacasorter: There is no room for it 🦙.')",
            "no room for it 🦙.",
        ),
        ("print('Traceback', file=sys.stderr); sys.exit(1)", "without an error message"),
        ("sys.exit(2)", "without an error message"),
        ("os.abort()", "without an error message"),
    ],
)
def test_failures_are_sentences(
    played: Callable[[str], Told], tmp_path: Path, qtbot: QtBot, script: str, words: str
) -> None:
    told = played(script)
    told.exporter.export(tmp_path, tmp_path / "out.keras")
    qtbot.waitUntil(lambda: bool(told.all), timeout=WAIT_MS)
    ((kind, said),) = told.all
    assert kind == "failed"
    assert words in str(said)
    assert not str(said).startswith("alpacasorter")


def test_a_process_that_cannot_be_started(tmp_path: Path, qtbot: QtBot) -> None:
    told = Told(Exporter(command=[str(tmp_path / "nothing")]))
    told.exporter.export(tmp_path, tmp_path / "out.tflite")
    qtbot.waitUntil(lambda: bool(told.all), timeout=WAIT_MS)
    ((_, said),) = told.all
    assert "could not be written" in str(said)
    assert not told.exporter.running


def test_other_endings_are_refused(played: Callable[[str], Told], tmp_path: Path) -> None:
    told = played("pass")
    with pytest.raises(ValueError, match="ends in none"):
        told.exporter.export(tmp_path, tmp_path / "photo.jpg")
    assert not told.exporter.running


def test_closing_ends_the_process_without_a_signal(played: Callable[[str], Told], tmp_path: Path, qtbot: QtBot) -> None:
    told = played("pathlib.Path(sys.argv[3], 'pid').write_text(str(os.getpid())); time.sleep(100)")
    told.exporter.export(tmp_path, tmp_path / "out.keras")
    qtbot.waitUntil(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "", timeout=WAIT_MS)
    told.exporter.close()
    told.exporter.close()
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert told.all == []


def test_the_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert export_command() == [sys.executable, "-m", "alpacasorter", "export-model"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert export_command() == [sys.executable, "export-model"]


def test_the_real_process_says_what_is_wrong(tmp_path: Path, qtbot: QtBot) -> None:
    exporter = Exporter()
    told = Told(exporter)
    exporter.export(tmp_path / "no model", tmp_path / "out.keras")
    qtbot.waitUntil(lambda: bool(told.all), timeout=WAIT_MS)
    ((kind, said),) = told.all
    assert kind == "failed"
    assert "can't be opened" in str(said)
