"""Filters, orders and counts."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alpacasorter.core import reasons
from alpacasorter.core.events import JudgedPhoto, Learned, Problem
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.core.photos.walk import walk
from alpacasorter.core.taken import Clock, DateSource
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.tag_changes import EarlierTag
from tests.picture_files import make_picture

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})
FACTS = PhotoFacts(100, 80, None, "JPEG")


def photo(n: int, probability: float, correction: str | None = None, taken_at: str | None = None) -> JudgedPhoto:
    facts = PhotoFacts(100, 80, taken_at, "JPEG")
    return JudgedPhoto(Path(f"/p/{n}.jpg"), f"key{n}", probability, facts, correction)


def learned(
    changes: dict[str, str | None], probabilities: dict[str, float], changed: tuple[str, ...], version: int
) -> Learned:
    values = np.array(list(probabilities.values()), dtype=np.float32)
    return Learned(len(changes), changes, list(probabilities), values, changed, version)


def names(rows: Iterable[PhotoRow]) -> str:
    """Return the names of photos that are called by one letter."""
    return "".join(row.path.stem for row in rows)


@pytest.fixture
def store() -> PhotoStore:
    store = PhotoStore(unsure_below=0.8)
    store.labels = LABELS
    store.add(Path(f"/p/{n}.jpg") for n in range(5))
    return store


def test_filters_and_counts(store: PhotoStore) -> None:
    store.judge([photo(0, 0.95), photo(1, 0.7), photo(2, 0.1), photo(3, 0.9, "not_alpaca")], 0)
    store.fail([Problem(Path("/p/4.jpg"), "The file is empty.")])

    assert names(store.matching(View(Filter.ALL))) == "01234"
    assert names(store.matching(View(Filter.POSITIVE))) == "01"
    assert names(store.matching(View(Filter.NEGATIVE))) == "23"
    assert names(store.matching(View(Filter.UNSURE))) == "1"
    assert names(store.matching(View(Filter.CORRECTED))) == "3"
    assert names(store.matching(View(Filter.PROBLEMS))) == "4"
    assert store.counts == {which: len(store.matching(View(which))) for which in Filter}


def test_a_photo_with_new_metadata_is_known_by_its_old_content_key(store: PhotoStore) -> None:
    def judged(n: int, key: str, picture: str) -> JudgedPhoto:
        return JudgedPhoto(Path(f"/p/{n}.jpg"), key, 0.9, FACTS, "alpaca", picture)

    store.judge([judged(0, "old", "picture"), judged(1, "other", "other picture")], 0)
    store.judge([judged(0, "new", "picture"), judged(2, "copy", "picture")], 0)
    assert names(store.rows_of("old")) == names(store.rows_of("new")) == names(store.rows_of("copy")) == "02"
    assert [row.key_before for row in store.rows[:3]] == ["old", None, None]
    assert store.counts[Filter.CORRECTED] == 3
    store.judge([judged(0, "another", "another picture")], 0)
    assert names(store.rows_of("old")) == "2"
    assert store.rows[0].key_before is None
    store.clear()
    assert store.rows_of("old") == []


def test_orders(store: PhotoStore) -> None:
    store.judge(
        [
            photo(0, 0.95, taken_at="2024-05-02T10:00:00"),
            photo(1, 0.55, taken_at="2024-05-01T10:00:00"),
            photo(2, 0.2),
            photo(3, 0.52, "alpaca", taken_at="2023-01-01T00:00:00"),
        ],
        0,
    )
    assert names(store.matching(View(Filter.ALL, Order.FOLDER))) == "01234"
    assert names(store.matching(View(Filter.ALL, Order.TAKEN))) == "31024"
    # Photos labeled by the user come last, and before them those that are not judged yet.
    assert names(store.matching(View(Filter.ALL, Order.DOUBTFUL))) == "12043"


def test_the_order_by_date_goes_by_the_clock_to_fractions_of_a_second() -> None:
    store = PhotoStore()
    taken = {
        "burst_3.jpg": "2024-05-01T10:00:00.9",
        "burst_1.jpg": "2024-05-01T10:00:00.1+02:00",
        "burst_2.jpg": "2024-05-01T10:00:00.25",
        "midnight.jpg": "2024-05-01T00:08:19",
        "IMG-20240430-WA0001.jpg": None,
        "other.jpg": "2024-05-01T11:00:00",
        "undated.jpg": None,
    }
    store.add([Path("/p") / name for name in taken])
    for name, at in taken.items():
        camera = "Canon" if name == "other.jpg" else None
        facts = PhotoFacts(1, 1, at, "JPEG", DateSource.CAMERA if at else DateSource.NONE, camera)
        store.judge([JudgedPhoto(Path("/p") / name, name, 0.5, facts, None)], 0)
    rest = ["midnight.jpg", "burst_1.jpg", "burst_2.jpg", "burst_3.jpg"]

    def order() -> list[str]:
        return [row.name for row in store.matching(View(Filter.ALL, Order.TAKEN))]

    assert order() == ["IMG-20240430-WA0001.jpg", *rest, "other.jpg", "undated.jpg"]
    store.clocks = (Clock("Canon", -2 * 86400),)
    assert order() == ["other.jpg", "IMG-20240430-WA0001.jpg", *rest, "undated.jpg"]


def test_late_prediction_is_dropped(store: PhotoStore) -> None:
    store.judge([photo(0, 0.9)], 3)
    store.judge([photo(0, 0.1)], 2)
    assert store.rows[0].probability == 0.9


def test_a_copy_is_corrected_with_its_twin(store: PhotoStore) -> None:
    twin = JudgedPhoto(Path("/p/1.jpg"), "key0", 0.9, FACTS, None)
    store.judge([photo(0, 0.9), twin], 0)
    changed = store.learn(learned({"key0": "not_alpaca"}, {"key0": 0.4}, (), 1))
    assert names(changed) == "01"
    assert [row.correction for row in store.rows[:2]] == ["not_alpaca"] * 2
    assert store.counts[Filter.CORRECTED] == 2


def test_unchanged_photos_are_not_reported(store: PhotoStore) -> None:
    store.judge([photo(0, 0.9), photo(1, 0.90001), photo(2, 0.5003)], 0)
    changed = store.learn(learned({}, {"key0": 0.9001, "key1": 0.7, "key2": 0.4999}, ("key2",), 1))
    assert names(changed) == "12", "the third crossed the threshold, although its percentage is the same"
    assert names(store.matching(View(Filter.CHANGED))) == "2"


def test_file_name_that_is_not_valid_unicode_is_shown(store: PhotoStore) -> None:
    [row] = store.add([Path("/p/caf\udce9.jpg")])
    assert row.name == "caf\ufffd.jpg"


def test_photo_that_becomes_readable_loses_its_reason(store: PhotoStore) -> None:
    store.fail([Problem(Path("/p/0.jpg"), "No permission.")])
    store.judge([photo(0, 0.9)], 0)
    assert store.rows[0].reason is None
    assert store.counts[Filter.PROBLEMS] == 0


def test_changing_what_counts_as_unsure(store: PhotoStore) -> None:
    store.judge([photo(0, 0.95), photo(1, 0.7)], 0)
    store.set_unsure_below(0.99)
    assert names(store.matching(View(Filter.UNSURE))) == "01"
    assert store.counts[Filter.UNSURE] == 2


def test_photos_are_inserted_in_the_order_of_the_walker(tmp_path: Path) -> None:
    files = [
        "IMG_10.jpg",
        "IMG_2.jpg",
        "img_3.jpg",
        "day2/1.jpg",
        "day10/a/0.jpg",
        "day10/b.jpg",
        "day2/01.jpg",
        "Zoo/1.jpg",
        "z.jpg",
    ]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_picture(tmp_path / name, size=(8, 8))
    wanted = [file.path for file in walk(tmp_path, recursive=True) if isinstance(file, PhotoFile)]
    assert len(wanted) == len(files)
    for seed in range(20):
        mixed = random.Random(seed).sample(wanted, len(wanted))
        store = PhotoStore()
        for first in range(0, len(mixed), 2):
            store.add(mixed[first : first + 2], new=True)
        assert [row.path for row in store.rows] == wanted


def test_photos_that_disappear_say_so(store: PhotoStore) -> None:
    store.judge([photo(n, 0.9, "alpaca" if n == 1 else None) for n in range(5)], 0)
    gone = store.remove([Path("/p/3.jpg"), Path("/p/1.jpg"), Path("/elsewhere.jpg")])
    assert names(gone) == "31"
    assert all(row.gone and row.reason == reasons.VANISHED and row.probability is None for row in gone)
    assert names(store.rows) == "024"
    assert store.row_of(Path("/p/1.jpg")) is None
    assert store.rows_of("key1") == []
    assert (store.counts[Filter.ALL], store.counts[Filter.POSITIVE], store.counts[Filter.CORRECTED]) == (3, 3, 0)


def test_moved_photos_keep_everything_but_their_path(store: PhotoStore) -> None:
    store.judge([photo(n, 0.9, "not_alpaca" if n == 1 else None) for n in range(5)], 0)
    before = store.rows[1]
    moved, replaced = store.move([(Path("/p/1.jpg"), Path("/sorted/caf\udce9.jpg")), (Path("/no"), Path("/one"))])
    assert moved == [before]
    assert replaced == []
    assert (before.name, before.correction, before.key) == ("caf\ufffd.jpg", "not_alpaca", "key1")
    assert store.rows[1] is before, "nothing moves under the mouse"
    assert store.row_of(Path("/sorted/caf\udce9.jpg")) is before
    assert store.row_of(Path("/p/1.jpg")) is None
    store.move([(Path("/sorted/caf\udce9.jpg"), Path("/p/1.jpg"))])
    assert store.row_of(Path("/p/1.jpg")) is before


def test_swapped_names_and_an_overwritten_photo(store: PhotoStore) -> None:
    zero, one, two = store.rows[:3]
    store.move([(Path("/p/0.jpg"), Path("/p/1.jpg")), (Path("/p/1.jpg"), Path("/p/0.jpg"))])
    assert (store.row_of(Path("/p/1.jpg")), store.row_of(Path("/p/0.jpg"))) == (zero, one)
    _, replaced = store.move([(Path("/p/1.jpg"), Path("/p/2.jpg"))])
    assert replaced == [two]
    assert two.gone
    assert store.row_of(Path("/p/2.jpg")) is zero
    assert store.counts[Filter.ALL] == len(store.rows) == 4


def test_a_photo_whose_bytes_changed_has_another_key(store: PhotoStore) -> None:
    twin = JudgedPhoto(Path("/p/1.jpg"), "key0", 0.9, FACTS, None)
    store.judge([photo(0, 0.9), twin], 5)
    # It was judged by an older head than the photo before it, but the content key is another one.
    store.judge([JudgedPhoto(Path("/p/1.jpg"), "other", 0.2, FACTS, None)], 4)
    assert [row.path.name for row in store.rows_of("key0")] == ["0.jpg"]
    assert [row.path.name for row in store.rows_of("other")] == ["1.jpg"]
    store.learn(learned({"key0": "not_alpaca"}, {"key0": 0.4, "other": 0.3}, ("other",), 6))
    assert [row.correction for row in store.rows[:2]] == ["not_alpaca", None]
    assert store.matching(View(Filter.CHANGED)) == [], "it is the same tag as before, of another photo"
    store.learn(learned({}, {"other": 0.7}, ("other",), 6))
    assert names(store.matching(View(Filter.CHANGED))) == "1"
    store.judge([JudgedPhoto(Path("/p/1.jpg"), "third", 0.2, FACTS, None)], 6)
    assert store.counts[Filter.CHANGED] == 0


def test_new_photos_start_with_the_least_certain_one(store: PhotoStore) -> None:
    store.add([Path(f"/p/{n}.jpg") for n in (5, 6, 7)], new=True)
    assert store.counts[Filter.NEW] == 0
    store.judge([photo(0, 0.6), photo(5, 0.9), photo(7, 0.4)], 0)
    store.fail([Problem(Path("/p/6.jpg"), "Cut short.")])
    store.fail([Problem(Path("/p/8.jpg"), "Only in the cloud.")], new=True)
    assert store.counts[Filter.NEW] == 4
    assert names(store.matching(View(Filter.NEW, Order.TAKEN))) == "7568"
    store.see()
    assert store.counts[Filter.NEW] == 0
    assert store.matching(View(Filter.NEW)) == []


def test_a_rescan_finds_new_photos(store: PhotoStore) -> None:
    store.complete()
    store.add([Path("/p/5.jpg")], new=True)
    store.move([(Path("/p/1.jpg"), Path("/sorted/1.jpg"))])
    store.clear(again=True)
    store.judge([], 0)
    # The second scan is stopped, and the model changes meanwhile: what was known before still counts.
    store.add([Path("/p/0.jpg")])
    store.clear(again=True)
    store.add([Path(f"/p/{n}.jpg") for n in range(7)])
    store.judge([photo(n, 0.9) for n in range(7)], 0)
    assert names(store.matching(View(Filter.NEW))) == "56", (
        "one was new before; another one arrived while the folder was not watched"
    )
    store.clear()
    store.add([Path("/p/9.jpg")])
    store.judge([photo(9, 0.9)], 0)
    assert store.counts[Filter.NEW] == 0, "in another folder nothing is new"


def test_changes_are_counted_since_the_folder_was_opened(store: PhotoStore) -> None:
    twin = JudgedPhoto(Path("/p/4.jpg"), "key3", 0.73, FACTS, None)
    store.judge([photo(0, 0.9), photo(1, 0.73), photo(2, 0.2), photo(3, 0.73), twin], 0)
    store.learn(learned({"key0": "not_alpaca"}, {"key0": 0.1, "key1": 0.19, "key2": 0.1, "key3": 0.8}, ("key1",), 1))
    store.learn(learned({}, {"key1": 0.19, "key2": 0.1, "key3": 0.3}, ("key3",), 2))
    assert names(store.matching(View(Filter.CHANGED))) == "134", "those of both steps, copies too"
    assert store.counts[Filter.CHANGED] == 3
    assert store.flipped == 2
    assert store.earlier_tag(store.rows[1]) == EarlierTag("alpaca", 0.73)
    assert store.earlier_tag(store.rows[0]) is None, "that is the user's label"
    # Flipped back; and labeled by the user.
    store.learn(learned({"key3": "alpaca"}, {"key1": 0.6, "key2": 0.1, "key3": 0.9}, ("key1",), 3))
    assert store.counts[Filter.CHANGED] == 0
    # Without the label it counts again.
    store.learn(learned({"key3": None}, {"key1": 0.3, "key2": 0.1, "key3": 0.3}, ("key1",), 4))
    assert names(store.matching(View(Filter.CHANGED))) == "134"
    assert store.earlier_tag(store.rows[1]) == EarlierTag("alpaca", 0.73)
    store.see_changes([store.rows[1]])
    assert names(store.matching(View(Filter.CHANGED))) == "34"
    store.learn(learned({}, {"key1": 0.75, "key2": 0.1, "key3": 0.3}, ("key1",), 5))
    earlier = store.earlier_tag(store.rows[1])
    assert earlier is not None
    assert (earlier.label, round(earlier.confidence, 6)) == ("not_alpaca", 0.7)
    store.see_changes()
    assert store.counts[Filter.CHANGED] == 0


def test_a_rescan_keeps_the_changes(store: PhotoStore) -> None:
    store.judge([photo(0, 0.9), photo(1, 0.9)], 0)
    store.learn(learned({}, {"key0": 0.2}, ("key0",), 1))
    store.clear(again=True)
    assert store.counts[Filter.CHANGED] == 0
    store.add(Path(f"/p/{n}.jpg") for n in range(5))
    store.judge([photo(0, 0.2), photo(1, 0.9)], 1)
    assert names(store.matching(View(Filter.CHANGED))) == "0"
    assert store.counts[Filter.CHANGED] == 1
    store.clear()
    store.add([Path("/p/0.jpg")])
    store.judge([photo(0, 0.2)], 1)
    assert store.counts[Filter.CHANGED] == 0, "another folder"


PATHS = st.integers(0, 12).map(lambda n: Path(f"/p/{n}.jpg"))
KEYS = st.integers(0, 3).map(lambda n: f"key{n}")
PROBABILITIES = st.floats(0, 1, width=32)
CORRECTIONS = st.sampled_from([None, "alpaca", "not_alpaca"])


class Rows(RuleBasedStateMachine):
    """Anything that may happen to photos, in any order, compared with a naive model: a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.store = PhotoStore()
        self.store.labels = LABELS
        self.version = 0
        # By path: found_at, key, probability, correction, reason, new.
        self.photos: dict[Path, dict[str, Any]] = {}
        # By key: what was said first.
        self.earlier: dict[str, float] = {}

    def is_changed(self, one: dict[str, Any]) -> bool:
        if one["probability"] is None or one["correction"] is not None:
            return False
        return (one["probability"] >= 0.5) != (self.earlier[one["key"]] >= 0.5)

    def there(self, path: Path, *, new: bool) -> dict[str, Any]:
        nothing = {"found_at": path, "key": None, "probability": None, "correction": None, "reason": None, "new": new}
        return self.photos.setdefault(path, nothing)

    @rule(paths=st.lists(PATHS, max_size=5), new=st.booleans())
    def add(self, paths: list[Path], new: bool) -> None:
        if not new:
            paths.sort(key=lambda path: int(path.stem))
        self.store.add(paths, new=new)
        for path in paths:
            self.there(path, new=new)

    @rule(path=PATHS, key=KEYS, value=PROBABILITIES, said=CORRECTIONS)
    def judge(self, path: Path, key: str, value: float, said: str | None) -> None:
        # What is said about the same bytes is always the same.
        for one in self.photos.values():
            if one["key"] == key and one["probability"] is not None:
                value, said = one["probability"], one["correction"]
        self.store.judge([JudgedPhoto(path, key, value, FACTS, said)], self.version)
        if path in self.photos:
            self.photos[path] |= {"key": key, "probability": value, "correction": said, "reason": None}
            self.earlier.setdefault(key, value)

    @rule(paths=st.lists(PATHS, max_size=3), new=st.booleans())
    def fail(self, paths: list[Path], new: bool) -> None:
        self.store.fail([Problem(path, "No.") for path in paths], new=new)
        for path in paths:
            self.there(path, new=new).update(probability=None, correction=None, reason="No.")

    @rule(paths=st.lists(PATHS, max_size=6))
    def remove(self, paths: list[Path]) -> None:
        self.store.remove(paths)
        for path in paths:
            self.photos.pop(path, None)

    @rule(files=st.lists(st.tuples(PATHS, PATHS), max_size=4, unique_by=(lambda f: f[0], lambda f: f[1])))
    def move(self, files: list[tuple[Path, Path]]) -> None:
        self.store.move(files)
        moved = [(after, self.photos.pop(before)) for before, after in files if before in self.photos]
        self.photos |= dict(moved)

    @rule(values=st.dictionaries(KEYS, PROBABILITIES), said=CORRECTIONS, corrected=KEYS)
    def learn(self, values: dict[str, float], said: str | None, corrected: str) -> None:
        self.version += 1
        self.store.learn(learned({corrected: said}, values, tuple(values), self.version))
        for one in self.photos.values():
            if one["probability"] is not None:
                one["probability"] = values.get(one["key"], one["probability"])
                if one["key"] == corrected:
                    one["correction"] = said

    @rule(
        values=st.lists(PROBABILITIES, min_size=4, max_size=4), changes=st.dictionaries(KEYS, CORRECTIONS, max_size=2)
    )
    def learn_about_all(self, values: list[float], changes: dict[str, str | None]) -> None:
        """As the engine does it: in the order in which photos were judged first, those that are gone included."""
        self.version += 1
        said = dict(zip(self.earlier, values, strict=False))
        self.store.learn(learned(changes, said, tuple(said), self.version))
        for one in self.photos.values():
            if one["probability"] is not None:
                one["probability"] = said.get(one["key"], one["probability"])
                one["correction"] = changes.get(one["key"], one["correction"])

    @rule()
    def see(self) -> None:
        self.store.see()
        for one in self.photos.values():
            one["new"] = False

    @rule(some=st.none() | st.lists(st.integers(0, 20), max_size=5))
    def see_changes(self, some: list[int] | None) -> None:
        rows = self.store.rows
        chosen = None if some is None else [rows[n] for n in some if n < len(rows)]
        paths = {row.path for row in (rows if chosen is None else chosen)}
        seen = [one for path in paths if (one := self.photos[path])["probability"] is not None]
        for one in seen:
            if chosen is None or self.is_changed(one):
                self.earlier[one["key"]] = one["probability"]
        self.store.see_changes(chosen)

    @rule(confidence=st.floats(0.5, 1))
    def draw_the_line(self, confidence: float) -> None:
        self.store.set_unsure_below(confidence)

    @invariant()
    def rows_are_the_photos_in_folder_order(self) -> None:
        rows = self.store.rows
        assert {row.path for row in rows} == self.photos.keys()
        assert len(rows) == len(self.photos)
        assert [row.rank for row in rows] == sorted({row.rank for row in rows})
        numbers = [int(row.found_at.stem) for row in rows]
        assert numbers == sorted(numbers)
        for row in rows:
            assert self.store.row_of(row.path) is row
            fields = ("found_at", "key", "probability", "correction", "reason", "new")
            assert {name: getattr(row, name) for name in fields} == self.photos[row.path]
            assert not row.gone

    @invariant()
    def keys_lead_to_rows(self) -> None:
        for n in range(4):
            wanted = {path for path, one in self.photos.items() if one["key"] == f"key{n}"}
            assert {row.path for row in self.store.rows_of(f"key{n}")} == wanted
            assert len(self.store.rows_of(f"key{n}")) == len(wanted)

    @invariant()
    def counts_are_what_counting_gives(self) -> None:
        assert self.store.counts == {which: len(self.store.matching(View(which))) for which in Filter}
        changed = sum(map(self.is_changed, self.photos.values()))
        assert self.store.counts[Filter.CHANGED] == changed
        new = sum(1 for one in self.photos.values() if one["new"] and (one["reason"] or one["probability"] is not None))
        assert self.store.counts[Filter.NEW] == new


TestRows = Rows.TestCase
TestRows.settings = settings(max_examples=150, stateful_step_count=30)
