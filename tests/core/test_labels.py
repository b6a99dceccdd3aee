"""What a photo counts as, and how sure that is."""

import pytest

from alpacasorter.core.labels import LabelSet, percent, usual_positive

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca"}, threshold=0.7)


@pytest.mark.parametrize(("probability", "label"), [(0.0, "not_alpaca"), (0.699, "not_alpaca"), (0.7, "alpaca")])
def test_the_threshold_itself_is_positive(probability: float, label: str) -> None:
    assert LABELS.predicted(probability) == label
    assert LABELS.label(probability, None) == label


def test_a_correction_outranks_every_prediction() -> None:
    assert LABELS.label(0.999, "not_alpaca") == "not_alpaca"
    assert LABELS.label(0.001, "alpaca") == "alpaca"
    assert LABELS.label(0.999, "dog") == "alpaca", "a word from other classes is none"


def test_confidence_is_that_of_the_label_shown() -> None:
    assert LABELS.confidence(0.9, "alpaca") == 0.9
    assert LABELS.confidence(0.9, "not_alpaca") == pytest.approx(0.1)
    # Between a half and the threshold a photo counts as negative, and the confidence says how odd that is.
    assert LABELS.confidence(0.6, LABELS.predicted(0.6)) == pytest.approx(0.4)


def test_the_other_label() -> None:
    assert LABELS.names == ("not_alpaca", "alpaca")
    assert [LABELS.other(name) for name in LABELS.names] == ["alpaca", "not_alpaca"]


def test_names_for_people() -> None:
    assert LABELS.display("alpaca") == "Alpaca"
    assert LABELS.display("not_alpaca") == "Not alpaca"


@pytest.mark.parametrize(
    ("confidence", "shown"), [(0.0, "0%"), (0.004, "0%"), (0.005, "1%"), (0.876, "88%"), (0.996, "99%"), (1.0, "99%")]
)
def test_no_model_is_ever_wholly_sure(confidence: float, shown: str) -> None:
    assert percent(confidence) == shown


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
