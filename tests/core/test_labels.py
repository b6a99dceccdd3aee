"""What a photo counts as, and how sure that is."""

from pathlib import Path

import pytest

from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.labels import LabeledPhoto, LabelSet, unreadable, usual_positive
from alpacasorter.core.photo import PhotoFacts

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca"}, threshold=0.7)


@pytest.mark.parametrize(("probability", "label"), [(0.0, "not_alpaca"), (0.699, "not_alpaca"), (0.7, "alpaca")])
def test_the_threshold_itself_is_positive(probability: float, label: str) -> None:
    assert LABELS.predicted(probability) == label
    assert LABELS.label(probability, None) == label


def test_a_correction_outranks_every_prediction() -> None:
    assert LABELS.label(0.999, "not_alpaca") == "not_alpaca"
    assert LABELS.label(0.001, "alpaca") == "alpaca"
    assert LABELS.label(0.999, "dog") == "alpaca", "the name of another class does not count"


def test_confidence_is_that_of_the_label_shown() -> None:
    assert LABELS.confidence(0.9, "alpaca") == 0.9
    assert LABELS.confidence(0.9, "not_alpaca") == pytest.approx(0.1)
    # Between a half and the threshold a photo counts as negative, with a confidence below a half.
    assert LABELS.confidence(0.6, LABELS.predicted(0.6)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("probability", "correction", "unsure"),
    [
        (0.9, None, False),
        (0.75, None, True),
        (0.6, None, True),
        (0.2, None, False),
        (0.75, "alpaca", False),
        (0.75, "not_alpaca", False),
        (0.75, "dog", True),
    ],
)
def test_unsure_means_the_same_to_lists_and_sorts(probability: float, correction: str | None, unsure: bool) -> None:
    photo = LABELS.labeled(JudgedPhoto(Path("/a.jpg"), "ab", probability, PhotoFacts(4, 3, None, "JPEG"), correction))
    assert LABELS.is_unsure(probability, correction, 0.8) is unsure
    assert photo.is_sure(0.8) is not unsure
    assert photo.corrected is (correction in LABELS.names)


def test_the_record_of_a_photo() -> None:
    facts = PhotoFacts(40, 30, "2026-05-03T14:32:10", "JPEG")
    photo = LABELS.labeled(JudgedPhoto(Path("/a.jpg"), "ab", 0.9, facts, "not_alpaca"))
    assert (photo.path, photo.content_key, photo.label, photo.corrected) == (Path("/a.jpg"), "ab", "not_alpaca", True)
    assert (photo.probability, photo.confidence) == (0.9, pytest.approx(0.1))
    assert (photo.width, photo.height, photo.taken_at, photo.reason) == (40, 30, facts.taken_at, None)
    broken = unreadable(Problem(Path("/b.jpg"), "file-empty"))
    assert broken == LabeledPhoto(Path("/b.jpg"), reason="file-empty")
    assert not broken.is_sure(0.0)


def test_the_other_label() -> None:
    assert LABELS.names == ("not_alpaca", "alpaca")
    assert [LABELS.other(name) for name in LABELS.names] == ["alpaca", "not_alpaca"]


def test_names_for_people() -> None:
    assert LABELS.display("alpaca") == "Alpaca"
    assert LABELS.display("not_alpaca") == "Not alpaca"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["alpaca", "not_alpaca"], "alpaca"),
        (["Alpaca", "Not alpaca"], "Alpaca"),
        (["Alpaca", "not-ALPACA"], "Alpaca"),
        (["not_red_fox", "red fox"], "red fox"),
        (["cat", "dog"], "dog"),
        (["not", "nothing"], "nothing"),
        (["only"], "only"),
    ],
)
def test_which_class_is_looked_for(names: list[str], expected: str) -> None:
    assert usual_positive(names) == expected
