"""Why a photo has its tag, in words: where most of it is, and what is said of either tag."""

from pathlib import Path

import pytest

from alpacasorter.core import reasons
from alpacasorter.core.events import FILE_CHANGED, NO_EXACT_MAP, ActivationMap, Explained
from alpacasorter.core.labels import LabelSet
from alpacasorter.wording.why import training_photo, what_speaks, where

LABELS = LabelSet("cat", "dog", {"cat": "Cat", "dog": "Dog"})
SIDE = 8


def cells(rows: range, columns: range, share: float = 1.0, *, rest: float = 0.0) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(share if r in rows and c in columns else rest for c in range(SIDE)) for r in range(SIDE))


ALL, FIRST, SECOND, INNER = range(SIDE), range(4), range(4, SIDE), range(2, 6)


@pytest.mark.parametrize(
    ("rows", "columns", "place"),
    [
        (ALL, FIRST, "left"),
        (ALL, SECOND, "right"),
        (FIRST, ALL, "top"),
        (SECOND, ALL, "bottom"),
        (FIRST, FIRST, "top left"),
        (FIRST, SECOND, "top right"),
        (SECOND, FIRST, "bottom left"),
        (SECOND, SECOND, "bottom right"),
        (INNER, INNER, "middle"),
        (ALL, ALL, "everywhere"),
        (range(0), ALL, "everywhere"),
    ],
)
def test_where_most_of_it_is(rows: range, columns: range, place: str) -> None:
    assert where(cells(rows, columns)) == place
    # A little elsewhere changes nothing.
    if place != "everywhere":
        assert where(cells(rows, columns, rest=0.1)) == place


def test_a_map_of_one_cell_and_an_odd_number_of_cells() -> None:
    assert where(((1.0,),)) == "everywhere"
    assert where(((1.0, 0.0, 0.0),) * 3) == "left"


def painted(shares: tuple[tuple[float, ...], ...]) -> ActivationMap:
    """Return a map with one point for each cell; the scale ends at a share of 1."""
    levels = bytes(round(128 + 127 * max(-1.0, min(1.0, share))) for row in shares for share in row)
    return ActivationMap(shares, 0.0, levels, SIDE, SIDE)


def explained(
    probability: float, shares: tuple[tuple[float, ...], ...] | None, problem: str | None = None
) -> Explained:
    found = None if shares is None else painted(shares)
    return Explained(Path("/p/1.jpg"), "key", probability, found, problem, (), 0, ("cat", 0.7))


def test_what_is_said_depends_on_the_tag_and_on_how_much_speaks() -> None:
    some, faint = cells(ALL, FIRST, 0.2), cells(ALL, FIRST, 0.01)
    against = cells(FIRST, ALL, -0.2)
    mostly_against = tuple(tuple(0.2 if c < 4 else -0.3 for c in range(SIDE)) for _row in range(SIDE))
    said = {
        name: what_speaks(explained(probability, shares), LABELS)
        for name, probability, shares in (
            ("clear", 0.9, some),
            ("by default", 0.9, faint),
            ("not enough", 0.1, some),
            ("outweighed", 0.1, mostly_against),
            ("nothing", 0.1, faint),
            ("against", 0.1, against),
        )
    }
    assert len(set(said.values())) == len(said)
    assert all("Dog" in sentence for sentence in said.values())
    assert "left half" in said["clear"]
    assert "against Dog is in the upper half" in said["against"]
    assert "{" not in "".join(said.values())


def test_no_sentence_denies_a_color_that_is_seen() -> None:
    """Little in sum, but strong in one place; and much in sum, but pale everywhere."""
    spot, veil = cells(range(2), range(2), 0.3), cells(ALL, ALL, 0.03)
    assert "top left" in what_speaks(explained(0.01, spot), LABELS)
    assert "not enough" in what_speaks(explained(0.01, spot), LABELS)
    assert "Hardly anything" in what_speaks(explained(0.01, veil), LABELS)
    assert "spread over" in what_speaks(explained(0.9, cells(ALL, ALL, 0.12)), LABELS)


def test_why_there_is_no_map() -> None:
    said = [what_speaks(explained(0.9, None, problem), LABELS) for problem in (NO_EXACT_MAP, FILE_CHANGED)]
    assert said[0] != said[1]
    assert all(sentence.endswith(".") for sentence in said)
    assert what_speaks(explained(0.9, None, reasons.VANISHED), LABELS) == reasons.sentence(reasons.VANISHED)


def test_the_closest_training_photo_has_a_class_from_the_model() -> None:
    assert "Cat" in training_photo(explained(0.9, None), LABELS)
