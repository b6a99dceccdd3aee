"""A damaged library: nothing readable is lost, and the user is told."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alpacasorter import i18n
from alpacasorter.core.store import backups as backups_module
from alpacasorter.core.store import library_schema, recovery
from alpacasorter.core.store.library import HeadVersion, Library, LibraryError, LibraryTooNewError
from tests.core.store.library_files import (
    CLASSES,
    PAGE,
    ROOT,
    cut_to_a_few_bytes,
    emptied,
    key,
    keys,
    labels,
    log_of,
    overwrite,
    pages_with,
    removed,
    run_child,
    without_second_copy,
)

IN_BACKUP = 400
ALL = 600
TAKEN_BACK = 5


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed library with ALL corrections; its backup has the first IN_BACKUP of them, some changed since."""
    path = tmp_path_factory.mktemp("original") / "library.sqlite"
    with Library.open(path) as library:
        for number in range(IN_BACKUP):
            library.set_corrections(CLASSES, {key(number): "alpaca"}, paths={key(number): Path(f"/photos/{number}")})
        library.remember_folder(Path("/photos"))
        library.add_head_version(HeadVersion(None, "alpaca", "", 1, "", bytes(10240), 0.0, {}))
        library.backup()
        for number in range(IN_BACKUP, ALL):
            library.set_corrections(CLASSES, {key(number): "not_alpaca"})
        library.set_corrections(CLASSES, dict.fromkeys(keys(0, TAKEN_BACK)))
        library.set_corrections(CLASSES, {key(TAKEN_BACK): "not_alpaca"})
    # As after a crash: there is no backup from the end of the session.
    for newer in backup_files(path)[1:]:
        newer.unlink()
    return path


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original.parent, tmp_path / "data")
    return tmp_path / "data" / "library.sqlite"


@pytest.fixture
def single(path: Path) -> Path:
    """The same library as an app left it that did not write a second copy yet."""
    without_second_copy(path)
    return path


def backup_files(path: Path) -> list[Path]:
    return sorted((path.parent / "backups").glob("library-*.sqlite"))


IN_THE_BACKUP = dict.fromkeys(keys(0, IN_BACKUP), "alpaca")
EVERYTHING = (
    dict.fromkeys(keys(TAKEN_BACK, IN_BACKUP), "alpaca")
    | dict.fromkeys(keys(IN_BACKUP, ALL), "not_alpaca")
    | {key(TAKEN_BACK): "not_alpaca"}
)


