"""The list model updates with the events."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QAbstractListModel, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from alpacasorter.core.events import Found, Judged, Problem, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.model import OutOfDate, PhotoModel, runs
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


def test_photos_that_a_scan_adds_go_to_the_end(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9 if n in (0, 3) else 0.1) for n in range(6)), 0))
    model.show(View(Filter.POSITIVE))
    assert shown(model) == ["0", "3"]
    model.on_judged(Judged((photo(5, 0.9), photo(4, 0.9)), 1))
    assert not model.out_of_date, "they are in order by chance"
    model.on_judged(Judged((photo(2, 0.9), photo(1, 0.9)), 1))
    assert shown(model) == ["0", "3", "4", "5", "1", "2"]
    assert model.out_of_date == OutOfDate(order=True)
    model.show(View(Filter.POSITIVE))
    assert shown(model) == ["0", "1", "2", "3", "4", "5"]
    assert not model.out_of_date


@pytest.mark.parametrize("order", list(Order))
def test_photos_that_match_after_learning_wait_until_the_user_asks(model: PhotoModel, order: Order) -> None:
    values = {0: 0.9, 1: 0.3, 2: 0.2, 3: 0.8, 4: 0.45, 5: 0.1}
    model.on_judged(Judged(tuple(photo(n, value) for n, value in values.items()), 0))
    model.show(View(Filter.POSITIVE, order))
    before = shown(model)
    assert sorted(before) == ["0", "3"]
    inserted: list[None] = []
    model.rowsInserted.connect(lambda: inserted.append(None))
    model.on_learned(learned({"key0": "not_alpaca"}, {"key0": 0.2, "key1": 0.7, "key4": 0.9}, ("key1", "key4"), 1))
    assert shown(model) == before
    assert (model.out_of_date.more, model.out_of_date.fewer) == (2, 1)
    assert model.out_of_date.order == (order in (Order.CONFIDENCE, Order.DOUBTFUL))
    # One of them flips back: it does not wait any more.
    model.on_learned(learned({}, {"key1": 0.2}, ("key1",), 2))
    # Being judged again by a scan or the watched folder lets none of them slip in.
    model.on_judged(Judged((photo(4, 0.9),), 2))
    model.on_judged(Judged((photo(4, 0.9),), 2), live=True)
    model.settle()
    assert inserted == []
    assert (model.out_of_date.more, model.out_of_date.fewer) == (1, 1)
    model.show(View(Filter.POSITIVE))
    assert sorted(shown(model)) == ["3", "4"]


def test_photos_are_brought_back_in_their_place(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9 if n % 2 else 0.1) for n in range(6)), 0))
    model.show(View(Filter.POSITIVE))
    model.bring_back([model.store.rows[0], model.store.rows[4], model.store.rows[1]])
    assert shown(model) == ["0", "1", "3", "4", "5"]
    assert model.out_of_date == OutOfDate(fewer=2), "they are shown although they do not belong here"


def test_what_is_unsure_is_asked_again(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9 if n < 3 else 0.6) for n in range(6)), 0))
    model.show(View(Filter.UNSURE))
    model.store.set_unsure_below(0.95)
    model.review()
    assert shown(model) == ["3", "4", "5"]
    assert model.out_of_date == OutOfDate(more=3)
    model.store.set_unsure_below(0.55)
    model.review()
    assert model.out_of_date == OutOfDate(fewer=3)


def test_a_photo_that_no_longer_matches_stays_until_the_filter_is_chosen_again(model: PhotoModel) -> None:
    model.on_judged(Judged(tuple(photo(n, 0.9) for n in range(6)), 0))
    model.show(View(Filter.POSITIVE))
    model.on_learned(learned({"key2": "not_alpaca"}, {"key2": 0.1}, (), 1))
    assert "2" in shown(model)
    assert model.store.counts[Filter.POSITIVE] == 5
    model.show(View(Filter.POSITIVE))
    assert "2" not in shown(model)


def test_least_certain_first(model: PhotoModel) -> None:
    model.on_judged(Judged((photo(0, 0.99), photo(1, 0.5), photo(2, 0.7)), 0))
    model.show(View(Filter.ALL, Order.DOUBTFUL))
    assert shown(model)[:3] == ["1", "2", "0"]


def test_problem_with_a_folder_gets_a_row_of_its_own(model: PhotoModel) -> None:
    model.on_problems(Problems((Problem(Path("/p/locked"), "No permission.", True),)))
    assert shown(model)[-1] == "locked"
    model.show(View(Filter.PROBLEMS))
    model.on_problems(
        Problems((Problem(Path("/p/locked2"), "No permission.", True), Problem(Path("/p/1.jpg"), "Empty.")))
    )
    assert sorted(shown(model)) == ["1", "locked", "locked2"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], []), ([3], [(3, 3)]), ([5, 1, 2, 3, 7, 6], [(1, 3), (5, 7)]), ([1, 3, 5], [(1, 1), (3, 3), (5, 5)])],
)
def test_runs(numbers: list[int], expected: list[tuple[int, int]]) -> None:
    assert runs(numbers) == expected


def test_live_changes_wait_until_the_model_settles(model: PhotoModel) -> None:
    unsettled: list[None] = []
    model.unsettled.connect(lambda: unsettled.append(None))
    model.on_judged(Judged(tuple(photo(n, 0.9) for n in range(6)), 0))
    model.on_gone([Path("/p/1.jpg"), Path("/p/4.jpg")])
    model.on_arrived(found(10, 7))
    assert shown(model) == ["0", "1", "2", "3", "4", "5"]
    assert model.store.counts[Filter.ALL] == 6, "two went, two came"
    assert [row.path.stem for row in model.leaving] in (["1", "4"], ["4", "1"])
    assert "no longer there" in str(model.data(model.index(1), Qt.ItemDataRole.ToolTipRole))
    assert unsettled
    assert not model.is_settled
    model.settle()
    assert shown(model) == ["0", "2", "3", "5", "7", "10"]
    assert model.is_settled
    seen = resets(model)
    model.settle()
    assert seen == []


def test_a_row_to_keep_stays_and_keeps_the_order(model: PhotoModel) -> None:
    kept = model.photo(model.index(3))
    model.on_gone([Path(f"/p/{n}.jpg") for n in (0, 3, 4)])
    model.settle([kept])
    model.on_arrived(found(*range(20, 30)))
    model.on_gone([Path("/p/1.jpg")])
    # A photo with the same name arrived; it is another one.
    model.on_arrived(found(3))
    model.settle([kept])
    assert shown(model) == ["2", "3", "5", "3", *map(str, range(20, 30))]
    assert model.photo(model.index(1)) is kept
    assert not model.is_settled
    model.settle()
    assert shown(model) == ["2", "5", "3", *map(str, range(20, 30))]


def test_a_photo_that_comes_and_goes_before_the_model_settles_is_never_shown(model: PhotoModel) -> None:
    model.on_arrived(found(8))
    model.on_gone([Path("/p/8.jpg")])
    assert model.is_settled
    model.settle()
    assert shown(model) == ["0", "1", "2", "3", "4", "5"]


def test_moved_photos_stay_in_place_and_are_repainted(model: PhotoModel) -> None:
    painted: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, _roles=None: painted.append((first.row(), last.row())))
    index = QPersistentModelIndex(model.index(2))
    model.on_moved([(Path("/p/2.jpg"), Path("/sorted/alpaca/z.jpg")), (Path("/p/2.xmp"), Path("/sorted/alpaca/z.xmp"))])
    assert shown(model) == ["0", "1", "z", "3", "4", "5"]
    assert painted == [(2, 2)]
    assert model.photo(index).path == Path("/sorted/alpaca/z.jpg")
    assert "It is now in " in str(model.data(model.index(2), Qt.ItemDataRole.ToolTipRole))
    # One overwrites another, which is gone.
    model.on_moved([(Path("/p/0.jpg"), Path("/p/1.jpg"))])
    model.settle()
    assert shown(model) == ["1", "z", "3", "4", "5"]


def test_new_photos_are_shown_least_certain_first(model: PhotoModel) -> None:
    model.on_arrived(found(7, 8, 9, 10))
    model.show(View(Filter.NEW))
    assert shown(model) == []
    model.on_judged(Judged((photo(7, 0.9), photo(8, 0.55)), 0), live=True)
    assert shown(model) == []
    model.settle()
    assert shown(model) == ["8", "7"]
    model.on_judged(Judged((photo(9, 0.2), photo(10, 0.51)), 0), live=True)
    model.on_problems(Problems((Problem(Path("/p/11.jpg"), "Only in the cloud."),)), live=True)
    model.settle()
    assert shown(model) == ["8", "7", "10", "9", "11"]
    assert model.out_of_date.order
    model.show(View(Filter.NEW))
    assert shown(model) == ["10", "8", "9", "7", "11"]


def test_problem_becomes_readable_and_back(model: PhotoModel) -> None:
    """A photo that is still being copied can't be read; later it can."""
    model.on_arrived(found(7))
    model.on_problems(Problems((Problem(Path("/p/7.jpg"), "Cut short."),)), live=True)
    model.show(View(Filter.PROBLEMS))
    assert shown(model) == ["7"]
    model.on_arrived(found(7))
    model.on_judged(Judged((photo(7, 0.9), photo(1, 0.9)), 0), live=True)
    counts = model.store.counts
    assert (counts[Filter.PROBLEMS], counts[Filter.POSITIVE], counts[Filter.NEW]) == (0, 2, 1)
    model.on_problems(Problems((Problem(Path("/p/1.jpg"), "Cut short."),)), live=True)
    assert (counts[Filter.PROBLEMS], counts[Filter.POSITIVE], counts[Filter.NEW]) == (1, 1, 1)
    model.settle()
    assert shown(model) == ["7", "1"]


