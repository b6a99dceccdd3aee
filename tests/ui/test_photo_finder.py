"""The finder says at once what going through all rows would say."""

import itertools
import random
from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.core.taken import Clock, DateSource
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_finder import Finder
from alpacasorter.ui.photo_query import Query
from alpacasorter.ui.photo_store import PhotoStore
from tests.ui.test_photo_store import LABELS, learned, names, photo

ROOT = Path("/photos/Alpacas")
CHANCE = random.Random(3)


@pytest.fixture
def store() -> PhotoStore:
    """200 photos in two folders, some without a date, some labeled by the user, some not judged."""
    store = PhotoStore(unsure_below=0.8)
    store.labels, store.root = LABELS, ROOT
    paths = [ROOT / f"Peru {n % 2}" / f"IMG_{n:03}.jpg" for n in range(200)]
    store.add(paths)
    judged = []
    for n, path in enumerate(paths[:190]):
        taken = None if n % 7 == 0 else f"2024-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}:00:00"
        label = LABELS.names[n % 2] if n % 9 == 0 else None
        facts = PhotoFacts(100, 80, taken, "JPEG", DateSource.CAMERA, "Canon")
        judged.append(JudgedPhoto(path, f"key{n}", CHANCE.random(), facts, label))
    store.judge(judged, 0)
    store.fail([Problem(paths[195], reasons.EMPTY)])
    return store


QUERIES = (
    Query(words=("peru",)),
    Query(words=("peru", "1")),
    Query(words=("img_01",)),
    Query(words=("nothing",)),
    Query(taken=(1.71e9, 1.72e9)),
    Query(undated=True),
    Query(probability=(0.3, 0.7)),
    Query(probability=(0.5, 1.0)),
    Query(words=("1",), taken=(1.71e9, 1.73e9), probability=(0.2, 0.9)),
)


@pytest.mark.parametrize("order", Order)
def test_it_finds_what_going_through_all_rows_finds(store: PhotoStore, order: Order) -> None:
    finder = Finder(store)
    for which, query, descending in itertools.product(Filter, QUERIES, (False, True)):
        view = View(which, order, descending, query)
        assert finder.matching(view) == store.matching(view)


def test_it_counts_what_it_finds(store: PhotoStore) -> None:
    finder = Finder(store)
    for query in QUERIES:
        assert finder.counts(query) == {which: len(store.matching(View(which, query=query))) for which in Filter}


@pytest.mark.parametrize("typed", [("i", "im", "img", "img_1", "img_", "img_0", ""), ("peru", "peru 1", "eru 1 19")])
def test_while_the_user_types_and_deletes(store: PhotoStore, typed: tuple[str, ...]) -> None:
    finder = Finder(store)
    for words in typed:
        view = View(query=Query(words=tuple(words.split())))
        assert finder.matching(view) == store.matching(view)


def test_it_follows_what_changes(store: PhotoStore) -> None:
    finder = Finder(store)
    sure = View(Filter.POSITIVE, query=Query(words=("img",), probability=(0.9, 1.0)))
    assert finder.matching(sure) == store.matching(sure)
    store.learn(learned({"key1": LABELS.positive}, {f"key{n}": 0.95 for n in range(20)}, (), 1))
    assert finder.matching(sure) == store.matching(sure)
    store.add([ROOT / "IMG_999.jpg"], new=True)
    store.judge([JudgedPhoto(ROOT / "IMG_999.jpg", "new", 0.99, PhotoFacts(1, 1, None, "JPEG"), None)], 1)
    assert "IMG_999" in [row.path.stem for row in finder.matching(sure)]
    store.move([(ROOT / "IMG_999.jpg", ROOT / "renamed.jpg")])
    assert "renamed" not in [row.path.stem for row in finder.matching(sure)]
    store.remove([ROOT / "Peru 1" / "IMG_001.jpg"])
    assert finder.matching(sure) == store.matching(sure)


def test_names_of_the_folders_above_the_open_one_find_nothing(store: PhotoStore) -> None:
    assert Finder(store).matching(View(query=Query(words=("alpacas",)))) == []


def test_the_clock_of_a_camera_that_is_put_right_moves_its_photos(store: PhotoStore) -> None:
    finder = Finder(store)
    before = finder.dated()
    store.clocks = (Clock("Canon", 3600),)
    after = finder.dated()
    assert before is not None
    assert after == (before[0] + 3600, before[1] + 3600)


def test_bars() -> None:
    store = PhotoStore(unsure_below=0.8)
    store.labels = LABELS
    store.add(Path(f"/p/{n}.jpg") for n in range(6))
    day = "2024-05-01T12:00:00"
    dated = [photo(0, 0.9, taken_at=day), photo(1, 0.1, taken_at=day), photo(2, 0.85, LABELS.negative, taken_at=day)]
    store.judge([*dated, photo(3, 1.0), photo(4, 0.0, taken_at="2024-05-02T00:00:00")], 0)
    finder = Finder(store)
    first, last = finder.dated() or (0.0, 0.0)
    edges = (first - 43200, first + 43200, last + 86400)
    assert finder.by_date(View(), edges).counts == [(1, 2, 0), (0, 1, 0)]
    assert finder.by_date(View(), edges).outside == 2
    assert finder.by_date(View(Filter.POSITIVE), edges).counts == [(1, 0, 0), (0, 0, 0)]
    by_probability = finder.by_probability(View(query=Query(probability=(0.9, 1.0))), (0.0, 0.5, 1.0))
    assert by_probability.counts == [(0, 2, 0), (2, 1, 0)], "its own range leaves the bars as they are"
    found = View(query=Query(words=("2",), taken=(0.0, 1.0)))
    assert finder.by_date(found, edges).counts == [(0, 1, 0), (0, 0, 0)]
    assert sum(map(sum, finder.by_probability(found, (0.0, 0.5, 1.0)).counts)) == 0
    assert names(finder.matching(View(query=Query(undated=True)))) == "35"


def test_working_ahead_ends(store: PhotoStore) -> None:
    finder = Finder(store)
    assert finder.prepare(-1.0), "no time, so there is more to do"
    assert not finder.prepare(10.0)
    assert all(row.sought is not None and row.seconds is not None for row in store.rows)
