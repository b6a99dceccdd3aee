"""Events as lines of JSON, and their codes as sentences."""

import pytest

from alpacasorter.core import reasons
from alpacasorter.training import events
from alpacasorter.training.events import Epoch, Failed, Prepared, Stage, Stopped, Trained, from_line, to_line, worded

PREPARED = Prepared(
    class_names=("other", "thing"),
    training=(3, 4),
    validation=(1, 1),
    left_out=(("/a/ü.jpg", reasons.DAMAGED),),
    across=1,
    device=events.PROCESSOR,
    warnings=(events.few_held_out(2), events.SPLIT_BY_CLASS),
)


@pytest.mark.parametrize(
    "event",
    [
        Stage(events.READING, 3, 8),
        PREPARED,
        Epoch("head", 1, 3, 0.5, 0.75, 0.25, 1.0, 0.1),
        Trained("/models/a", "", 0.9, 0.8, None, stopped_early=True),
        Trained("/models/a", "", 0.9, 0.8, 0.9, stopped_early=False, plain_accuracy=0.95, remarks=("a", "b")),
        Failed(events.refused("Permission denied", "/a/b")),
        Stopped(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_comes_back_from_its_line(event):
    assert from_line(to_line(event)) == event


@pytest.mark.parametrize("line", ["", "hello", "[1]", "{}", '{"event": "Other"}', '{"event": "Stage", "what": 1}'])
def test_other_lines_are_not_events(line):
    assert from_line(line) is None


@pytest.mark.parametrize(
    "code",
    [
        *(events.FINDING, events.STARTING, events.PREPARING, events.READING, events.TRAINING, events.RETRAINING),
        *(events.SAVING, events.NO_MEMORY, events.DISK_FULL, events.STEPS_TOO_LARGE, events.SPLIT_BY_CLASS),
        *(events.RETRAINING_UNUSED, events.AUGMENTATION_UNUSED),
    ],
)
def test_every_code_has_a_sentence(code):
    words = events.sentence(code)
    assert words != code
    assert words[-1] in ".…"


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        (events.refused("Permission denied", "/a/b"), ["Permission denied", "/a/b"]),
        (events.refused("Input/output error"), ["Input/output error"]),
        (events.not_understood("no photos"), ["no photos"]),
        (events.unexpected("ZeroDivisionError"), ["ZeroDivisionError"]),
        (events.near_duplicates(1, 50), ["1 of the 50", "has a near-duplicate"]),
        (events.near_duplicates(3, 50), ["3 of the 50", "have near-duplicates"]),
        (events.few_held_out(8), ["Only 8 photos", "13%"]),
        (events.few_to_train_on(1, "not {thing}"), ["only 1 photo of", "“not {thing}”"]),
        (events.uneven(1000, "many", 5, "few"), ["“many” has 1,000", "“few” has 5"]),
        (events.nothing_to_retrain(1), ["The last layer"]),
        (events.nothing_to_retrain(12), ["The last 12 layers"]),
        (events.plain_compared(62, 58, 65), ["do not help", "judges 62 of the 65", "this one 58", "without them"]),
        (events.plain_compared(58, 62, 65), ["help:", "judges 58 of the 65", "this one 62"]),
        (events.plain_compared(60, 60, 65), ["no difference", "60 of 65"]),
    ],
)
def test_codes_with_arguments(code, parts):
    words = events.sentence(code)
    assert all(part in words for part in parts), words
    assert words.endswith(".")


@pytest.mark.parametrize("text", ["", "A sentence.", "split-few-held-out", "split-uneven {}", "split-uneven 3", "é {"])
def test_what_is_not_a_code_is_returned_unchanged(text):
    assert events.sentence(text) == text


def test_an_event_in_words():
    told = worded(PREPARED)
    assert told.left_out == (("/a/ü.jpg", reasons.sentence(reasons.DAMAGED)),)
    assert told.warnings == tuple(map(events.sentence, PREPARED.warnings))
    assert (told.class_names, told.device) == (PREPARED.class_names, PREPARED.device)
    assert worded(told) == told
    assert worded(Stage(events.READING, 1, 2)) == Stage(events.sentence(events.READING), 1, 2)
    assert worded(Failed("A sentence.")) == Failed("A sentence.")


def test_the_device():
    assert events.device_name(events.PROCESSOR) == "Processor"
    assert "GeForce 4" in events.device_name(f"{events.GRAPHICS_CARD}GeForce 4")
    assert "processor" in events.runs_on(events.PROCESSOR)
    assert "GeForce 4" in events.runs_on(f"{events.GRAPHICS_CARD}GeForce 4")