actions = st.one_of(
    st.tuples(st.just("found"), st.integers(0, 9), st.just(0.0)),
    st.tuples(st.just("arrived"), st.integers(0, 12), st.just(0.0)),
    st.tuples(st.just("judged"), st.integers(0, 12), st.floats(0, 1, width=32)),
    st.tuples(st.just("live"), st.integers(0, 12), st.floats(0, 1, width=32)),
    st.tuples(st.just("failed"), st.integers(0, 12), st.just(0.0)),
    st.tuples(st.just("learned"), st.integers(0, 9), st.floats(0, 1, width=32)),
    st.tuples(st.just("gone"), st.integers(0, 12), st.just(0.0)),
    st.tuples(st.just("moved"), st.integers(0, 11), st.just(0.0)),
    st.tuples(st.just("settle"), st.integers(0, 12), st.just(0.0)),
    st.tuples(st.just("filter"), st.integers(0, len(Filter) - 1), st.just(0.0)),
    st.tuples(st.just("order"), st.integers(0, 2 * len(Order) - 1), st.just(0.0)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(actions, max_size=40))
def test_qt_accepts_every_change(qapp: QApplication, series: list[tuple[str, int, float]]) -> None:
    """Qt's own tester checks every insertion, removal, reset and change; what is listed never changes its order."""
    model = make()
    listed: list[PhotoRow] = []
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    for version, (action, n, value) in enumerate(series):
        path = Path(f"/p/{n}.jpg")
        match action:
            case "found":
                model.on_found(found(n))
            case "arrived":
                model.on_arrived(found(n, n + 1))
            case "judged" | "live":
                model.on_judged(Judged((photo(n, value),), version), live=action == "live")
            case "failed":
                model.on_problems(Problems((Problem(path, "No."),)), live=n % 2 == 0)
            case "learned":
                model.on_learned(learned({f"key{n}": "alpaca"}, {f"key{n}": value}, (), version))
            case "gone":
                model.on_gone([path, Path(f"/p/{n + 3}.jpg")])
            case "moved":
                model.on_moved([(path, Path(f"/p/{n + 1}.jpg"))])
            case "settle":
                model.settle([row for row in model.leaving if row.path == path])
            case "filter":
                model.show(replace(model.view, filter=list(Filter)[n]))
            case "order":
                order, descending = list(Order)[n % len(Order)], n >= len(Order)
                model.show(replace(model.view, order=order, descending=descending))
        rows = [model.photo(model.index(place)) for place in range(model.rowCount())]
        assert len(set(rows)) == len(rows)
        assert {row for row in rows if row.gone} == model.leaving
        matching = model.store.matching(View(model.filter))
        differing = model.out_of_date
        assert differing.more == len(set(matching) - set(rows))
        assert differing.fewer == len({row for row in rows if not row.gone} - set(matching))
        if action in ("filter", "order"):
            assert rows == model.store.matching(model.view)
            assert not differing
        else:
            stayed = [row for row in listed if row in set(rows)]
            assert rows[: len(stayed)] == stayed, "those that come go to the end"
            assert all(row.gone for row in listed if row not in set(rows)), "only a file that is gone leaves"
        if not differing.order:
            places = [model.store.sort_key(model.view)(row) for row in rows if not row.gone]
            assert places == sorted(places, reverse=model.view.reversed)
        listed = rows
    model.settle()
    assert not model.leaving
    model.show(model.view)
    assert list(model.listed) == model.store.matching(model.view)
    del tester
