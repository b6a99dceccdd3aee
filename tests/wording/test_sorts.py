"""Sentences about sorts. Each kind is checked word for word here only; other tests check numbers and states."""

from pathlib import Path

import pytest

from alpacasorter.core.sorting.events import SortProgress, SortRecord, SortState
from alpacasorter.core.sorting.options import Action
from alpacasorter.core.sorting.plan import Outcome, Remark
from alpacasorter.wording import sorts
from tests.ui.sorting.fakes import HIKE, OUT, ended, going, plan_of, record, unit


def test_the_button_says_what_it_does() -> None:
    assert sorts.button(going(412), Action.MOVE) == "Move 412 photos"
    assert sorts.button(going(1), Action.COPY) == "Copy 1 photo"
    assert sorts.button(going(2), Action.SYMLINK) == "Link 2 photos"
    assert sorts.button(None, Action.MOVE) == "Move"
    assert sorts.button(plan_of(unit("a.jpg", outcome=Outcome.STAYS)), Action.MOVE) == "Move"


def test_overview_of_a_plan() -> None:
    alpaca, other = OUT / "Alpaca", OUT / "Not alpaca"
    units = (
        unit("a.jpg", "a.xmp", folder=alpaca),
        unit("b.jpg", folder=other),
        unit("c.jpg", outcome=Outcome.STAYS),
    )
    along = "1 companion file goes along."
    assert sorts.overview(plan_of(*units)) == f"2 photos will be moved to 2 folders. {along}"
    some_new, all_new = plan_of(*units, new=(OUT, alpaca)), plan_of(*units, new=(OUT, alpaca, other))
    assert sorts.overview(some_new) == f"2 photos will be moved to 2 folders (1 new). {along}"
    assert sorts.overview(all_new) == f"2 photos will be moved to 2 new folders. {along}"
    assert sorts.overview(going(1)) == "1 photo will be moved to 1 folder."


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([], "No photos to sort."),
        ([Outcome.BLOCKED, Outcome.BLOCKED], "Nothing to move."),
        ([Outcome.THERE, Outcome.IN_PLACE], "Nothing to move. All photos are already in place."),
        ([Outcome.STAYS], "Nothing to move. All photos stay where they are, as you chose."),
        ([Outcome.STAYS, Outcome.THERE], "Nothing to move."),
    ],
)
def test_a_plan_that_does_nothing(outcomes: list[Outcome], words: str) -> None:
    said = sorts.overview(plan_of(*(unit(f"{n}.jpg", outcome=outcome) for n, outcome in enumerate(outcomes))))
    assert said.startswith(words)
    assert said == words or not outcomes


@pytest.mark.parametrize(
    ("outcome", "one", "more"),
    [
        (Outcome.STAYS, "1 photo stays where it is.", "2 photos stay where they are."),
        (Outcome.IN_PLACE, "1 photo is already in place.", "2 photos are already in place."),
        (Outcome.THERE, "1 photo is already at the destination.", "2 photos are already at the destination."),
        (Outcome.BLOCKED, "1 photo can't be moved.", "2 photos can't be moved."),
    ],
)
def test_what_is_not_sorted_is_counted(outcome: Outcome, one: str, more: str) -> None:
    units = [unit("a.jpg", outcome=outcome), unit("b.jpg", outcome=outcome)]
    assert sorts.counted(going(1), outcome) == ""
    assert sorts.counted(plan_of(units[0]), outcome) == one
    assert sorts.counted(plan_of(*units), outcome) == more
    assert sorts.heading(outcome, Action.MOVE)


def test_space() -> None:
    assert sorts.space(going(3)) == ""
    plan = plan_of(unit("a.jpg", folder=OUT), to_write=5_000_000, free=12_000_000_000)
    assert sorts.space(plan) == "Needs 5.0 MB; 12 GB free."
    assert sorts.space(plan_of(unit("a.jpg", folder=OUT), to_write=5_000_000)) == "Needs 5.0 MB."


def test_a_remark_names_a_few_files() -> None:
    paths = tuple(HIKE / f"{n}.jpg" for n in range(5))
    assert sorts.remark(Remark("Odd.")) == "Odd."
    assert sorts.remark(Remark("Odd.", paths=paths[:1])) == f"Odd. ({paths[0]})"
    assert sorts.remark(Remark("Odd.", paths=paths)) == f"Odd. For example: {paths[0]}, {paths[1]} and {paths[2]}."


