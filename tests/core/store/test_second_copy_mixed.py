"""The library and the two files of its second copy from different times, damaged, or cut off anywhere."""

import itertools
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from alpacasorter.core.store import database, recovery, second_copy
from alpacasorter.core.store.library import Library
from alpacasorter.core.store.second_copy import SecondCopy
from tests.core.store.library_files import CLASSES, copies_of, keys, log_of, overwrite

ALL = keys(0, 44)
CHANGED = keys(0, 10)
OLD = dict.fromkeys(ALL, "not_alpaca")
NEW = OLD | dict.fromkeys(CHANGED, "alpaca")
STATES = ("old", "new", "old damaged", "new damaged", "gone")


@pytest.fixture(autouse=True)
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (second_copy, database, recovery):
        for name in ("flush", "flush_file", "flush_folder"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *_: None)


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a library with 44 corrections that was closed, and the same after 10 of them were changed at once."""
    folder = tmp_path_factory.mktemp("times")
    old, new = folder / "old" / "library.sqlite", folder / "new" / "library.sqlite"
    with Library.open(old) as library:
        vectors = {key: key.encode() * 8 for key in ALL}
        library.set_corrections(CLASSES, OLD, embeddings=vectors, backbone_id="b")
    shutil.copytree(old.parent, new.parent)
    with Library.open(new) as library:
        library.set_corrections(CLASSES, dict.fromkeys(CHANGED, "alpaca"))
        library.set_corrections(CLASSES, {ALL[20]: "alpaca"})
        library.set_corrections(CLASSES, {ALL[20]: "not_alpaca"})
    return old, new


def opened(path: Path) -> tuple[dict[str, str], str]:
    with Library.open(path) as library:
        labels = {key: one.label for key, one in library.corrections(CLASSES).items()}
        return labels, library.notice or ""


def put(source: Path, target: Path, *, spoil: Callable[[Path], None] | None = None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if spoil is not None:
        spoil(target)


def zeros(path: Path) -> None:
    overwrite(path, 8192, bytes(path.stat().st_size * 2 // 3 - 8192))


def noise(at: float) -> Callable[[Path], None]:
    return lambda path: overwrite(path, int(path.stat().st_size * at), b"noise")


@pytest.mark.parametrize("library", STATES)
def test_files_of_different_times(times: tuple[Path, Path], tmp_path: Path, library: str) -> None:
    # A short change at another place in each file of the second copy.
    spoils = (zeros, noise(0.3), noise(0.6))
    for number, others in enumerate(itertools.product(STATES, repeat=2)):
        states = (library, *others)
        path = tmp_path / str(number) / "library.sqlite"
        path.parent.mkdir()
        for name, state, spoil in zip((path, *copies_of(path)), states, spoils, strict=True):
            if state != "gone":
                source = times[state.startswith("new")].with_name(name.name)
                put(source, name, spoil=spoil if "damaged" in state else None)
        labels, notice = opened(path)
        about = f"{states}: {notice}"
        if "new" in states or others == ("new damaged", "new damaged"):
            assert labels == NEW, about
        elif "old" in states:
            assert set(labels) == set(ALL), about
            assert all(labels[key] in (OLD[key], NEW[key]) for key in ALL), about
        if any(state.startswith("new") for state in states) and labels != NEW:
            assert "Nothing was lost" not in notice, about
        if labels not in (NEW, OLD) and set(states) != {"gone"}:
            assert "was damaged" in notice or "was missing" in notice, about
        again, notice = opened(path)
        assert (again, notice) == (labels, ""), about


def test_a_seal_that_was_written_over_replaces_no_row(times: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = times
    for swapped, gone in itertools.product((False, True), repeat=2):
        path = tmp_path / f"{swapped}{gone}" / "library.sqlite"
        first, second = copies_of(path)[::-1] if swapped else copies_of(path)
        put(copies_of(new)[0], first)
        put(copies_of(old)[1], second)
        if not gone:
            put(old, path)
        labels, notice = opened(path)
        assert labels == NEW
        assert "restored from its second copy" in notice


def rows(path: Path) -> tuple[int, dict[tuple[str, int], bytes | None]]:
    content = SecondCopy(path).read()
    assert content is not None
    return content.revision, {place: row for place, (_, row) in content.rows.items()}


def history(path: Path) -> tuple[bytes, list[int], dict[int, dict[tuple[str, int], bytes | None]]]:
    """Return the lines of a file, where each ends, and what is known after each transaction."""
    data = copies_of(path)[0].read_bytes()
    ends = list(itertools.accumulate(len(line) for line in data.splitlines(keepends=True)))
    known: dict[tuple[str, int], bytes | None] = {}
    after = {}
    for line in data.splitlines():
        _, _, _, revision, table, number, row = line.split(b"\t", 6)
        if table not in (b"library", b"seal"):
            known[table.decode(), int(number)] = None if row == b"null" else row
        if table == b"state":
            after[int(revision)] = dict(known)
    return data, ends, after


@pytest.mark.parametrize("second", ["old", "same", "gone", "shorter"])
def test_a_file_cut_anywhere_gives_whole_transactions(times: tuple[Path, Path], tmp_path: Path, second: str) -> None:
    old, new = times
    data, ends, after = history(new)
    start = len(history(old)[0]) - 20_000
    path = tmp_path / "library.sqlite"
    one, two = copies_of(path)
    places = sorted({*range(start, len(data), 37), *ends, *(end - 1 for end in ends), *(end + 1 for end in ends)})
    for cut in places:
        if not start <= cut <= len(data):
            continue
        one.write_bytes(data[:cut])
        two.unlink(missing_ok=True)
        if second != "gone":
            other = copies_of(old)[1].read_bytes() if second == "old" else data[: cut if second == "same" else start]
            two.write_bytes(other)
        revision, found = rows(path)
        assert found == after[revision], cut


def test_a_transaction_with_a_hole_that_was_never_committed_does_not_count(
    times: tuple[Path, Path], tmp_path: Path
) -> None:
    """A power cut may leave the last pages of a write on the disk and not the first ones."""
    old, new = times
    data, ends, after = history(new)
    path = tmp_path / "library.sqlite"
    one, two = copies_of(path)
    last = next(end for end in ends if b"\tstate\t" in data[:end].splitlines()[-1] and end > len(history(old)[0]))
    inside = [end for end in ends if len(history(old)[0]) < end <= last]
    for end in inside:
        spoiled = bytearray(data[:last])
        spoiled[end - 40 : end - 20] = bytes(20)
        one.write_bytes(spoiled)
        put(copies_of(old)[1], two)
        put(old, path)
        log_of(path).unlink(missing_ok=True)
        revision, found = rows(path)
        assert found == after[revision]
        assert opened(path) == (OLD, "") or end == last


def test_a_transaction_that_was_never_committed_is_not_mixed_with_the_one_after_it(
    times: tuple[Path, Path], tmp_path: Path
) -> None:
    old, new = times
    other = tmp_path / "other" / "library.sqlite"
    shutil.copytree(old.parent, other.parent)
    with Library.open(other) as library:
        library.set_corrections(CLASSES, dict.fromkeys(keys(5, 9), "alpaca"))
    newer = rows(new)[1]
    for first, second in itertools.permutations((new, other)):
        path = tmp_path / "library.sqlite"
        put(copies_of(first)[0], copies_of(path)[0])
        put(copies_of(second)[1], copies_of(path)[1])
        assert rows(path)[1] == newer


def test_the_last_page_of_a_library_and_both_files_may_be_lost(times: tuple[Path, Path], tmp_path: Path) -> None:
    """What was committed and has a hole is merged from everything that is left, and it is said."""
    old, new = times
    path = tmp_path / "library.sqlite"
    put(old, path)
    for copy in copies_of(path):
        put(copies_of(new)[0], copy)
        overwrite(copy, copies_of(old)[0].stat().st_size + 400, b"noise")
    labels, notice = opened(path)
    assert set(labels) == set(ALL)
    assert "damaged" in notice
    assert "Nothing was lost" not in notice
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
