"""What holds for every plan, over generated folders: nothing is overwritten, separated or touched."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpacasorter.core.sorting.options import Action, Leftovers
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.core.sorting.planning.disks import name_key
from alpacasorter.core.sorting.planning.units import group_files
from tests.core.sorting.planning.planning import photo, plan, snapshot, undisturbed, write

STEMS = ["IMG_1", "img_1", "IMG_1_2", "IMG_2", "caf\u00e9", "cafe\u0301", "a:b?", "x" * 240, "IMG_E1234"]
ENDINGS = [".jpg", ".JPG", ".heic", ".png", ".cr2", ".CR2", ".mov", ".xmp", ".jpg.xmp", ".cr2.xmp", ".aae"]
FILES = st.tuples(
    st.sampled_from(["", "day", "Day", "day/farm", "Alpaca"]),
    st.sampled_from(STEMS),
    st.sampled_from(ENDINGS),
    st.integers(0, 2),
)
THERE = st.tuples(
    st.sampled_from(["", "Alpaca", "ALPACA", "Alpaca/day", "Not alpaca"]),
    st.sampled_from(STEMS),
    st.sampled_from(ENDINGS),
    st.integers(0, 2),
)
LABELS = st.sampled_from([("alpaca", 0.9), ("not_alpaca", 0.9), ("alpaca", 0.5), (None, 0.0)])
OPTIONS = st.fixed_dictionaries(
    {
        "action": st.sampled_from(list(Action)),
        "pattern": st.sampled_from(["{label}", "{label}/{folder}", "{folder}", "{folder}/{label}", "x/{taken}"]),
        "unsure": st.sampled_from(list(Leftovers)),
        "unreadable": st.sampled_from(list(Leftovers)),
        "folder_names": st.sampled_from([{}, {"alpaca": "not ALPACA"}, {"alpaca": "IMG_1.jpg"}]),
    }
)


def made_of(place: str, stem: str, ending: str, content: int) -> tuple[str, bytes]:
    return f"{place}/{stem}{ending}".lstrip("/"), b"same size %d" % content


def path_key(path: Path, there: set[str]) -> tuple[str, ...]:
    """Return what is equal for two paths that some system takes for one: up to the folder that is there, the same."""
    above = next((folder for folder in path.parents if os.fspath(folder) in there), path.parent)
    return (os.fspath(above), *map(name_key, path.relative_to(above).parts))


def check(made: SortPlan, wanted: list[Path], there: set[str]) -> None:
    """Hold a plan against what must be true of each.

    Args:
        made: the plan.
        wanted: the photos it is for.
        there: what was there before, as text.
    """
    destination = made.options.destination
    seen: Counter[tuple[str, ...]] = Counter()
    folders = {*(Path(path) for path in there), *made.new_folders}
    for unit in made.units:
        assert unit.files[0].source == unit.photo.path
        if unit.outcome is not Outcome.GO:
            assert unit.renamed is None
            continue
        parents = set()
        for file in unit.files:
            assert file.target is not None
            assert file.target.is_relative_to(destination)
            assert ".." not in file.target.parts
            parents.add(file.target.parent)
            if file.there:
                continue
            assert os.fspath(file.target) not in there
            assert file.target.parent in folders
            seen[path_key(file.target, there)] += 1
        assert len(parents) == 1
        if made.options.action is Action.MOVE:
            assert not any(file.there for file in unit.files)
    assert all(count == 1 for count in seen.values())
    # Where case is told apart, another spelling may be there; no file may get it all the same.
    assert not any(path_key(Path(path), there) in seen for path in there)
    assert not any(os.fspath(path) in there for path in made.new_folders)
    assert set(made.output_folders) <= set(made.new_folders)
    for at, path in enumerate(made.new_folders):
        assert path.parent in {*made.new_folders[:at], *(Path(one) for one in there)}
        assert path_key(path, there) not in seen
    every = [file.source for unit in made.units for file in unit.files]
    assert len(every) == len(set(every))
    assert set(wanted) <= set(every)


def check_there(made: SortPlan) -> None:
    """Assert that files which are said to be there already are, and stay."""
    deeds = [file for unit in made.units if unit.outcome is Outcome.GO for file in unit.files if not file.there]
    comes = {file.target: file.source for file in deeds}
    leaves = {file.source for file in deeds} if made.options.action is Action.MOVE else set()
    for unit in made.units:
        if unit.outcome is Outcome.IN_PLACE:
            assert all(file.target == file.source for file in unit.files)
        for file in unit.files:
            if not file.there or file.target is None:
                continue
            assert file.target not in leaves
            if made.options.action is Action.SYMLINK:
                assert file.target.samefile(file.source)
            else:
                assert comes.get(file.target, file.target).read_bytes() == file.source.read_bytes()


def check_whole(made: SortPlan, top: Path) -> None:
    """Assert that what belongs together is in one unit."""
    home = {file.source: number for number, unit in enumerate(made.units) for file in unit.files}
    for place in {path.parent for path in home}:
        for members in group_files([path.name for path in place.iterdir() if path.is_file()], []):
            units = {home.get(place / member.name) for member in members}
            assert len(units) == 1, (top, members)


@pytest.mark.skipif(os.name != "posix", reason="makes names that only POSIX systems take")
@settings(max_examples=300)
@given(st.lists(FILES, min_size=1, max_size=14), st.lists(THERE, max_size=8), OPTIONS, st.booleans(), st.data())
def test_every_plan(
    files: list[tuple[str, str, str, int]],
    there: list[tuple[str, str, str, int]],
    options: dict[str, Any],
    inside: bool,
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(os.path.realpath(name))
        folder = top / "photos"
        out = folder if inside else top / "out"
        for place, entries in ((out, there), (folder, files)):
            for path, content in (made_of(*entry) for entry in entries):
                if not (place / path).exists():
                    write(place / path, data=content)
        pictures = (".jpg", ".heic", ".png", ".cr2")
        photos = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in pictures)
        if not photos:
            return
        labels = data.draw(st.lists(LABELS, min_size=len(photos), max_size=len(photos)))
        shown = [photo(path, label, confidence) for path, (label, confidence) in zip(photos, labels, strict=True)]
        before = snapshot(top)
        made = plan(folder, out, shown, **options)
        assert snapshot(top) == before
        check(made, photos, set(before))
        check_there(made)
        check_whole(made, top)
        assert undisturbed(plan(folder, out, shown, **options)) == undisturbed(made)
