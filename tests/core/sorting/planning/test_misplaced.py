"""Photos that lie where a sort put them by an earlier tag: found in the journal, planned, moved, and undone."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Outcome
from alpacasorter.core.sorting.planning.misplaced import plan_moves
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.core.store.library import Library

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library.open(tmp_path / "data" / "library.sqlite")
    yield made
    made.close()


def photo(path: Path, label: str) -> LabeledPhoto:
    return LabeledPhoto(path, sha256(path.name.encode()).hexdigest(), label, 0.99, corrected=True)


@pytest.fixture
def hike(tmp_path: Path) -> Path:
    folder = tmp_path / "hike"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / name).write_bytes(name.encode())
    (folder / "a.xmp").write_bytes(b"<x/>")
    return folder


def sort(library: Library, hike: Path, **options: object) -> Path:
    """Sort all three as alpacas; return the destination."""
    out = hike.parent / "out"
    chosen = SortOptions(out, **options)  # type: ignore[arg-type]
    photos = [photo(path, "alpaca") for path in sorted(hike.glob("*.jpg"))]
    list(run_sort(plan_sort(hike, photos, chosen, LABELS), library))
    return out


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if not path.name.startswith("."))


def test_a_relabeled_photo_moves_with_what_belongs_to_it_and_back(library: Library, hike: Path) -> None:
    out = sort(library, hike)
    relabeled, same = photo(out / "Alpaca" / "a.jpg", "not_alpaca"), photo(out / "Alpaca" / "b.jpg", "alpaca")
    before = files(out)
    [plan] = plan_moves(library, [relabeled, same], LABELS)
    assert files(out) == before, "a plan only reads"
    assert plan.count(Outcome.GO) == 1
    list(run_sort(plan, library))
    assert files(out) == ["Alpaca/b.jpg", "Alpaca/c.jpg", "Not alpaca/a.jpg", "Not alpaca/a.xmp"]
    there = replace(relabeled, path=out / "Not alpaca" / "a.jpg")
    assert plan_moves(library, [there], LABELS) == [], "it is where it belongs"
    # The label is taken back: it goes back.
    assert len(plan_moves(library, [replace(there, label="alpaca")], LABELS)) == 1
    list(undo_sort(2, library))
    assert files(out) == before


def test_nothing_is_overwritten(library: Library, hike: Path) -> None:
    out = sort(library, hike)
    (out / "Not alpaca").mkdir()
    (out / "Not alpaca" / "a.jpg").write_bytes(b"another one")
    [plan] = plan_moves(library, [photo(out / "Alpaca" / "a.jpg", "not_alpaca")], LABELS)
    list(run_sort(plan, library))
    assert (out / "Not alpaca" / "a.jpg").read_bytes() == b"another one"
    moved = [path for path in (out / "Not alpaca").glob("*.jpg") if path.read_bytes() == b"a.jpg"]
    assert len(moved) == 1


def test_what_the_user_has_moved_since_is_left_alone(library: Library, hike: Path) -> None:
    out = sort(library, hike)
    (out / "Favorites").mkdir()
    (out / "Alpaca" / "b.jpg").rename(out / "Favorites" / "b.jpg")
    assert plan_moves(library, [photo(out / "Favorites" / "b.jpg", "not_alpaca")], LABELS) == []
    # Nor is what an unrelated folder has, or what is gone.
    assert plan_moves(library, [photo(hike / "z.jpg", "not_alpaca")], LABELS) == []
    assert plan_moves(library, [photo(out / "Alpaca" / "b.jpg", "not_alpaca")], LABELS) == []


def test_a_destination_that_is_gone_and_a_sort_that_was_undone(library: Library, hike: Path) -> None:
    out = sort(library, hike)
    list(undo_sort(1, library))
    assert plan_moves(library, [photo(hike / "a.jpg", "not_alpaca")], LABELS) == []
    sort(library, hike)
    out.rename(out.with_name("away"))
    assert plan_moves(library, [photo(out / "Alpaca" / "a.jpg", "not_alpaca")], LABELS) == []


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK])
def test_of_a_copied_photo_the_copy_moves(library: Library, hike: Path, action: Action) -> None:
    out = sort(library, hike, action=action)
    [plan] = plan_moves(library, [photo(hike / "a.jpg", "not_alpaca")], LABELS)
    list(run_sort(plan, library))
    assert files(out) == ["Alpaca/b.jpg", "Alpaca/c.jpg", "Not alpaca/a.jpg", "Not alpaca/a.xmp"]
    assert (hike / "a.jpg").exists()


def test_it_goes_where_that_sort_would_have_put_it(library: Library, hike: Path) -> None:
    out = sort(library, hike, pattern="by tag/{label}", folder_names={"not_alpaca": "Others"})
    [plan] = plan_moves(library, [photo(out / "by tag" / "Alpaca" / "c.jpg", "not_alpaca")], LABELS)
    list(run_sort(plan, library))
    assert (out / "by tag" / "Others" / "c.jpg").exists()


def test_labels_that_are_left_in_place_and_folders_of_before(library: Library, hike: Path) -> None:
    out = sort(library, hike, leave_labels=frozenset({"not_alpaca"}))
    assert plan_moves(library, [photo(out / "Alpaca" / "c.jpg", "not_alpaca")], LABELS) == []


def test_where_it_would_be_by_its_earlier_subfolder_is_not_guessed(library: Library, hike: Path) -> None:
    out = sort(library, hike, pattern="{folder}/{label}")
    assert plan_moves(library, [photo(out / "Alpaca" / "c.jpg", "not_alpaca")], LABELS) == []
