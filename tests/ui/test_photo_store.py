"""Filters, orders and counts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.events import JudgedPhoto, Learned, Problem
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFacts
from alpacasorter.ui.photo_store import Filter, Order, PhotoStore

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


@pytest.fixture
def store() -> PhotoStore:
    store = PhotoStore(unsure_below=0.8)
    store.labels = LABELS
    store.add(Path(f"/p/{n}.jpg") for n in range(5))
    return store


def test_filters_and_counts(store: PhotoStore) -> None:
    store.judge([photo(0, 0.95), photo(1, 0.7), photo(2, 0.1), photo(3, 0.9, "not_alpaca")], 0)
    store.fail([Problem(Path("/p/4.jpg"), "The file is empty.")])

    assert store.matching(Filter.ALL) == [0, 1, 2, 3, 4]
    assert store.matching(Filter.POSITIVE) == [0, 1]
    assert store.matching(Filter.NEGATIVE) == [2, 3]
    assert store.matching(Filter.UNSURE) == [1]
    assert store.matching(Filter.CORRECTED) == [3]
    assert store.matching(Filter.PROBLEMS) == [4]
    assert store.counts == {which: len(store.matching(which)) for which in Filter}


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
    assert store.matching(Filter.ALL, Order.FOLDER) == [0, 1, 2, 3, 4]
    assert store.matching(Filter.ALL, Order.TAKEN) == [3, 1, 0, 2, 4]
    # What the user has settled is not doubtful any more; what is not judged yet comes last of the others.
    assert store.matching(Filter.ALL, Order.DOUBTFUL) == [1, 2, 0, 4, 3]


def test_late_prediction_is_dropped(store: PhotoStore) -> None:
    store.judge([photo(0, 0.9)], 3)
    store.judge([photo(0, 0.1)], 2)
    assert store.rows[0].probability == 0.9


def test_a_copy_is_corrected_with_its_twin(store: PhotoStore) -> None:
    twin = JudgedPhoto(Path("/p/1.jpg"), "key0", 0.9, FACTS, None)
    store.judge([photo(0, 0.9), twin], 0)
    numbers = store.learn(learned({"key0": "not_alpaca"}, {"key0": 0.4}, (), 1))
    assert numbers == [0, 1]
    assert [row.correction for row in store.rows[:2]] == ["not_alpaca"] * 2
    assert store.counts[Filter.CORRECTED] == 2


def test_unchanged_photos_are_not_reported(store: PhotoStore) -> None:
    store.judge([photo(0, 0.9), photo(1, 0.90001), photo(2, 0.5003)], 0)
    numbers = store.learn(learned({}, {"key0": 0.9001, "key1": 0.7, "key2": 0.4999}, ("key2",), 1))
    assert numbers == [1, 2], "the third crossed the line although it moved by less than is shown"
    assert store.matching(Filter.CHANGED) == [2]


def test_file_name_that_is_no_text_is_shown(store: PhotoStore) -> None:
    [number] = store.add([Path("/p/caf\udce9.jpg")])
    assert store.rows[number].name == "caf\ufffd.jpg"


def test_photo_that_becomes_readable_loses_its_reason(store: PhotoStore) -> None:
    store.fail([Problem(Path("/p/0.jpg"), "No permission.")])
    store.judge([photo(0, 0.9)], 0)
    assert store.rows[0].reason is None
    assert store.counts[Filter.PROBLEMS] == 0


def test_moving_the_line_of_unsure(store: PhotoStore) -> None:
    store.judge([photo(0, 0.95), photo(1, 0.7)], 0)
    store.set_unsure_below(0.99)
    assert store.matching(Filter.UNSURE) == [0, 1]
    assert store.counts[Filter.UNSURE] == 2


probabilities = st.floats(0, 1, width=32)
corrections = st.sampled_from([None, "alpaca", "not_alpaca"])
steps = st.one_of(
    st.tuples(st.just("judge"), st.integers(0, 7), probabilities, corrections),
    st.tuples(st.just("fail"), st.integers(0, 9), st.just(0.0), st.none()),
    st.tuples(st.just("learn"), st.integers(0, 7), probabilities, corrections),
    st.tuples(st.just("unsure"), st.just(0), st.floats(0.5, 1), st.none()),
)


@given(st.lists(steps, max_size=40))
def test_counts_are_what_counting_gives(series: list[tuple[str, int, float, str | None]]) -> None:
    store = PhotoStore()
    store.labels = LABELS
    store.add(Path(f"/p/{n}.jpg") for n in range(6))
    for version, (step, n, value, correction) in enumerate(series):
        if step == "judge":
            store.judge([photo(n, value, correction)], version)
        elif step == "fail":
            store.fail([Problem(Path(f"/p/{n}.jpg"), "No.")])
        elif step == "learn":
            store.learn(learned({f"key{n}": correction}, {f"key{n}": value}, (f"key{n}",), version))
        else:
            store.set_unsure_below(value)
        assert store.counts == {which: len(store.matching(which)) for which in Filter}
