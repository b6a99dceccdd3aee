"""The plan of a sort as a tree."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QStyleOptionViewItem, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.core.files import natural_key
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome, Remark, SortPlan
from alpacasorter.core.taken import DateSource, Taken
from alpacasorter.ui.sorting.plan_model import NAME, NOTE, SIZE, PlanModel, first_example
from alpacasorter.ui.sorting.plan_page import PlanView
from alpacasorter.ui.widgets.layouts import EndElided
from alpacasorter.wording import sorts, text
from tests.ui.sorting.fakes import HIKE, OUT, going, plan_of, unit

ALPACA, OTHER = OUT / "Alpaca", OUT / "Not alpaca"
TIP = Qt.ItemDataRole.ToolTipRole


@pytest.fixture
def plan() -> SortPlan:
    return plan_of(
        unit("a.jpg", "a.CR3", "a.xmp", folder=ALPACA),
        unit("b.jpg", folder=OTHER, target="b_2.jpg", source=HIKE / "day 2"),
        unit("c.jpg", outcome=Outcome.STAYS, reason="It is less than 80% sure."),
        unit("d.jpg", outcome=Outcome.BLOCKED, reason="It is gone."),
        unit("e.jpg", outcome=Outcome.THERE, folder=ALPACA, reason="The same photo is there already."),
        unit("f.jpg", outcome=Outcome.IN_PLACE, folder=ALPACA),
        unit("g.jpg", folder=ALPACA),
        new=(OUT, ALPACA),
    )


@pytest.fixture
def model(qapp: QApplication, plan: SortPlan) -> PlanModel:
    made = PlanModel()
    made.show_plan(plan)
    return made


@pytest.fixture
def view(qtbot: QtBot) -> Iterator[PlanView]:
    window = QWidget()
    qtbot.addWidget(window)
    made = PlanView(window)
    made.resize(700, 500)
    window.show()
    yield made
    window.close()


def rows(model: PlanModel, parent: QModelIndex | None = None) -> list[list[str]]:
    parent = parent or QModelIndex()
    return [
        [model.index(row, column, parent).data() for column in range(model.columnCount())]
        for row in range(model.rowCount(parent))
    ]


def test_photos_that_can_t_be_sorted_come_first_and_those_that_stay_last(model: PlanModel) -> None:
    assert rows(model) == [
        [sorts.heading(Outcome.BLOCKED, Action.MOVE), "1 photo", "1.0 KB"],
        ["Alpaca", "2 photos · 2 companion files · new folder", "4.0 KB"],
        ["Not alpaca", "1 photo", "1.0 KB"],
        [sorts.heading(Outcome.THERE, Action.MOVE), "1 photo", "1.0 KB"],
        [sorts.heading(Outcome.IN_PLACE, Action.MOVE), "1 photo", "1.0 KB"],
        [sorts.heading(Outcome.STAYS, Action.MOVE), "1 photo", "1.0 KB"],
    ]


def test_photos_and_what_goes_along(model: PlanModel) -> None:
    alpaca = model.index(1, 0)
    assert rows(model, alpaca) == [["a.jpg", "", "1.0 KB"], ["g.jpg", "", "1.0 KB"]]
    assert rows(model, model.index(0, 0, alpaca)) == [
        ["a.CR3", "companion file", "1.0 KB"],
        ["a.xmp", "companion file", "1.0 KB"],
    ]
    assert rows(model, model.index(2, 0)) == [
        ["b.jpg → b_2.jpg", "Another file there has this name. · from day 2", "1.0 KB"]
    ]
    assert rows(model, model.index(0, 0)) == [["d.jpg", "It is gone.", "1.0 KB"]]
    assert rows(model, model.index(5, 0))[0][NOTE] == "It is less than 80% sure."


def test_it_keeps_to_the_rules_of_a_model(model: PlanModel, plan: SortPlan) -> None:
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    model.show_plan(None)
    assert model.rowCount() == 0
    model.show_plan(plan)
    companion = model.index(1, SIZE, model.index(0, 0, model.index(1, 0)))
    assert companion.parent().data() == "a.jpg"
    assert companion.parent().parent().data() == "Alpaca"
    assert companion.parent().parent().parent() == QModelIndex()
    tester.deleteLater()


def test_names_that_look_like_markup_or_are_no_text(model: PlanModel) -> None:
    model.show_plan(plan_of(unit("<b>caf\udce9.jpg", folder=ALPACA)))
    cell = model.index(0, NAME, model.index(0, 0))
    assert cell.data() == "<b>caf\ufffd.jpg"
    assert cell.data(TIP) == "<p>&lt;b&gt;caf\ufffd.jpg</p>"


def test_folders_in_the_order_people_count(model: PlanModel) -> None:
    months = [OUT / "Alpaca" / name for name in ("2", "10", "1")]
    model.show_plan(plan_of(*(unit(f"{n}.jpg", folder=folder) for n, folder in enumerate(months))))
    assert [row[NAME] for row in rows(model)] == ["Alpaca/1", "Alpaca/2", "Alpaca/10"]
    assert natural_key("a2") < natural_key("a10") < natural_key("B1")


def test_an_example_from_the_plan(plan: SortPlan) -> None:
    assert first_example(plan) == str(Path("Alpaca") / "a.jpg")
    assert first_example(plan_of(unit("c.jpg", outcome=Outcome.STAYS))) == ""


def test_facts_and_remarks_are_shown_above_the_tree(view: PlanView, plan: SortPlan) -> None:
    remarks = [Remark("Too little space.", serious=True), *(Remark(f"Odd {n}.") for n in range(6))]
    units = (*plan.units, unit("h.jpg", folder=ALPACA))
    view.show_plan(plan_of(*units, remarks=remarks, to_write=5000, free=9000))
    assert view.serious.text() == "Too little space."
    shown = plan_of(*units, to_write=5000, free=9000)
    said = view.remarks.text().splitlines()
    assert said[:4] == [
        " ".join(sorts.counted(shown, outcome) for outcome in (Outcome.STAYS, Outcome.THERE, Outcome.IN_PLACE)),
        sorts.space(shown),
        sorts.renamed(1),
        sorts.counted(shown, Outcome.BLOCKED),
    ]
    assert len(said) == 6
    assert "5 more" in said[-1]
    assert "Odd 5." in view.remarks.toolTip()
    assert view.tree.isExpanded(view.model.index(0, 0)), "photos that can't be sorted are shown without a click"
    assert not view.tree.isExpanded(view.model.index(1, 0))


def test_remarks_name_files(view: PlanView, plan: SortPlan) -> None:
    some = Remark("7 photos have no date and go to “Undated”.", paths=tuple(HIKE / f"{n}.jpg" for n in range(5)))
    only = Remark("Nothing can be written there.", serious=True, paths=(OUT,))
    view.show_plan(plan_of(*plan.units, remarks=[some, only]))
    assert sorts.remark(some) in view.remarks.text().splitlines()
    assert view.serious.text() == sorts.remark(only)
    assert str(OUT) in view.serious.text()


def test_long_reasons_are_elided_at_the_end(view: PlanView, plan: SortPlan) -> None:
    view.show_plan(plan)
    cell = view.model.index(0, NOTE, view.model.index(0, 0))
    option = QStyleOptionViewItem()
    option.textElideMode = Qt.TextElideMode.ElideMiddle
    delegate = view.tree.itemDelegateForIndex(cell)
    assert isinstance(delegate, EndElided)
    delegate.initStyleOption(option, cell)
    assert option.textElideMode == Qt.TextElideMode.ElideRight
    assert cell.data(TIP) == "<p>It is gone.</p>"


def test_what_was_opened_stays_open(view: PlanView, plan: SortPlan) -> None:
    view.show_plan(plan)
    view.tree.expand(view.model.index(1, 0))
    view.show_plan(plan_of(*plan.units[1:]))
    assert [view.tree.isExpanded(view.model.index(row, 0)) for row in range(3)] == [True, True, False]


def test_an_old_plan_fades(view: PlanView, plan: SortPlan) -> None:
    view.show_plan(plan)
    view.set_busy(True)
    assert not view.tree.isEnabled()
    assert not view.busy.isHidden()
    view.show_plan(None, "No plan.")
    assert view.tree.isEnabled()
    assert view.busy.isHidden()
    assert view.overview.text() == "No plan."
    assert view.remarks.isHidden()


def test_rows_are_not_made_before_they_are_seen(view: PlanView, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = PlanModel.data
    monkeypatch.setattr(PlanModel, "data", lambda self, *rest: (asked.append(1), real(self, *rest))[1])
    view.show_plan(going(10_000))
    view.tree.expand(view.model.index(0, 0))
    view.grab()
    assert len(asked) < 5000


def test_a_date_that_decides_is_shown_with_its_source(model: PlanModel) -> None:
    named = Taken("2020-03-07", DateSource.NAME)
    model.show_plan(plan_of(replace(unit("IMG-20200307-WA0001.jpg", folder=ALPACA), taken=named)))
    assert model.index(0, NOTE, model.index(0, 0)).data() == text.date_note(named)
    assert "name" in text.date_note(named)
