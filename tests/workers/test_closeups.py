"""Pictures for the loupe: which are made, kept and dropped, and what happens to files that change."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from alpacasorter.core.photos.reading import content_key
from alpacasorter.workers import closeups
from alpacasorter.workers.closeups import CloseupLoader, Fit, Part, Picture
from tests.hanging import decoder_that_hangs, make_hanging
from tests.picture_files import make_picture


class Ears:
    """Hears what a loader says."""

    def __init__(self, loader: CloseupLoader, qtbot: QtBot) -> None:
        self.loader, self.qtbot = loader, qtbot
        self.pictures: list[Picture] = []
        self.failed: list[tuple[Path, str]] = []
        loader.loaded.connect(self.pictures.append)
        loader.failed.connect(lambda path, reason: self.failed.append((path, reason)))

    def wait(self, count: int) -> list[Picture]:
        self.qtbot.waitUntil(lambda: len(self.pictures) >= count, timeout=20_000)
        return self.pictures


@pytest.fixture
def ears(qapp: QCoreApplication, qtbot: QtBot) -> Iterator[Ears]:
    loader = CloseupLoader()
    yield Ears(loader, qtbot)
    loader.close()


def test_a_photo_is_made_as_large_as_it_fits(ears: Ears, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", size=(600, 300))
    ears.loader.want([Fit(path, None, 200, 200)])
    picture = ears.wait(1)[0]
    assert (picture.image.width(), picture.image.height()) == (200, 100)
    assert (picture.width, picture.height) == (600, 300)
    assert not picture.changed
    ears.loader.want([Fit(path, None, 1200, 1200)])
    assert ears.wait(2)[1].image.width() == 1200, "small photos are enlarged"


def test_what_was_made_ahead_is_there_at_once(ears: Ears, tmp_path: Path) -> None:
    wanted = [Fit(make_picture(tmp_path / f"{n}.jpg", seed=n), None, 90, 90) for n in range(4)]
    ears.loader.want(wanted)
    ears.wait(4)
    assert all(ears.loader.get(one) is not None for one in wanted)
    ears.loader.want([])
    ears.loader.want(wanted[2:3])
    assert len(ears.pictures) == 5, "sent again, without decoding"


def test_a_part_is_taken_from_the_photo_at_its_scale(ears: Ears, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.png", kind="png", size=(96, 64))
    ears.loader.want([Part(path, None, 2.0, 96, 0, 96, 64, (96, 64))])
    picture = ears.wait(1)[0]
    assert (picture.image.width(), picture.image.height()) == (96, 64)
    assert picture.image.pixelColor(80, 10).getRgb()[:3] == (0, 255, 0), "the corner at the top right is green"


def test_a_photo_that_can_not_be_shown_says_why_and_keeps_no_other_waiting(ears: Ears, tmp_path: Path) -> None:
    missing, good = tmp_path / "missing.jpg", make_picture(tmp_path / "good.jpg")
    broken = make_picture(tmp_path / "broken.jpg", kind="truncated_jpeg")
    ears.loader.want([Fit(one, None, 90, 90) for one in (missing, broken, good)])
    ears.wait(1)
    ears.qtbot.waitUntil(lambda: len(ears.failed) == 2, timeout=20_000)
    assert {path.name for path, _reason in ears.failed} == {"missing.jpg", "broken.jpg"}
    assert all(reason for _path, reason in ears.failed)


def test_a_decoder_that_hangs_keeps_no_other_waiting(
    ears: Ears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = [Fit(make_hanging(tmp_path / f"h{n}.jpg", seed=n), None, 90, 90) for n in range(2)]
    good = Fit(make_picture(tmp_path / "good.jpg"), None, 90, 90)
    with decoder_that_hangs(monkeypatch) as hangs:
        ears.loader.want(hanging)
        assert hangs.wait(10)
        ears.loader.want([good])
        ears.wait(1)
    assert ears.failed == [], "they are no longer wanted"


def test_a_file_that_has_other_content_than_expected_is_said_to_have_changed(ears: Ears, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", seed=1)
    key = content_key(path.read_bytes())
    ears.loader.want([Fit(path, key, 90, 90)])
    assert not ears.wait(1)[0].changed
    make_picture(path, seed=2)
    os.utime(path, ns=(1, 1))
    ears.loader.want([])
    ears.loader.want([Fit(path, key, 90, 90)])
    ears.qtbot.waitUntil(lambda: ears.pictures[-1].changed, timeout=20_000)


def test_a_file_that_vanishes_after_it_was_made_says_so(ears: Ears, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg")
    ears.loader.want([Fit(path, None, 90, 90)])
    ears.wait(1)
    path.unlink()
    ears.loader.want([])
    ears.loader.want([Fit(path, None, 90, 90)])
    ears.qtbot.waitUntil(lambda: [one for one, _reason in ears.failed] == [path], timeout=20_000)
    assert ears.loader.get(Fit(path, None, 90, 90)) is None


def test_pictures_are_kept_within_their_limit_the_most_urgent_ones(
    ears: Ears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closeups, "MOST_PICTURE_BYTES", 3 * 100 * 100 * 4)
    wanted = [Fit(make_picture(tmp_path / f"{n}.jpg", seed=n, size=(120, 120)), None, 100, 100) for n in range(6)]
    ears.loader.want(wanted)
    ears.wait(5)
    ears.qtbot.wait(300)
    assert len(ears.pictures) <= 6, "what there is no room for is not made again and again"
    kept = [ears.loader.get(one) is not None for one in wanted]
    assert kept[0]
    assert sum(kept) <= 3


def test_full_sizes_are_kept_within_their_limit(ears: Ears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closeups, "MOST_FULL_BYTES", round(2.5 * 200 * 200 * 4.25))
    parts = [
        Part(make_picture(tmp_path / f"{n}.jpg", seed=n, size=(200, 200)), None, 1.0, 0, 0, 50, 50, (200, 200))
        for n in range(4)
    ]
    for count, one in enumerate(parts, 1):
        ears.loader.want([one])
        ears.wait(count)
    held = sum(opened.bytes for opened in ears.loader._full.values())
    assert 0 < held <= closeups.MOST_FULL_BYTES


def test_a_photo_with_too_many_pixels_is_zoomed_at_a_fraction(ears: Ears, tmp_path: Path) -> None:
    path = make_picture(tmp_path / "a.jpg", size=(400, 200))
    ears.loader.want([Part(path, None, 1.0, 200, 0, 200, 200, (400, 200), most_pixels=20_000)])
    picture = ears.wait(1)[0]
    assert (picture.image.width(), picture.image.height()) == (200, 200)
    (opened,) = ears.loader._full.values()
    assert opened.closeup.size == (200, 100)
    assert picture.image.pixelColor(190, 10).getRgb()[1] > 200, "the corner at the top right is green"


def test_while_nobody_looks_little_is_kept(ears: Ears, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closeups, "RESTING_BYTES", 2 * 100 * 100 * 4)
    wanted = [Fit(make_picture(tmp_path / f"{n}.jpg", seed=n, size=(120, 120)), None, 100, 100) for n in range(4)]
    ears.loader.want(wanted)
    ears.wait(4)
    ears.loader.rest()
    assert 0 < sum(ears.loader.get(one) is not None for one in wanted) <= 2
    assert not ears.loader._full
