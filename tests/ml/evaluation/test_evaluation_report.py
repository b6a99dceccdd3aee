"""From a test to its report: which head it is about, and what it warns about."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.events import Problem
from alpacasorter.ml.evaluation.evaluate import Evaluation, Judgment, environment, evaluation_report, warnings
from alpacasorter.ml.evaluation.metrics import Confusion, measure
from alpacasorter.ml.evaluation.report import in_words, page

TARGETS = np.array([1, 1, 0, 0], dtype=np.int64)


def judged(*probabilities: float) -> Judgment:
    found = np.array(probabilities, dtype=np.float32)
    return Judgment(found, measure(TARGETS[: len(found)], found), ())


EVALUATION = Evaluation(
    class_names=("Not alpaca", "Alpaca"),
    threshold=0.5,
    paths=tuple(Path(f"/set/alpaca/{n}.jpg") for n in range(4)),
    keys=("a", "b", "c", "d"),
    targets=TARGETS,
    shipped=judged(0.9, 0.2, 0.6, 0.1),
    learned=None,
    problems=(Problem(Path("/set/alpaca/bad.jpg"), "It is cut short."),),
    left_out=("llama",),
    trained_on=0,
)
LEARNED = replace(EVALUATION, learned=judged(0.9, 0.8, 0.3, 0.1))


def told(evaluation: Evaluation, corrected: int | None = None) -> str:
    report = evaluation_report(evaluation, dataset=Path("/set"), model="Alpacas 1.0", device="cpu", corrected=corrected)
    return page(report)


def test_of_the_model_as_it_was_shipped() -> None:
    text = told(EVALUATION)
    assert "Test of Alpacas 1.0 on set" in text
    assert "2 of 4 photos judged correctly (50.0%)." in text
    assert "the model as shipped" in text
    assert "Always predicting the more frequent class" in text
    assert "as it is now" not in text
    assert "bad.jpg" in text
    assert "llama" in text


def test_of_the_model_that_has_learned_with_the_shipped_one_to_compare() -> None:
    text = told(LEARNED, corrected=1)
    assert "4 of 4 photos judged correctly (100%)." in text
    assert "the model as it is now" in text
    assert "The model as shipped" in text
    assert "50.0% accuracy, 50.0% balanced accuracy" in text
    assert "You corrected 1 of these 4 photos" in text


def test_of_the_shipped_model_with_the_one_that_has_learned_to_compare() -> None:
    text = told(LEARNED)
    assert "2 of 4 photos judged correctly (50.0%)." in text
    assert "100% accuracy, 100% balanced accuracy" in text
    assert "You corrected" not in text


def test_of_a_head_that_was_not_measured() -> None:
    with pytest.raises(ValueError, match="no head that has learned"):
        told(EVALUATION, corrected=0)


def test_warnings() -> None:
    assert warnings(EVALUATION, 0) == ()
    known = replace(EVALUATION, trained_on=3)
    (words,) = warnings(known, 0)
    assert "trained on 3 of these 4 photos" in words
    alone = replace(EVALUATION, targets=np.ones(4, dtype=np.int64))
    (words,) = warnings(alone, 0)
    assert "“Not alpaca”" in words
    (words,) = warnings(replace(EVALUATION, paths=(Path("/set/a.jpg"),), targets=TARGETS, trained_on=1), 0)
    assert "this photo" in words


def test_environment_names_what_the_figures_were_made_with() -> None:
    rows = dict(environment("cpu"))
    assert {"AlpacaSorter", "Python", "LiteRT", "NumPy"} <= rows.keys()
    assert "CPU" in rows.values()
    assert "GPU" in dict(environment("gpu")).values()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            Confusion(38, 1, 59, 2),
            "97 of 100 photos judged correctly (97.0%). Yes: 38 of 40 found. No: 59 of 60 found.",
        ),
        (Confusion(1, 0, 0, 0), "1 of 1 photo judged correctly (100%). Yes: 1 of 1 found."),
        (Confusion(0, 0, 0, 0), "There were no photos to judge."),
    ],
)
def test_in_words(counts: Confusion, expected: str) -> None:
    assert in_words(counts, ("No", "Yes")) == expected
