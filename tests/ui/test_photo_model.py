"""How the list model follows the events."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractListModel
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from alpacasorter.core.events import Found, Judged, Problem, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.ui.photo_model import PhotoModel, _runs
from alpacasorter.ui.photo_store import Filter, Order, PhotoStore
from tests.ui.test_photo_store import LABELS, learned, photo


def found(*numbers: int) -> Found:
    return Found(tuple(PhotoFile(Path(f"/p/{n}.jpg"), 1, 1) for n in numbers))


def make() -> PhotoModel:
    store = PhotoStore()
    store.labels = LABELS
    return PhotoModel(store)


@pytest.fixture
def model(qapp: QApplication) -> PhotoModel:
    model = make()
    model.on_found(found(*range(6)))
    return model


def shown(model: PhotoModel) -> list[str]:
    return [model.photo(model.index(n)).path.stem for n in range(model.rowCount())]


def resets(model: QAbstractListModel) -> list[None]:
    seen: list[None] = []
    model.modelReset.connect(lambda: seen.append(None))
    return seen


def test_a_label_never_resets_the_model_and_repaints_only_what_changed(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9) for n in range(6)), 0))
    seen, painted = resets(model), []
    model.dataChanged.connect(lambda first, last, _roles=None: painted.append((first.row(), last.row())))
    same = {f"key{n}": 0.9 for n in (0, 2, 5)}
    model.on_learned(
        learned({"key3": "not_alpaca"}, {**same, "key1": 0.2, "key3": 0.1, "key4": 0.3}, ("key1", "key4"), 1)
    )
    assert seen == []
    assert painted == [(1, 1), (3, 4)]


def test_photos_that_come_to_match_are_inserted_in_place(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9 if n in (0, 3) else 0.1) for n in range(6)), 0))
    model.show(Filter.POSITIVE)
    assert shown(model) == ["0", "3"]
    model.on_judged(Judged((photo(1, 0.9), photo(4, 0.9), photo(5, 0.9), photo(2, 0.9)), 1))
    assert shown(model) == ["0", "1", "2", "3", "4", "5"]


def test_a_photo_that_no_longer_matches_stays_until_the_filter_is_chosen_again(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9) for n in range(6)), 0))
    model.show(Filter.POSITIVE)
    model.on_learned(learned({"key2": "not_alpaca"}, {"key2": 0.1}, (), 1))
    assert "2" in shown(model)
    assert model.store.counts[Filter.POSITIVE] == 5
    model.show(Filter.POSITIVE)
    assert "2" not in shown(model)


def test_most_doubtful_first(model: PhotoModel) -> None:
    model.on_judged(Judged((photo(0, 0.99), photo(1, 0.5), photo(2, 0.7)), 0))
    model.show(Filter.ALL, Order.DOUBTFUL)
    assert shown(model)[:3] == ["1", "2", "0"]


def test_problem_with_a_folder_gets_a_row_of_its_own(model: PhotoModel) -> None:
    model.on_problems(Problems((Problem(Path("/p/locked"), "No permission.", True),)))
    assert shown(model)[-1] == "locked"
    model.show(Filter.PROBLEMS)
    model.on_problems(
        Problems((Problem(Path("/p/locked2"), "No permission.", True), Problem(Path("/p/1.jpg"), "Empty.")))
    )
    assert sorted(shown(model)) == ["1", "locked", "locked2"]


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [([], []), ([3], [(3, 3)]), ([5, 1, 2, 3, 7, 6], [(1, 3), (5, 7)]), ([1, 3, 5], [(1, 1), (3, 3), (5, 5)])],
)
def test_runs(numbers: list[int], runs: list[tuple[int, int]]) -> None:
    assert _runs(numbers) == runs


actions = st.one_of(
    st.tuples(st.just("found"), st.integers(0, 9), st.just(0.0)),
    st.tuples(st.just("judged"), st.integers(0, 9), st.floats(0, 1, width=32)),
    st.tuples(st.just("failed"), st.integers(0, 9), st.just(0.0)),
    st.tuples(st.just("learned"), st.integers(0, 9), st.floats(0, 1, width=32)),
    st.tuples(st.just("filter"), st.integers(0, len(Filter) - 1), st.just(0.0)),
    st.tuples(st.just("order"), st.integers(0, len(Order) - 1), st.just(0.0)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(actions, max_size=30))
def test_qt_accepts_every_change(qapp: QApplication, series: list[tuple[str, int, float]]) -> None:
    """Qt's own checker watches each insertion, reset and change; afterwards what is shown is what matches, and more."""
    model = make()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for version, (action, n, value) in enumerate(series):
        match action:
            case "found":
                model.on_found(found(n))
            case "judged":
                model.on_judged(Judged((photo(n, value),), version))
            case "failed":
                model.on_problems(Problems((Problem(Path(f"/p/{n}.jpg"), "No."),)))
            case "learned":
                model.on_learned(learned({f"key{n}": "alpaca"}, {f"key{n}": value}, (), version))
            case "filter":
                model.show(list(Filter)[n])
            case "order":
                model.show(model.filter, list(Order)[n])
        names = shown(model)
        assert len(set(names)) == len(names)
        matching = {model.store.rows[m].path.stem for m in model.store.matching(model.filter)}
        assert matching <= set(names)
        if model.order is Order.FOLDER:
            assert names == sorted(names, key=lambda name: model.store.number_of(Path(f"/p/{name}.jpg")))
    del tester
