"""Over generated trees: a sort does exactly what its plan says, and undo ∘ sort changes nothing."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import SortState
from alpacasorter.core.sorting.execution import batch
from alpacasorter.core.sorting.execution.run import resume_sort, run_sort, undo_sort
from alpacasorter.core.sorting.options import Action, Leftovers, SortOptions
from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.core.sorting.planning.planner import plan_sort
from tests.core.sorting.trees import Tree, drain, library_at, tree, write

OTHER_DISK = Path("/dev/shm")
LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})
PATTERNS = ["{label}", "{label}/{taken:%Y-%m}", "{label}/{folder}", "{taken:%Y}/{label}"]

# Few of each, so that they meet.
stems = st.sampled_from(["IMG_0001", "img_0001", "IMG_0002", "IMG_0001_2", "grüß", "a b", ".hidden", "CON", "x" * 60])
pictures = st.sampled_from([".jpg", ".JPG", ".heic", ".png"])
companions = st.sets(st.sampled_from([".xmp", ".CR2", ".mov", ".jpg.xmp", ".aae"]), max_size=2)
folders = st.sampled_from(["", "roll", "roll/deep", "other"])
contents = st.integers(0, 5)
modes = st.sampled_from([0o644, 0o644, 0o600, 0o444])


@dataclass(frozen=True)
class Made:
    """A photo to be made, with what the model and the user say of it."""

    folder: str
    stem: str
    ending: str
    content: int
    mode: int
    companions: frozenset[str]
    label: str | None
    confidence: float
    taken_at: str | None


photos = st.builds(
    Made,
    folders,
    stems,
    pictures,
    contents,
    modes,
    companions.map(frozenset),
    st.sampled_from(["alpaca", "alpaca", "not_alpaca", None]),
    st.sampled_from([0.55, 0.95]),
    st.sampled_from([None, "2026-05-03T14:32:10", "2025-12-31T23:59:59"]),
)
there_before = st.lists(
    st.tuples(st.sampled_from(["Alpaca", "Not alpaca", "alpaca"]), stems, pictures, contents), max_size=4
)


def data_of(content: int, name: str = "") -> bytes:
    return f"{content} {name}".encode() * (1 + 40 * content)


class World:
    """The folders of one example."""

    def __init__(self, base: Path, other: Path, made: list[Made]) -> None:
        self.base, self.other = base, other
        self.other.mkdir()
        self.source = base / "photos"
        self.source.mkdir()
        self.photos: list[LabeledPhoto] = []
        for number, one in enumerate(made):
            path = self.source / one.folder / f"{one.stem}{one.ending}"
            if path.exists():
                continue
            data = data_of(one.content)
            write(path, data, mode=one.mode, number=number)
            for ending in one.companions:
                companion = (
                    path.with_name(path.stem + ending) if ending != ".jpg.xmp" else path.with_name(path.name + ".xmp")
                )
                if not companion.exists():
                    write(companion, data_of(one.content, ending), number=number + 100)
            key = hashlib.sha256(data).hexdigest() if one.label is not None else None
            confidence = one.confidence if one.label is not None else None
            reason = None if one.label is not None else "It can't be read."
            self.photos.append(
                LabeledPhoto(path, key, one.label, confidence, one.content % 2 == 0, one.taken_at, reason)
            )

    def look(self) -> Tree:
        return tree(self.base, self.other)

    def expected(self, before: Tree, plan: SortPlan) -> Tree:
        """What the plan says that the folders will look like."""
        now = dict(before)
        for folder in plan.new_folders:
            now[str(folder)] = ("folder", "", 0, 0o755)
        for unit in plan.units:
            for file in unit.files:
                if unit.outcome is not Outcome.GO or file.target is None or file.there:
                    continue
                entry = before[str(file.source)]
                assert str(file.target) not in now
                if plan.options.action is Action.MOVE:
                    del now[str(file.source)]
                if plan.options.action is Action.SYMLINK:
                    entry = ("link", str(file.source.resolve()), 0, 0)
                now[str(file.target)] = entry
        return now


def without_markers(found: Tree) -> Tree:
    return {name: entry for name, entry in found.items() if Path(name).name != OUTPUT_MARKER}


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    made=st.lists(photos, min_size=1, max_size=14),
    before_there=there_before,
    action=st.sampled_from(list(Action)),
    pattern=st.sampled_from(PATTERNS),
    unsure=st.sampled_from(list(Leftovers)),
    where=st.sampled_from(["inside", "beside", "other disk"]),
    files=st.sampled_from([1, 3, 64]),
    stop_at=st.one_of(st.none(), st.integers(0, 12)),
)
def test_a_plan_is_what_comes_of_it_and_undo_restores(
    made: list[Made],
    before_there: list[tuple[str, str, str, int]],
    action: Action,
    pattern: str,
    unsure: Leftovers,
    where: str,
    files: int,
    stop_at: int | None,
) -> None:
    base = Path(tempfile.mkdtemp())
    other = Path(tempfile.mkdtemp(dir=OTHER_DISK if OTHER_DISK.is_dir() else None))
    usual, batch.FILES = batch.FILES, files  # type: ignore[misc]
    try:
        destination = {
            "inside": base / "photos" / "sorted",
            "beside": base / "sorted",
            "other disk": other / "out" / "sorted",
        }[where]
        world = World(base, other / "out", made)
        for number, (label, stem, ending, content) in enumerate(before_there):
            write(destination / label / f"{stem}{ending}", data_of(content), number=number + 50)
        options = SortOptions(destination, action, pattern, unsure=unsure, unreadable=unsure)
        before = world.look()
        plan = plan_sort(world.source, world.photos, options, LABELS)
        assert world.look() == before
        with library_at(Path(tempfile.mkdtemp(dir=other))) as library:
            if not plan.files_to_do:
                return
            expected = world.expected(before, plan)
            asked = iter([False] * stop_at if stop_at is not None else [])
            _, end = drain(run_sort(plan, library, stopped=lambda: next(asked, stop_at is not None)))
            if end.stopped:
                _, end = drain(resume_sort(1, library))
            assert (end.record.state, end.record.failed, end.problem) == (SortState.FINISHED, 0, "")
            assert end.record.done == end.record.files == plan.files_to_do
            now = world.look()
            assert without_markers(now) == without_markers(expected)
            marked = {str(folder / OUTPUT_MARKER) for folder in plan.output_folders}
            assert now.keys() - without_markers(now).keys() == marked
            asked = iter([False] * stop_at if stop_at is not None else [])
            _, end = drain(undo_sort(1, library, stopped=lambda: next(asked, stop_at is not None)))
            if end.stopped:
                _, end = drain(undo_sort(1, library))
            assert (end.record.state, end.record.left, end.problem) == (SortState.UNDONE, 0, "")
            assert world.look() == before
    finally:
        batch.FILES = usual  # type: ignore[misc]
        shutil.rmtree(base)
        shutil.rmtree(other)
