"""The classes in a dataset folder, counted before training."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.workers import class_folders
from alpacasorter.workers.class_folders import ClassCounter, ClassFolders, count_classes
from tests.picture_files import make_picture
from tests.unprivileged import ordinary_user, shared_folder

WAIT_MS = 10_000


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        make_picture(folder / f"{n}.jpg", seed=n, size=(16, 16))


def test_photos_of_each_class_are_counted(tmp_path: Path) -> None:
    fill(tmp_path / "not_alpaca", 3)
    fill(tmp_path / "alpaca" / "2026" / "may", 2)
    (tmp_path / "alpaca" / "notes.txt").write_text("no photo")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "readme.md").write_text("no class")
    assert count_classes(tmp_path) == ClassFolders(tmp_path, (("alpaca", 2), ("not_alpaca", 3)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [(("alpaca", "not_alpaca"), "alpaca"), (("cats", "dogs"), "dogs"), (("not_zebra", "zebra"), "zebra"), ((), "")],
)
def test_the_usual_positive_class(names: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    assert ClassFolders(tmp_path, tuple((name, 1) for name in names)).usual_positive == expected


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ({}, "no subfolders"),
        ({"alpaca": 2}, "only “alpaca”"),
        ({"alpaca": 2, "not_alpaca": 0}, "no photos in “not_alpaca”"),
        ({"alpaca": 2, "not_alpaca": 1}, "only one photo in “not_alpaca”"),
        ({"alpaca": 0, "not_alpaca": 0}, "no photos in the two subfolders"),
        ({"a": 1, "b": 1, "c": 1}, "3 (a, b, c)"),
        (dict.fromkeys("abcdef", 0), "6 (a, b, c, d, …)"),
    ],
)
def test_problems(folders: dict[str, int], said: str, tmp_path: Path) -> None:
    for name, count in folders.items():
        fill(tmp_path / name, count)
    assert said in count_classes(tmp_path).problem


def test_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing", tmp_path / "file"):
        assert "can't be opened" in count_classes(path).problem


def test_a_class_that_can_not_be_read() -> None:
    with shared_folder() as folder:
        for name in ("a", "b"):
            fill(folder / name, 1)
        (folder / "b").chmod(0)
        with ordinary_user():
            problem = count_classes(folder).problem
        (folder / "b").chmod(0o700)
    assert "“b” can't be read" in problem


def test_only_the_latest_folder_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fill(tmp_path / name / "a", 1)
        fill(tmp_path / name / "b", 2)
    counter = ClassCounter()
    told: list[ClassFolders] = []
    counter.counted.connect(told.append)
    try:
        for _ in range(20):
            counter.request(tmp_path / "one")
        counter.request(tmp_path / "two")
        qtbot.waitUntil(lambda: bool(told) and told[-1].folder == tmp_path / "two", timeout=WAIT_MS)
        assert told[-1].classes == (("a", 1), ("b", 2))
        counter.request(tmp_path / "missing")
        qtbot.waitUntil(lambda: bool(told[-1].problem), timeout=WAIT_MS)
    finally:
        counter.close()
    counter.request(tmp_path / "one")


def test_an_unexpected_error_is_reported_and_the_next_folder_is_counted(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = ClassCounter()
    told: list[ClassFolders] = []
    counter.counted.connect(told.append)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(class_folders, "count_classes", lambda *_: 1 / 0)
            counter.request(tmp_path)
            qtbot.waitUntil(lambda: len(told) == 1, timeout=WAIT_MS)
        assert "can't be opened" in told[0].problem
        counter.request(tmp_path)
        qtbot.waitUntil(lambda: len(told) == 2, timeout=WAIT_MS)
        assert "no subfolders" in told[1].problem
    finally:
        counter.close()
