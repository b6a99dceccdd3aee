"""Training in its own process: one line of JSON in, events out, and commands while it runs."""

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from alpacasorter.training import child
from alpacasorter.training.events import (
    FINDING,
    STARTING,
    Epoch,
    Failed,
    Prepared,
    Stage,
    Stopped,
    Trained,
    from_line,
    unexpected,
)
from alpacasorter.training.recipe import Recipe
from tests.training.pictures import class_folders

SIDE = 32


@pytest.fixture
def dataset(tmp_path):
    return class_folders(tmp_path / "photos", 8)


def request(dataset, out, recipe=None, **more):
    recipe = recipe or Recipe(side=SIDE, epochs=1000, patience=0, augmentation=frozenset())
    places = {"dataset": str(dataset), "out": None if out is None else str(out), "report": None, "preview": None}
    return json.dumps({**places, **more, "recipe": json.loads(recipe.to_json())}).encode() + b"\n"


class Process:
    """The child process, its lines read as they arrive."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "alpacasorter.training.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        )
        # Read on a thread, so that the process never waits for a full pipe.
        self.errors = b""
        self.reader = threading.Thread(target=self._read_errors)
        self.reader.start()

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def say(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def until(self, kind):
        for line in self.process.stdout:
            event = self.only_ours(line)
            if isinstance(event, kind):
                return event
        raise AssertionError(f"it ended without {kind}: {self.errors.decode()}")

    def rest(self):
        events = [self.only_ours(line) for line in self.process.stdout]
        return events, self.process.wait(timeout=60)

    @staticmethod
    def only_ours(line):
        event = from_line(line.decode("utf-8"))
        assert event is not None, f"a stray line on standard output: {line!r}"
        return event


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "training-not-understood"),
        (b"\n", "training-not-understood"),
        (b"hello\n", "training-not-understood"),
        (b"[1, 2]\n", "training-not-understood"),
        (b"\xff\xfe\x00\n", "training-not-understood"),
        (b'{"dataset": "/x"}\n', "training-not-understood"),
        (b'{"dataset": 3, "recipe": {}}\n', "training-not-understood"),
        (b'{"dataset": "", "recipe": {}}\n', "training-not-understood"),
        (b'{"dataset": "/x", "recipe": {"epochs": 0}}\n', "between 1 and 1,000"),
        (b'{"dataset": "/x", "recipe": {"rounds": 3}}\n', "no setting “rounds”"),
    ],
)
def test_an_invalid_first_line(monkeypatch, line, reason):
    given = iter([line, b""])
    monkeypatch.setattr(child, "_read", lambda: next(given))
    code, events, _ = run_inside(monkeypatch)
    assert code == 1
    (event,) = events
    assert isinstance(event, Failed)
    assert reason in event.reason


def run_inside(monkeypatch):
    """Run the child within the test; return its exit code, its events, and its standard error."""
    output, errors = io.StringIO(), io.StringIO()

    class Own:
        def __enter__(self):
            return output

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(child, "_own_output", Own)
    monkeypatch.setattr(sys, "stderr", errors)
    code = child.main()
    return code, [from_line(line) for line in output.getvalue().splitlines()], errors.getvalue()


def test_a_bug_gives_a_reason_for_the_user_and_a_traceback_for_the_log(monkeypatch, dataset, tmp_path):
    from alpacasorter.training import train as training

    def broken(*_args, **_given):
        yield Stage(FINDING)
        raise ZeroDivisionError("in the middle of it")

    monkeypatch.setattr(training, "train", broken)
    given = iter([request(dataset, tmp_path / "out")])
    monkeypatch.setattr(child, "_read", lambda: next(given, b""))
    code, events, errors = run_inside(monkeypatch)
    assert code == 1
    assert isinstance(events[-1], Failed)
    assert events[-1].reason == unexpected("ZeroDivisionError")
    assert "in the middle of it" in errors


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ([b"finish\n"], "finish"),
        ([b"fin", b"ish\r\n"], "finish"),
        ([b"finish\nstop\n"], "stop"),
        ([b"stop\nfinish\n"], "stop"),
        ([b"what?\n\xff\n{}\nFINISH\n"], ""),
        ([b"x" * 3_000_000, b"\nfinish\n"], "finish"),
    ],
)
def test_orders(monkeypatch, said, order):
    heard = threading.Event()
    parts = iter([b"first\n" + said[0], *said[1:]])

    def read():
        part = next(parts, None)
        if part is None:
            heard.set()
            never.wait()
            return b""
        return part

    never = threading.Event()
    monkeypatch.setattr(child, "_read", read)
    orders = child._Orders()
    assert orders.first_line() == b"first"
    orders.listen()
    assert heard.wait(10)
    assert orders.latest() == order
    never.set()
    for thread in threading.enumerate():
        if thread.name == "orders":
            thread.join(10)
    assert orders.latest() == "stop", "the parent process is gone"


def test_folders_that_can_not_be_trained_on(tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    with Process() as process:
        process.say(request(tmp_path / "none", tmp_path / "out"))
        events, code = process.rest()
    assert code == 1
    assert "does not exist" in events[-1].reason
    assert not (tmp_path / "out").exists()


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("how", ["stop", "the parent is gone"])
def test_stop(dataset, tmp_path, how):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    with Process() as process:
        process.say(request(dataset, tmp_path / "out"))
        while process.until(Stage).text != STARTING:
            pass
        if how == "stop":
            process.say(b"what?\nstop\n")
        else:
            process.process.stdin.close()
        events, code = process.rest()
    assert (events[-1], code) == (Stopped(), 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.model
def test_finish(dataset, tmp_path):
    """With the weights that come with the app, which tell blobs from stripes at once."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from alpacasorter.ml.models.bundle import load_bundle

    with Process() as process:
        process.say(request(dataset, tmp_path / "Ünïcode out", report=str(tmp_path / "report.html")))
        assert isinstance(process.until(Prepared), Prepared)
        process.until(Epoch)
        process.say(b"finish\n")
        events, code = process.rest()
    assert code == 0
    trained = events[-1]
    assert isinstance(trained, Trained)
    assert trained.stopped_early
    assert len([event for event in events if isinstance(event, Epoch)]) < 900
    bundle = load_bundle(Path(trained.bundle))
    assert bundle.class_names == ("other", "thing")
    assert bundle.embedding_size == 1280
    assert (tmp_path / "report.html").is_file()
    assert bundle.learning.yield_similarity == 0.6


@pytest.mark.tensorflow
@pytest.mark.slow
def test_the_program_itself_is_the_child_when_frozen(dataset, tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    with Process(sys.executable, "-m", "alpacasorter", "--train-child") as process:
        process.say(request(dataset, None, preview=str(tmp_path / "p.png")))
        events, code = process.rest()
    assert code == 0
    assert isinstance(events[-1], Prepared)
    assert events[-1].preview == str(tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
