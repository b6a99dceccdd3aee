"""The library with other processes and threads, and when the disk, the folder or the process fails."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from alpacasorter.core.store.library import (
    Library,
    LibraryError,
    LibraryTooNewError,
)
from tests.core.store.library_files import CLASSES, ROOT, key, keys, labels, labels_in, run_child
from tests.unprivileged import ordinary_user, shared_folder


def test_correction_outlives_the_death_of_the_process(path: Path) -> None:
    script = """
library = Library.open(Path(sys.argv[1]))
for number in range(40):
    library.set_corrections(CLASSES, {key(number): "alpaca", key(number + 1): "not_alpaca"})
    print(number)
die()
"""
    child = run_child(script, path)
    assert child.returncode != 0
    assert child.stdout.splitlines()[-1] == "39", child.stderr
    with Library.open(path) as library:
        assert labels(library) == {**dict.fromkeys(keys(0, 40), "alpaca"), key(40): "not_alpaca"}
        assert library.notice is None


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_death_at_any_moment_leaves_whole_transactions(path: Path) -> None:
    script = """
import itertools
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
library = Library.open(Path(sys.argv[1]))
for number in itertools.count():
    library.set_corrections(CLASSES, {key(2 * number): "alpaca", key(2 * number + 1): "alpaca"})
    print(number, flush=True)
"""
    for wait in (1, 7, 30):
        with subprocess.Popen(
            [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as child:
            assert child.stdout is not None
            seen = [child.stdout.readline() for _ in range(wait)]
            child.send_signal(signal.SIGKILL)
            seen += child.stdout.readlines()
        done = len(seen)
        with Library.open(path) as library:
            found = labels(library)
            assert library.notice is None
        assert set(keys(0, 2 * done)) <= set(found)
        assert len(found) % 2 == 0


def test_two_processes_write_at_once(library: Library, path: Path) -> None:
    script = """
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
start = int(sys.argv[2])
with Library.open(Path(sys.argv[1])) as library:
    for number in range(start, start + 150):
        library.set_corrections(CLASSES, {key(number): "alpaca"})
        library.remember_folder(Path(f"/{number}"))
"""
    assert not library.changed_elsewhere()
    command = [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path]
    children = [subprocess.Popen([*command, str(start)], cwd=ROOT) for start in (0, 1000)]
    for number in range(2000, 2100):
        library.set_corrections(CLASSES, {key(number): "not_alpaca"})
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    assert library.changed_elsewhere()
    assert not library.changed_elsewhere()
    expected = dict.fromkeys([*keys(0, 150), *keys(1000, 1150)], "alpaca")
    assert labels(library) == {**expected, **dict.fromkeys(keys(2000, 2100), "not_alpaca")}
    assert library.notice is None


def test_two_processes_open_a_new_library_at_once(path: Path) -> None:
    script = """
from alpacasorter.core.store.library import Library
from tests.core.store.library_files import *
with Library.open(Path(sys.argv[1])) as library:
    library.set_corrections(CLASSES, {key(int(sys.argv[2])): "alpaca"})
    assert library.notice is None
"""
    command = [sys.executable, "-c", "import sys\nfrom pathlib import Path" + script, path]
    children = [subprocess.Popen([*command, str(number)], cwd=ROOT) for number in range(3)]
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    assert labels_in(path) == dict.fromkeys(keys(0, 3), "alpaca")


def test_own_changes_are_not_changes_elsewhere(library: Library, path: Path) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert not library.changed_elsewhere()
    with Library.open(path) as other:
        other.set_corrections(CLASSES, {key(2): "alpaca"})
        assert library.changed_elsewhere()
        library.set_corrections(CLASSES, {key(3): "alpaca"})
        assert other.changed_elsewhere()
        assert not library.changed_elsewhere()


def test_many_threads_share_one_library(library: Library) -> None:
    def work(start: int) -> None:
        for number in range(start, start + 20):
            library.set_corrections(CLASSES, {key(number): "alpaca"})
            assert key(number) in library.corrections(CLASSES)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 120, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.corrections(CLASSES)) == 120


def test_library_of_a_newer_app_is_refused_and_left_alone(path: Path) -> None:
    with Library.open(path) as library:
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("CREATE TABLE of_the_newer_app (id INTEGER PRIMARY KEY)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LibraryTooNewError, match="newer version"):
        Library.open(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*damaged*"))


def test_full_disk_is_said_and_loses_nothing(library: Library) -> None:
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    connection = library._file._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    data = dict.fromkeys(keys(0, 100), b"\0" * 2560)
    with pytest.raises(LibraryError, match="the disk is full"):
        library.set_corrections(CLASSES, dict.fromkeys(data, "not_alpaca"), embeddings=data, backbone_id="b")
    assert labels(library) == {key(1): "alpaca"}
    connection.execute("PRAGMA max_page_count = 1000000")
    library.set_corrections(CLASSES, dict.fromkeys(data, "not_alpaca"), embeddings=data, backbone_id="b")
    assert labels(library) == dict.fromkeys(data, "not_alpaca")


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_disk_that_stops_taking_data_is_said_and_loses_nothing(path: Path) -> None:
    script = """
import resource, signal
library = Library.open(Path(sys.argv[1]))
library.set_corrections(CLASSES, {key(1): "alpaca"})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
data = dict.fromkeys(keys(0, 200), bytes(2560))
try:
    library.set_corrections(CLASSES, dict.fromkeys(data, "not_alpaca"), embeddings=data, backbone_id="b")
except LibraryError as error:
    print(error)
assert list(library.corrections(CLASSES)) == [key(1)]
library.set_corrections(CLASSES, {key(2): "alpaca"})
die()
"""
    child = run_child(script, path)
    assert "could not be saved" in child.stdout, child.stderr
    with Library.open(path) as library:
        assert labels(library) == dict.fromkeys(keys(1, 3), "alpaca")
        assert library.notice is None


def test_folder_without_permission_is_said() -> None:
    with shared_folder() as folder:
        path = folder / "data" / "library.sqlite"
        with ordinary_user(), pytest.raises(LibraryError, match="can't be written"):
            Library.open(path)
        with Library.open(path) as library:
            library.set_corrections(CLASSES, {key(1): "alpaca"})
        path.chmod(0o444)
        path.parent.chmod(0o555)
        with ordinary_user(), pytest.raises(LibraryError, match="can't be written"):
            Library.open(path)
        path.parent.chmod(0o755)
        path.chmod(0o644)
        assert labels_in(path) == {key(1): "alpaca"}


def test_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(LibraryError, match="can't be written"):
        Library.open(tmp_path / "data" / "library.sqlite")


def test_busy_library_is_said(library: Library, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    library._file._connection().execute("PRAGMA busy_timeout = 50")
    with pytest.raises(LibraryError, match="another AlpacaSorter window"):
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    other.execute("ROLLBACK")
    other.close()
    library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert labels(library) == {key(1): "alpaca"}


def test_closed_library_says_so(path: Path) -> None:
    library = Library.open(path)
    library.close()
    library.close()
    with pytest.raises(LibraryError, match="closed"):
        library.corrections(CLASSES)
    with pytest.raises(LibraryError, match="closed"):
        library.set_corrections(CLASSES, {key(1): "alpaca"})
    assert not path.with_name(path.name + "-wal").exists()