def test_progress() -> None:
    words = sorts.progress(SortProgress(120, 412, 1_200_000_000, 3_400_000_000, 130.0))
    assert words == "120 of 412 files · 1.2 GB of 3.4 GB · 2 min left"
    assert sorts.progress(SortProgress(1, 1, 0, 0, 0.0)) == "1 of 1 file"


@pytest.mark.parametrize(
    ("of", "photos", "words"),
    [
        (record(), 400, "400 photos were moved to 3 folders."),
        (record(action=Action.COPY), 0, f"412 files were copied to {OUT}."),
        (record(done=409, failed=3), 397, "397 photos were moved to 3 folders. 3 files could not be moved."),
        (record(done=409, failed=3), 0, f"409 files were moved to {OUT}. 3 files could not be moved."),
        (record(state=SortState.STOPPED), 110, "Stopped after 120 of 412 files. Nothing is lost."),
        (record(state=SortState.UNDONE), 0, "Undone. All files are back where they were."),
        (record(state=SortState.UNDONE, left=4), 0, "Undone, except for 4 files, which were left where they are."),
        (record(state=SortState.UNDONE, action=Action.COPY), 0, "Undone. The copies were removed."),
        (record(state=SortState.UNDOING), 0, "The undo was stopped with 120 files to go. Nothing is lost."),
    ],
)
def test_how_a_sort_ended(of: SortRecord, photos: int, words: str) -> None:
    assert sorts.outcome(ended(of), photos, 3) == words


def test_paths_are_written_as_the_caller_wants() -> None:
    assert sorts.outcome(ended(record()), show=lambda path: f"<{path.name}>") == "412 files were moved to <sorted>."


def test_interrupted() -> None:
    assert sorts.interrupted(record(state=SortState.RUNNING)) == (
        f"The sort of {HIKE} on 12 November 2026 was interrupted after 120 of 412 files. Nothing is lost."
    )
    assert "interrupted with 120 files to go" in sorts.interrupted(record(state=SortState.UNDOING))


@pytest.mark.parametrize(
    ("of", "resting", "words"),
    [
        (record(), False, "Done"),
        (record(failed=3), False, "Done; 3 files failed"),
        (record(state=SortState.RUNNING), True, "Interrupted after 120 of 412"),
        (record(state=SortState.RUNNING), False, "Running"),
        (record(state=SortState.STOPPED), True, "Stopped after 120 of 412"),
        (record(state=SortState.UNDOING), True, "Undo interrupted; 120 files to go"),
        (record(state=SortState.UNDOING), False, "Being undone"),
        (record(state=SortState.UNDONE), False, "Undone"),
        (record(state=SortState.UNDONE, left=2), False, "Undone, except for 2 files"),
    ],
)
def test_states(of: SortRecord, resting: bool, words: str) -> None:
    assert sorts.state(of, resting=resting) == words


def test_a_row_of_the_history() -> None:
    cells = sorts.row(record(action=Action.HARDLINK), resting=False)
    assert len(cells) == len(sorts.columns())
    assert cells[0].startswith("12 November 2026")
    assert cells[1:] == ("Hard link", str(HIKE), str(OUT), "412", "Done")


def test_the_question_before_an_undo_says_what_goes_where() -> None:
    question, more = sorts.undo_question(record())
    assert question.startswith("Undo the sort of 12 November 2026")
    assert f"412 files will be moved from {OUT} back to {HIKE}." in more
    assert "No file is overwritten." in more
    question, more = sorts.undo_question(record(action=Action.HARDLINK, done=1))
    assert more.startswith(f"1 link in {OUT} will be removed; the photo stays.")


def test_photos_not_scanned_yet() -> None:
    assert sorts.waiting(0, scanning=True) == ""
    assert sorts.waiting(1, scanning=False) == "1 photo has not been scanned yet and stays where it is."
    assert "Wait a moment" in sorts.waiting(30, scanning=True)


@pytest.mark.parametrize("action", Action)
def test_every_action_has_its_own_words(action: Action) -> None:
    assert action.name != "MOVE" or sorts.action_name(action) == "Move"
    assert sorts.action_meaning(action)
    others = set(Action) - {action}
    assert sorts.action_name(action) not in {sorts.action_name(other) for other in others}
    assert sorts.action_meaning(action) not in {sorts.action_meaning(other) for other in others}


def test_tooltips_show_names_that_look_like_markup() -> None:
    assert sorts.tip("<b>a</b>.jpg") == "<p>&lt;b&gt;a&lt;/b&gt;.jpg</p>"
    assert sorts.tip("") == ""
    assert sorts.place(Path("/a") / "b" / "c.jpg") == str(Path("/a/b"))
