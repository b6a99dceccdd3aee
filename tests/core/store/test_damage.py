"""Whatever happens to the library, its second copy or both: everything comes back, and the user is told.

Each test does its work to a copy of a library that was made once. Syncs are left out: there is no power cut here.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alpacasorter.core.store.library import HeadVersion, Library
from tests.core.store.damages import damage
from tests.core.store.library_files import CLASSES, copies_of, key, keys, log_of, run_child, without_second_copy

DAMAGES = 500
LABELED = 44
EXPECTED = {key(number): "alpaca" if number % 3 else "not_alpaca" for number in range(LABELED)}
REPRO = Path(__file__).parents[4] / "shared" / "repro"

FILL = """
def fill(path):
    library = Library.open(path)
    library.remember_folder(Path("/photos"))
    for number in range(44):
        label = "alpaca" if number % 3 else "not_alpaca"
        library.set_corrections(CLASSES, {key(number): label}, paths={key(number): Path(f"/photos/{number}.jpg")},
            embeddings={key(number): bytes([number]) * 320}, backbone_id="b")
    library.learn_only_from(CLASSES, {key(number): "alpaca" for number in range(30)})
    library.add_head_version(HeadVersion(None, "alpaca", "2026-01-01", 44, "digest", bytes(800), 0.1, {"a": 0.5}))
    return library
"""


@pytest.fixture(autouse=True)
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that was closed."""
    path = tmp_path_factory.mktemp("closed") / "library.sqlite"
    space = {"Library": Library, "Path": Path, "key": key, "CLASSES": CLASSES, "HeadVersion": HeadVersion}
    exec(FILL, space)
    space["fill"](path).close()  # type: ignore[operator]
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose process was killed: its log is not written back, and no backup has what is in it."""
    path = tmp_path_factory.mktemp("killed") / "library.sqlite"
    head = "from alpacasorter.core.store.library import HeadVersion\n"
    child = run_child(head + FILL + "fill(Path(sys.argv[1])); die()", path)
    assert log_of(path).stat().st_size, child.stderr
    return path


@pytest.fixture
def copies(tmp_path: Path) -> "Copies":
    return Copies(tmp_path)


class Copies:
    """Copies of a library, one after the other, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"

    def of(self, path: Path, *, backups: bool) -> Path:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(path.parent, self.folder)
        if not backups:
            shutil.rmtree(self.folder / "backups", ignore_errors=True)
        return self.folder / path.name


def raw(path: Path) -> object:
    """Return what SQLite alone makes of a library; anything but the rows of a good one if it is damaged."""
    twin = path.with_name("twin.sqlite")
    for suffix in ("", "-wal"):
        if path.with_name(path.name + suffix).exists():
            shutil.copyfile(path.with_name(path.name + suffix), twin.with_name(twin.name + suffix))
    try:
        with closing(sqlite3.connect(twin)) as connection:
            return [
                connection.execute("PRAGMA integrity_check").fetchall(),
                connection.execute(
                    "SELECT content_key, label, revision, made_at, path_hint FROM corrections"
                ).fetchall(),
                connection.execute("SELECT content_key, backbone_id, embedding FROM correction_embeddings").fetchall(),
                connection.execute("SELECT label_set, content_key, set_aside FROM corrections_set_aside").fetchall(),
                connection.execute("SELECT changes FROM state").fetchall(),
            ]
    except (sqlite3.Error, UnicodeError) as error:
        return repr(error)
    finally:
        for suffix in ("", "-wal", "-shm"):
            twin.with_name(twin.name + suffix).unlink(missing_ok=True)


def check(path: Path, *, restored: bool, number: int) -> None:
    """Check that everything is in the library, that the user was told if need be, and that it is good from now on."""
    with Library.open(path) as library:
        found = library.corrections(CLASSES)
        assert {name: one.label for name, one in found.items()} == EXPECTED, number
        assert found[key(7)].path_hint == Path("/photos/7.jpg")
        assert library.embeddings(CLASSES, "b") == {key(n): bytes([n]) * 320 for n in range(LABELED)}, number
        assert library.set_aside(CLASSES) == set(keys(30, LABELED)) | {key(n) for n in range(0, 30, 3)}, number
        assert [(head.bias, head.measurements) for head in library.head_versions("alpaca")] == [(0.1, {"a": 0.5})]
        assert [one.path for one in library.recent_folders()] == [Path("/photos")]
        if restored:
            assert library.notice, number


def check_again(path: Path) -> None:
    """Check that nothing is said twice."""
    with Library.open(path) as library:
        assert library.notice is None
        assert len(library.corrections(CLASSES)) == LABELED


def seeds(part: int) -> Iterator[int]:
    return iter(range(part * DAMAGES // 2, (part + 1) * DAMAGES // 2))


@pytest.mark.parametrize("part", [0, 1])
def test_damaged_library(closed: Path, killed: Path, copies: Copies, part: int) -> None:
    good = {path: raw(path) for path in (closed, killed)}
    for number in seeds(part):
        original = (closed, killed)[part]
        path = copies.of(original, backups=False)
        damage(path if not part or number % 2 else log_of(path), number)
        lost = raw(path) != good[original]
        check(path, restored=lost, number=number)
        if number % 25 == 0:
            check_again(path)


@pytest.mark.parametrize("part", [0, 1])
def test_damaged_second_copy(closed: Path, killed: Path, copies: Copies, part: int) -> None:
    for number in seeds(part):
        path = copies.of((closed, killed)[part], backups=False)
        for file in copies_of(path)[: 1 + number % 2]:
            damage(file, number)
        check(path, restored=False, number=number)
        if number % 25 == 0:
            check_again(path)


@pytest.mark.parametrize("part", [0, 1])
def test_damaged_library_and_second_copy(closed: Path, killed: Path, copies: Copies, part: int) -> None:
    good = {path: raw(path) for path in (closed, killed)}
    for number in seeds(part):
        original = (closed, killed)[part]
        # All three files, and in the library that was closed there is a backup of everything.
        path = copies.of(original, backups=not part)
        damage(path, number)
        lost = raw(path) != good[original]
        damage(copies_of(path)[number % 2], number + 1000)
        if not part:
            damage(copies_of(path)[1 - number % 2], number + 2000)
        check(path, restored=lost, number=number)


def test_damaged_library_of_before_there_were_second_copies(closed: Path, copies: Copies) -> None:
    good = raw(closed)
    for number in range(DAMAGES // 2):
        path = copies.of(closed, backups=True)
        without_second_copy(path)
        damage(path, number)
        lost = raw(path)
        if isinstance(good, list) and isinstance(lost, list) and lost[0] == good[0] and lost != good:
            # A value was changed and everything is consistent: without checksums nobody can tell.
            continue
        check(path, restored=lost != good, number=number)


@pytest.mark.parametrize("name", ["library_silent_loss.sqlite", "library_bad_text.sqlite"])
def test_files_that_were_seen_damaged(tmp_path: Path, name: str) -> None:
    if not REPRO.is_dir():
        pytest.skip("the damaged files are not here")
    path = tmp_path / "library.sqlite"
    shutil.copyfile(REPRO / name, path)
    (tmp_path / "backups").mkdir()
    shutil.copyfile(
        REPRO / "library_good_backup.sqlite", tmp_path / "backups" / "library-000001-20261130T032420Z.sqlite"
    )
    with Library.open(path) as library:
        assert len(library.corrections("alpaca|not_alpaca")) == 44
        assert library.notice is not None
