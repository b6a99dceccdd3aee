"""Explaining photos behind the window: the latest request counts, none queue up, and it ends."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from alpacasorter.core import reasons
from alpacasorter.core.events import Explained
from alpacasorter.core.photos.bounded import DecodingStopped
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.explaining import ExplainService
from alpacasorter.workers.pictures import PreviewLoader
from tests.engines import fill, places_in
from tests.workers.test_engine import Heard

FIRST, SECOND, THIRD = (Path(f"/p/{n}.jpg") for n in range(3))


class Session:
    """Stands in for a session: says what it was asked, and takes as long as the test wants."""

    def __init__(self) -> None:
        self.asked: list[Path] = []
        self.pixels: list[Any] = []
        self.began = threading.Event()
        self.go_on = threading.Event()
        self.fails = False
        self.given_up = False

    def explain(self, path: Path, key: str, pixels: Any = None, *, stopped: Callable[[], bool]) -> Explained:
        self.asked.append(path)
        self.pixels.append(None if pixels is None else pixels.copy())
        self.began.set()
        while not self.go_on.wait(0.01):
            if stopped():
                self.given_up = True
                raise DecodingStopped
        if self.fails:
            raise RuntimeError("broken")
        return Explained(path, key, 0.9, None, None, (), 0, None)


class Service:
    def __init__(self, qtbot: QtBot) -> None:
        self.session = Session()
        self.service = ExplainService(lambda: SimpleNamespace(session=self.session))  # type: ignore[arg-type, return-value]
        self.heard: list[Explained] = []
        self.service.explained.connect(self.heard.append)
        self.qtbot = qtbot

    def wait(self) -> Explained:
        self.qtbot.waitUntil(lambda: bool(self.heard), timeout=10_000)
        return self.heard[-1]


@pytest.fixture
def one(qtbot: QtBot) -> Iterator[Service]:
    found = Service(qtbot)
    yield found
    found.service.close()


def test_only_the_latest_request_is_worked_on_and_answered(one: Service) -> None:
    one.service.request(FIRST, "a")
    assert one.session.began.wait(10)
    for n in range(200):
        one.service.request(SECOND, f"b{n}")
    one.service.request(THIRD, "c")
    one.session.go_on.set()
    assert one.wait().path == THIRD
    one.qtbot.wait(50)
    # The first had begun; of those that came after it, only the last was worked on.
    assert one.session.asked == [FIRST, THIRD]
    assert [event.path for event in one.heard] == [THIRD]


def test_a_photo_that_takes_long_is_given_up_for_another(one: Service) -> None:
    one.service.request(FIRST, "a")
    assert one.session.began.wait(10)
    one.service.request(SECOND, "b")
    one.qtbot.waitUntil(lambda: one.session.given_up, timeout=10_000)
    one.session.go_on.set()
    assert one.wait().path == SECOND


def test_what_was_forgotten_is_not_answered(one: Service) -> None:
    one.service.request(FIRST, "a")
    assert one.session.began.wait(10)
    one.service.request(SECOND, "b")
    one.service.forget()
    one.session.go_on.set()
    one.qtbot.wait(100)
    assert one.heard == []
    assert one.session.asked == [FIRST]
    one.service.request(THIRD, "c")
    assert one.wait().path == THIRD


def test_an_error_is_an_answer_in_words_and_the_next_photo_is_explained(one: Service) -> None:
    one.session.fails = True
    one.session.go_on.set()
    one.service.request(FIRST, "a")
    assert one.wait().problem == reasons.UNEXPECTED
    one.session.fails = False
    one.service.request(SECOND, "b")
    one.qtbot.waitUntil(lambda: len(one.heard) == 2, timeout=10_000)
    assert one.heard[-1].problem is None


def test_the_pixels_of_the_preview_arrive_whatever_its_width(one: Service) -> None:
    one.session.go_on.set()
    for width in (5, 6, 7, 8):
        image = QImage(width, 3, QImage.Format.Format_RGB888)
        image.fill(0xFF0000)
        image.setPixel(width - 1, 2, 0xFF0000FF)
        one.heard.clear()
        one.service.request(FIRST, "a", image)
        one.wait()
        pixels = one.session.pixels[-1]
        assert pixels.shape == (3, width, 3)
        assert pixels[2, width - 1].tolist() == [0, 0, 255]
        assert pixels[1, 0].tolist() == [255, 0, 0]


def test_closing_waits_for_no_photo(qtbot: QtBot) -> None:
    one = Service(qtbot)
    one.service.request(FIRST, "a")
    assert one.session.began.wait(10)
    began = time.monotonic()
    one.service.close()
    assert time.monotonic() - began < 5
    one.service.request(SECOND, "b")
    assert one.session.asked == [FIRST]


def test_before_there_is_a_model_nothing_is_answered(qtbot: QtBot) -> None:
    service = ExplainService(lambda: None)
    with qtbot.assertNotEmitted(service.explained, wait=100):
        service.request(FIRST, "a")
    service.close()


@pytest.mark.model
def test_the_engine_explains_with_the_pixels_of_the_preview(qtbot: QtBot, tmp_path: Path) -> None:
    (path,) = fill(tmp_path / "photos", 1, size=(1600, 1200))
    engine = Engine(places_in(tmp_path), "cpu")
    previews = PreviewLoader()
    try:
        heard = Heard(qtbot, engine)
        engine.start()
        heard.wait("ready")
        outcome = heard.scan(path.parent)
        judged = outcome.photos[path]
        with qtbot.waitSignal(previews.loaded, timeout=20_000) as loaded:
            previews.request(path, 300)
        image = loaded.args[1]
        path.unlink()
        with qtbot.waitSignal(engine.explaining.explained, timeout=20_000) as answered:
            engine.explaining.request(path, judged.content_key, image)
        (explained,) = answered.args
        assert explained.problem is None
        assert explained.content_key == judged.content_key
        assert explained.probability == pytest.approx(judged.probability, abs=1e-6)
        assert len(explained.map.shares) == 8
    finally:
        previews.close()
        engine.shutdown()
    assert "lane-explain" not in [thread.name for thread in threading.enumerate()]