def noise_everywhere(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def noise_in_header(path: Path) -> None:
    overwrite(path, 0, os.urandom(PAGE))


def noise_in_magic(path: Path) -> None:
    overwrite(path, 0, b"SQLite format 4\0")


def zeros_in_schema(path: Path) -> None:
    overwrite(path, 100, bytes(PAGE - 100))


def wrong_application(path: Path) -> None:
    overwrite(path, 68, b"XXXX")


def dropped_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE recent_folders")
    connection.close()


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("kept")


def made_another_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE corrections (x)")
    connection.close()


READABLE = [wrong_application, dropped_table]
UNREADABLE = [
    noise_in_header,
    noise_in_magic,
    zeros_in_schema,
    noise_everywhere,
    cut_to_a_few_bytes,
    emptied,
    removed,
    made_a_folder,
    made_another_database,
]


@pytest.mark.parametrize("damage", [*READABLE, *UNREADABLE, cut_in_half])
def test_damaged_library_is_set_aside_and_its_second_copy_used(path: Path, damage: Callable[[Path], None]) -> None:
    shutil.rmtree(path.parent / "backups")
    damage(path)
    left = path.read_bytes() if path.is_file() else None
    with Library.open(path) as library:
        notice = library.notice
        assert labels(library) == EVERYTHING
        assert library.corrections(CLASSES)[key(77)].path_hint == Path("/photos/77")
        assert library.head_versions("alpaca")
        assert library.recent_folders()[0].path == Path("/photos")
        library.set_corrections(CLASSES, {key(9999): "alpaca"})
    check_set_aside(path, damage, left, notice)
    assert notice is not None
    assert "second copy" in notice


@pytest.mark.parametrize("damage", [*READABLE, *UNREADABLE, cut_in_half])
def test_damaged_library_without_a_second_copy_falls_back_to_the_backup(
    single: Path, damage: Callable[[Path], None]
) -> None:
    damage(single)
    left = single.read_bytes() if single.is_file() else None
    backed_up = backups_module.list_backups(single.parent / "backups")[0].made_at
    with Library.open(single) as library:
        notice = library.notice
        found = labels(library)
        assert library.head_versions("alpaca")
        assert library.recent_folders()[0].path == Path("/photos")
        library.set_corrections(CLASSES, {key(9999): "alpaca"})
    check_set_aside(single, damage, left, notice)
    assert notice is not None
    assert f"backup of {i18n.day(backed_up)}" in notice
    if damage in READABLE:
        assert found == EVERYTHING
        assert "recovered from the old file" in notice
    elif damage in UNREADABLE:
        assert found == IN_THE_BACKUP
    else:
        assert set(IN_THE_BACKUP) - set(keys(0, TAKEN_BACK)) <= set(found)
    with Library.open(single) as library:
        assert library.notice is None
        assert labels(library) == {**found, key(9999): "alpaca"}


def check_set_aside(path: Path, damage: Callable[[Path], None], left: bytes | None, notice: str | None) -> None:
    """Check that a damaged file was kept under another name that the user is told."""
    assert notice is not None
    aside = list(path.parent.glob("library-damaged-*.sqlite"))
    if damage is removed:
        assert not aside
        assert "missing" in notice
    else:
        assert f"set aside as {aside[0].name}" in notice
    if left is not None:
        assert aside[0].read_bytes() == left
    if damage is made_a_folder:
        assert (aside[0] / "inside").read_text() == "kept"
    assert not list(path.parent.glob("*.restored")) + list(path.parent.glob("*.building"))


def test_what_sqlite_can_read_is_used_without_any_backup(single: Path) -> None:
    shutil.rmtree(single.parent / "backups")
    dropped_table(single)
    with Library.open(single) as library:
        assert labels(library) == EVERYTHING
        assert library.corrections(CLASSES)[key(77)].path_hint == Path("/photos/77")
        assert library.notice is not None
        assert "no backup" in library.notice
        assert f"{len(EVERYTHING)}" in library.notice


def test_nothing_left_at_all_is_said(single: Path) -> None:
    shutil.rmtree(single.parent / "backups")
    noise_everywhere(single)
    with Library.open(single) as library:
        assert labels(library) == {}
        assert library.notice is not None
        assert "you start without corrections" in library.notice
    assert len(list(single.parent.glob("library-damaged-*.sqlite"))) == 1


def test_only_the_rows_on_a_damaged_page_fall_back_to_the_backup(single: Path) -> None:
    needles = {number: bytes.fromhex(key(number)) for number in range(ALL)}
    damaged = pages_with(single, needles[IN_BACKUP + 50])[0]
    page = single.read_bytes()[damaged * PAGE : (damaged + 1) * PAGE]
    hit = {key(number) for number, needle in needles.items() if needle in page}
    assert 5 < len(hit) < ALL - IN_BACKUP
    overwrite(single, damaged * PAGE, os.urandom(PAGE))
    with Library.open(single) as library:
        found = labels(library)
        assert library.notice is not None
    expected = {name: label for name, label in EVERYTHING.items() if name not in hit}
    assert found == expected | dict.fromkeys(hit & set(IN_THE_BACKUP), "alpaca")


def test_every_single_page_may_be_damaged(path: Path, tmp_path: Path) -> None:
    pages = path.stat().st_size // PAGE
    for page in range(pages):
        copy = tmp_path / str(page) / "library.sqlite"
        shutil.copytree(path.parent, copy.parent)
        overwrite(copy, page * PAGE, os.urandom(PAGE))
        with Library.open(copy) as library:
            assert labels(library) == EVERYTHING
            assert library.notice is not None


def killed_with_a_log(path: Path, corrections: int) -> None:
    script = """
library = Library.open(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    library.set_corrections(CLASSES, {key(number): "alpaca"})
die()
"""
    run_child(script, path, corrections)
    assert log_of(path).stat().st_size > 0


@pytest.mark.parametrize("where", [0, 20, 40, 5000, 100_000])
def test_damage_in_the_log_loses_nothing(tmp_path: Path, where: int) -> None:
    path = tmp_path / "library.sqlite"
    killed_with_a_log(path, 60)
    # The checksum of a frame, or of the log's header: SQLite silently reads nothing after it.
    overwrite(log_of(path), where, b"noise!")
    with Library.open(path) as library:
        assert labels(library) == dict.fromkeys(keys(0, 60), "alpaca")
        assert library.notice is not None
        assert "restored from its second copy" in library.notice


@pytest.mark.parametrize("damage", [emptied, removed, noise_in_header, made_a_folder])
def test_library_that_is_lost_before_its_log_was_written_back_loses_nothing(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "library.sqlite"
    killed_with_a_log(path, 30)
    damage(path)
    with Library.open(path) as library:
        assert labels(library) == dict.fromkeys(keys(0, 30), "alpaca")
        # The log may restore a damaged header, and then there is nothing to report.
        assert library.notice is not None or damage is noise_in_header


def test_newest_backup_that_is_whole_is_taken(single: Path) -> None:
    path = single
    good = backup_files(path)[0]
    folder = good.parent
    (folder / "library-000098-20260503T100000Z.sqlite").write_bytes(os.urandom(9000))
    (folder / "library-000099-20260503T110000Z.sqlite").write_bytes(b"")
    (folder / "library-000097-20260503T110000Z.sqlite").mkdir()
    noise_everywhere(path)
    with Library.open(path) as library:
        assert labels(library) == IN_THE_BACKUP


def test_backup_of_a_newer_app_is_not_passed_over(single: Path) -> None:
    path = single
    connection = sqlite3.connect(backup_files(path)[0])
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    noise_in_header(path)
    before = path.read_bytes()
    with pytest.raises(LibraryTooNewError, match="newer version"):
        Library.open(path)
    assert path.read_bytes() == before


def test_files_set_aside_are_never_overwritten(path: Path) -> None:
    for _ in range(3):
        noise_everywhere(path)
        with Library.open(path) as library:
            assert labels(library) == EVERYTHING
    aside = list(path.parent.glob("library-damaged-*.sqlite"))
    assert len({file.read_bytes() for file in aside}) == 3


def test_crash_in_a_recovery_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(path.parent / "backups")
    noise_in_header(path)

    class Crash(BaseException):
        pass

    moves = {"left": 0}
    rename = Path.rename
    replace = Path.replace

    def counted(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def wrapper(source: Path, target: Path) -> Path:
            if moves["left"] == 0:
                raise Crash
            moves["left"] -= 1
            return move(source, target)

        return wrapper

    monkeypatch.setattr(Path, "rename", counted(rename))
    monkeypatch.setattr(Path, "replace", counted(replace))
    for allowed in range(3):
        moves["left"] = allowed
        with pytest.raises(Crash):
            Library.open(path)
    monkeypatch.undo()
    with Library.open(path) as library:
        assert labels(library) == EVERYTHING
        assert library.notice is not None


def test_file_that_cannot_be_set_aside_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "in use", path)

    noise_in_header(path)
    monkeypatch.setattr(recovery, "_set_aside", refuse)
    with pytest.raises(LibraryError, match="can't be written"):
        Library.open(path)
    monkeypatch.undo()
    with Library.open(path) as library:
        assert labels(library) == EVERYTHING


def test_damage_found_while_open_is_recovered(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    data = {name: os.urandom(2560) for name in keys(0, 3000)}
    with Library.open(path) as library:
        library.set_corrections(CLASSES, dict.fromkeys(data, "alpaca"), embeddings=data, backbone_id="b")
    with Library.open(path) as library:
        script = "import os, sys; file = open(sys.argv[1], 'rb+'); size = os.path.getsize(sys.argv[1])\n"
        script += "for at in range(4096, size, 4096): file.seek(at); file.write(os.urandom(4096))"
        subprocess.run([sys.executable, "-c", script, path], check=True)
        assert library.embeddings(CLASSES, "b") == data
        assert library.notice is not None
        library.set_corrections(CLASSES, {key(1): "not_alpaca"})
        assert library.changed_elsewhere()
    with Library.open(path) as library:
        assert library.corrections(CLASSES)[key(1)].label == "not_alpaca"


@pytest.mark.skipif(os.name != "posix", reason="an open file can't be moved on this platform")
@pytest.mark.parametrize("how", ["set aside", "deleted"])
def test_library_replaced_while_open_keeps_what_both_know(path: Path, how: str) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(2000): "alpaca"})
        for suffix in ("", "-wal", "-shm"):
            file = path.with_name(path.name + suffix)
            if how == "deleted":
                file.unlink(missing_ok=True)
            elif file.exists():
                file.rename(file.with_name("old" + suffix))
        script = """
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
with Library.open(Path(sys.argv[1])) as library:
    library.set_corrections(CLASSES, {key(3000): "alpaca"})
"""
        command = [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path]
        subprocess.run(command, cwd=ROOT, check=True)
        library.set_corrections(CLASSES, {key(4000): "alpaca"})
        expected = EVERYTHING | dict.fromkeys([key(2000), key(3000), key(4000)], "alpaca")
        assert labels(library) == expected
        assert library.changed_elsewhere()
    with Library.open(path) as library:
        assert labels(library) == expected


def test_backups_rotate(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    for number in range(8):
        with Library.open(path) as library:
            library.set_corrections(CLASSES, {key(number): "alpaca"})
        with Library.open(path):
            pass
    files = backup_files(path)
    assert len(files) == backups_module.KEPT
    assert [file.name[:14] for file in files] == [f"library-{number:06d}" for number in range(4, 9)]
    for number, file in enumerate(files, start=4):
        connection = sqlite3.connect(file)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM corrections").fetchone() == (number,)
        connection.close()
    assert sorted(file.name for file in (tmp_path / "backups").iterdir()) == [file.name for file in files]


def test_session_that_crashed_is_backed_up_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    killed_with_a_log(path, 3)
    assert backup_files(path) == []
    with Library.open(path):
        assert len(backup_files(path)) == 1
    assert len(backup_files(path)) == 1


def test_older_library_is_backed_up_before_it_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library.open(path):
        before = len(backup_files(path))
    newer = (*library_schema.MIGRATIONS, ("CREATE TABLE journals (id INTEGER PRIMARY KEY)",))
    for module in (library_schema, recovery):
        monkeypatch.setattr(module, "MIGRATIONS", newer)
    with Library.open(path) as library:
        assert labels(library) == EVERYTHING
        assert library.notice is None
    assert len(backup_files(path)) == before + 1
    with sqlite3.connect(backup_files(path)[-1]) as backup:
        assert backup.execute("PRAGMA user_version").fetchone() == (len(newer) - 1,)
    backup.close()
    # A backup from before the migration can be used after it.
    noise_everywhere(path)
    with Library.open(path) as library:
        assert labels(library) == EVERYTHING
    monkeypatch.undo()
    with pytest.raises(LibraryTooNewError):
        Library.open(path)


def test_backups_go_where_they_are_told(tmp_path: Path) -> None:
    with Library.open(tmp_path / "a" / "library.sqlite", backups=tmp_path / "b") as library:
        library.backup()
    assert len(list((tmp_path / "b").iterdir())) == 1
    assert not (tmp_path / "a" / "backups").exists()


def test_backup_that_fails_leaves_the_others_and_is_said(path: Path) -> None:
    folder = path.parent / "backups"
    with Library.open(path) as library:
        before = backup_files(path)
        folder.rename(folder.with_name("elsewhere"))
        folder.write_text("in the way")
        with pytest.raises(LibraryError, match="backup of your corrections"):
            library.backup()
        library.set_corrections(CLASSES, {key(7): "not_alpaca"})
    with Library.open(path) as library:
        assert labels(library)[key(7)] == "not_alpaca"
    assert len(list(folder.with_name("elsewhere").iterdir())) == len(before)


def test_leftovers_of_old_backups_are_tidied(path: Path) -> None:
    old, new = path.parent / "backups" / "writing-old.tmp", path.parent / "backups" / "writing-new.tmp"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (1, 1))
    with Library.open(path) as library:
        library.backup()
    assert not old.exists()
    assert new.exists()
