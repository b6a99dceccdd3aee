"""The wording of sorts."""

from pathlib import Path

import pytest

from alpacasorter.core.sorting.events import SortProgress, SortState
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Outcome
from alpacasorter.wording import sorts
from tests.ui.sorting.fakes import OUT, ended, going, plan_of, record, unit


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 KB"),
        (3_400_000, "3.4 MB"),
        (999_700, "1.0 MB"),
        (120_000_000_000, "120 GB"),
        (2_000_000_000_000_000, "2,000 TB"),
    ],
)
def test_sizes(number: int, words: str) -> None:
    assert sorts.size(number) == words


def test_the_button_says_exactly_what_happens() -> None:
    assert sorts.press(going(412), Action.MOVE) == "Move 412 photos"
    assert sorts.press(going(1), Action.COPY) == "Copy 1 photo"
    assert sorts.press(going(2), Action.SYMLINK) == "Link 2 photos"
    assert sorts.press(None, Action.MOVE) == "Move"
    assert sorts.press(plan_of(unit("a.jpg", outcome=Outcome.STAYS)), Action.MOVE) == "Move"


def test_what_a_plan_comes_to() -> None:
    alpaca, other = OUT / "Alpaca", OUT / "Not alpaca"
    plan = plan_of(
        unit("a.jpg", "a.xmp", folder=alpaca),
        unit("b.jpg", folder=other),
        unit("c.jpg", outcome=Outcome.STAYS),
        new=(OUT, alpaca),
    )
    words = "2 photos and 1 file that belongs to them go into 2 folders, 1 of them new."
    assert sorts.overview(plan) == words
    assert sorts.staying(plan) == "1 photo stays where it is."
    assert sorts.overview(going(1)) == "1 photo goes into 1 folder."


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ([], "no photo was found"),
        ([Outcome.BLOCKED, Outcome.BLOCKED], "no photo can go"),
        ([Outcome.THERE, Outcome.IN_PLACE], "every photo is where it belongs"),
        ([Outcome.STAYS], "every photo stays, as you chose"),
        ([Outcome.STAYS, Outcome.THERE], "with these choices"),
    ],
)
def test_why_there_is_nothing_to_do(outcomes: list[Outcome], words: str) -> None:
    plan = plan_of(*(unit(f"{n}.jpg", outcome=outcome) for n, outcome in enumerate(outcomes)))
    assert words in sorts.overview(plan)


def test_room() -> None:
    assert sorts.room(going(3)) == ""
    plan = plan_of(unit("a.jpg", folder=OUT), to_write=5_000_000, free=12_000_000_000)
    assert sorts.room(plan) == "5.0 MB are written to the disk, of 12 GB free."


def test_progress() -> None:
    words = sorts.progress(SortProgress(120, 412, 1_200_000_000, 3_400_000_000, 130.0))
    assert words == "120 of 412 files · 1.2 GB of 3.4 GB · 2 min left"
    assert sorts.progress(SortProgress(1, 1, 0, 0, 0.0)) == "1 of 1 file"


@pytest.mark.parametrize(
    ("of", "photos", "words"),
    [
        (record(), 400, "400 photos moved into 3 folders."),
        (record(action=Action.COPY), 0, f"412 files copied into {OUT}."),
        (record(done=409, failed=3), 397, "397 photos moved into 3 folders; 3 files could not be moved."),
        (record(done=409, failed=3), 0, "409 of 412 files moved; 3 could not be moved."),
        (record(state=SortState.STOPPED), 110, "Stopped after 120 of 412 files. Nothing is lost."),
        (record(state=SortState.UNDONE), 0, "Undone: every file is back where it was."),
        (record(state=SortState.UNDONE, left=4), 0, "Undone, but for 4 files, left where they are."),
        (record(state=SortState.UNDONE, action=Action.COPY), 0, "the copies are gone again"),
        (record(state=SortState.UNDOING), 0, "Stopped while putting back: 120 files still to go. Nothing is lost."),
    ],
)
def test_what_came_of_it(of: object, photos: int, words: str) -> None:
    assert words in sorts.outcome(ended(of), photos, 3)  # type: ignore[arg-type]


def test_broken_off() -> None:
    words = "A sort on 12 November 2026 was broken off after 120 of 412 files. Nothing is lost."
    assert sorts.broken_off(record(state=SortState.RUNNING)) == words
    assert "120 files are still to be put back" in sorts.broken_off(record(state=SortState.UNDOING))


@pytest.mark.parametrize(
    ("of", "resting", "words"),
    [
        (record(), False, "Done"),
        (record(failed=3), False, "Done; 3 failed"),
        (record(state=SortState.RUNNING), True, "Broken off after 120 of 412"),
        (record(state=SortState.RUNNING), False, "Being done now"),
        (record(state=SortState.STOPPED), True, "Stopped after 120 of 412"),
        (record(state=SortState.UNDOING), True, "Undo broken off; 120 to go"),
        (record(state=SortState.UNDOING), False, "Being undone now"),
        (record(state=SortState.UNDONE), False, "Undone"),
        (record(state=SortState.UNDONE, left=2), False, "Undone; 2 left in place"),
    ],
)
def test_states(of: object, resting: bool, words: str) -> None:
    assert sorts.state(of, resting=resting) == words  # type: ignore[arg-type]


def test_the_question_says_what_goes_where() -> None:
    question, more = sorts.sure_question(record())
    assert question.startswith("Undo the sort of 12 November 2026")
    assert f"412 files go from {OUT} back to /photos/hike." in more
    assert "No file is overwritten." in more
    _, more = sorts.sure_question(record(action=Action.HARDLINK))
    assert "The 412 links" in more
    assert "the photos stay" in more


def test_photos_not_looked_at_yet() -> None:
    assert sorts.waiting(0, scanning=True) == ""
    assert sorts.waiting(1, scanning=False) == "1 photo was not looked at yet and would stay."
    assert "Wait a moment" in sorts.waiting(30, scanning=True)


def test_every_action_is_explained() -> None:
    assert set(sorts.ACTIONS) == set(Action)
    assert SortOptions(Path("/x")).action in sorts.ACTIONS
