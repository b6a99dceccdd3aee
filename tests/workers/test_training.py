"""The training process, played by a small script: its events, and everything that can happen to it."""

import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter import i18n, paths
from alpacasorter.core.files import folder_name
from alpacasorter.training.events import Epoch, Prepared, Stage, Trained
from alpacasorter.training.recipe import RANDOM, Recipe
from alpacasorter.workers.training import Trainer, TrainingRequest, child_command, new_request, training_available
from tests.engines import is_running
from tests.workers.fake_training import FAKE, PREPARED, TRAINED, epochs

WAIT_MS = 20_000


class Listener:
    """A trainer and everything it has emitted."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.told: list[object] = []
        for name in ("stage", "prepared", "epoch", "trained"):
            getattr(trainer, name).connect(self.told.append)
        trainer.failed.connect(lambda reason: self.told.append(("failed", reason)))
        trainer.stopped.connect(lambda: self.told.append("stopped"))
        trainer.started.connect(lambda: self.told.append("started"))

    @property
    def ended(self) -> bool:
        return any(isinstance(t, Trained) or t == "stopped" or (isinstance(t, tuple)) for t in self.told)

    @property
    def reason(self) -> str:
        last = self.told[-1]
        assert isinstance(last, tuple)
        return str(last[1])


Start = Callable[..., Listener]


@pytest.fixture
def start(qtbot: QtBot, tmp_path: Path) -> Iterator[Start]:
    made: list[Trainer] = []

    def start(how: str, *, out: bool = True, grace_ms: int = 300) -> Listener:
        trainer = Trainer([sys.executable, str(FAKE), how], grace_ms=grace_ms, close_ms=300)
        made.append(trainer)
        listener = Listener(trainer)
        trainer.train(request(tmp_path, out=out))
        return listener

    yield start
    for trainer in made:
        trainer.close()


def request(folder: Path, *, out: bool = True) -> TrainingRequest:
    model, report = (folder / "model", folder / "reports" / "r.html") if out else (None, None)
    return TrainingRequest(folder / "photos", model, report, folder / "p.png", Recipe(weights=RANDOM, dense=(8, 4)))


def epochs_told(listener: Listener) -> int:
    return sum(isinstance(t, Epoch) for t in listener.told)


def test_events_arrive_in_order(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    listener = start("good")
    assert listener.trainer.running
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert not listener.trainer.running
    kinds = [type(t) for t in listener.told[1:]]
    assert listener.told[0] == "started"
    assert kinds == [Stage, Stage, Prepared, *[Epoch] * 12, Stage, Trained]
    prepared, last = listener.told[3], listener.told[-1]
    assert isinstance(prepared, Prepared)
    assert isinstance(last, Trained)
    assert prepared.left_out == PREPARED.left_out
    assert [t for t in listener.told if isinstance(t, Epoch)] == epochs()
    assert (last.bundle, last.accuracy) == (str(tmp_path / "model"), TRAINED.accuracy)


def test_the_request_is_one_line(tmp_path: Path) -> None:
    line = request(tmp_path).to_line()
    assert line.count("\n") == 1
    said = json.loads(line)
    assert set(said) == {"dataset", "out", "report", "preview", "recipe"}
    assert said["dataset"] == str(tmp_path / "photos")
    assert Recipe.from_json(json.dumps(said["recipe"])) == request(tmp_path).recipe
    assert json.loads(request(tmp_path, out=False).to_line())["out"] is None


def test_one_training_at_a_time(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    listener = start("waits")
    with pytest.raises(RuntimeError, match="in progress"):
        listener.trainer.train(request(tmp_path))
    qtbot.waitUntil(lambda: epochs_told(listener) == 2, timeout=WAIT_MS)
    listener.trainer.stop()
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    listener.told.clear()
    listener.trainer.train(request(tmp_path))
    qtbot.waitUntil(lambda: epochs_told(listener) == 2, timeout=WAIT_MS)
    listener.trainer.finish()
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert isinstance(listener.told[-1], Trained), "it can be used again"


def test_the_process_is_started_in_the_language_of_the_window(
    start: Start, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "language", lambda: "pt_BR")
    listener = start("waits")
    assert listener.trainer._process.processEnvironment().value(i18n.LANGUAGE_VARIABLE) == "pt_BR"
    qtbot.waitUntil(lambda: epochs_told(listener) == 2, timeout=WAIT_MS)


@pytest.mark.parametrize("how", ["waits", "deaf"])
def test_stop_ends_it_whether_it_listens_or_not(start: Start, qtbot: QtBot, how: str, tmp_path: Path) -> None:
    listener = start(how)
    qtbot.waitUntil(lambda: epochs_told(listener) == 2, timeout=WAIT_MS)
    listener.trainer.stop()
    listener.trainer.stop()
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert listener.told[-1] == "stopped"
    assert listener.told.count("stopped") == 1
    assert not listener.trainer.running
    assert not (tmp_path / "model").exists()


def test_stop_right_away(start: Start, qtbot: QtBot) -> None:
    listener = start("deaf")
    listener.trainer.stop()
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert [t for t in listener.told if t != "started"] == ["stopped"], "nothing is emitted once it is told to stop"


@pytest.mark.parametrize("how", ["waits", "deaf"])
def test_closing_leaves_no_process_and_emits_nothing(start: Start, qtbot: QtBot, how: str) -> None:
    listener = start(how)
    qtbot.waitUntil(lambda: epochs_told(listener) == 2, timeout=WAIT_MS)
    process = listener.trainer._process.processId()
    told = list(listener.told)
    listener.trainer.close()
    assert not listener.trainer.running
    assert not is_running(process)
    qtbot.wait(50)
    assert listener.told == told
    listener.trainer.close()


def test_a_failure_comes_with_its_reason(start: Start, qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        listener = start("fails")
        qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert listener.reason == "There is no photo of the class alpaca."


@pytest.mark.parametrize("how", ["crashes", "quits"])
def test_an_end_without_a_result_is_a_failure(
    start: Start, qtbot: QtBot, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        listener = start(how)
        qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert "unexpectedly" in listener.reason
    assert str(paths.user_log_dir()) in listener.reason
    assert "Out of luck in layer 7" in caplog.text, "its last messages are in the log"
    assert not listener.trainer.running


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_killed_by_the_system_hints_at_memory(start: Start, qtbot: QtBot) -> None:
    listener = start("dies")
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert "memory ran out" in listener.reason


def test_what_libraries_print_is_ignored(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    listener = start("garbage")
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    stage, trained = listener.told[1:]
    assert stage == Stage("Überall Käse"), "an event that comes in pieces is one event"
    assert isinstance(trained, Trained), "and so is the last one, without an end of its line"
    assert trained.bundle == str(tmp_path / "model")


def test_a_result_counts_even_if_the_process_does_not_end(start: Start, qtbot: QtBot) -> None:
    listener = start("lingers")
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert isinstance(listener.told[-1], Trained)
    assert not listener.trainer.running


def test_a_request_for_only_the_preview(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    listener = start("good", out=False)
    qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    prepared = listener.told[-2]
    assert isinstance(prepared, Prepared)
    assert listener.told[-1] == "stopped"
    assert Path(prepared.preview).is_file()


def test_a_missing_program(qtbot: QtBot, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = Trainer([str(tmp_path / "nothing")])
    listener = Listener(trainer)
    with caplog.at_level(logging.ERROR):
        trainer.train(request(tmp_path))
        qtbot.waitUntil(lambda: listener.ended, timeout=WAIT_MS)
    assert listener.reason.startswith("Training could not be started: ")
    assert not trainer.running


def test_the_real_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert child_command() == [sys.executable, "-m", "alpacasorter.training.child"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child_command() == [sys.executable, "--train-child"]


def test_without_tensorflow_training_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not training_available()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name == "tensorflow" else None)
    assert training_available()


# Where results go


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Alpaca", "alpaca"),
        ("My best: hike/2026 …", "my-best-hike-2026"),
        ("..", "model"),
        ("", "model"),
        ("COM1", "model-com1"),
        ("con", "model-con"),
        ("🦙", "model"),
        ("Ziege & Söhne", "ziege-söhne"),
        ("x" * 300, "x" * 40),
    ],
)
def test_names_become_names_of_folders(name: str, expected: str) -> None:
    assert folder_name(name) == expected


def test_existing_names_are_not_reused(tmp_path: Path) -> None:
    def named(name: str) -> TrainingRequest:
        return new_request(tmp_path, Recipe(), name, None)

    first = named("Llama")
    assert first.out == paths.user_models_dir() / "llama"
    assert first.report == paths.user_data_dir() / "reports" / "llama.html"
    first.out.mkdir(parents=True)
    assert first.recipe.name == "Llama"
    assert named("Llama").recipe.name == "Llama 2", "two models of one name could not be told apart"
    assert new_request(tmp_path, Recipe(name="Lama"), "Lama", None).recipe.name == "Lama"
    assert named("LLAMA").out == paths.user_models_dir() / "llama-2"
    second = named("llama")
    assert second.report is not None
    second.report.parent.mkdir(parents=True)
    second.report.touch()
    assert named("Llama").out == paths.user_models_dir() / "llama-3", "a report alone also takes the name"
    assert named("Alpaca").out == paths.user_models_dir() / "alpaca-2", "the bundled one is called so"
