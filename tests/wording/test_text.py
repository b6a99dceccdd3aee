"""What is said about photos, scans and learning. Each kind of sentence is written out once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.events import Finished, Learned, Progress, Relearned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.taken import DateSource, Taken
from alpacasorter.wording import text

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})


def event(corrections: int) -> Learned:
    return Learned(corrections, {}, [], np.empty(0, np.float32), (), 1)


@pytest.mark.parametrize(
    ("corrections", "flipped", "changed", "sentence"),
    [
        (3, 4, 4, "The model has now learned from your labels of 3 photos. 4 other tags changed."),
        (1, 1, 1, "The model has now learned from your label of 1 photo. 1 other tag changed."),
        (1234, 0, 0, "The model has now learned from your labels of 1,234 photos. No other tags changed."),
        (0, 2, 0, "Back to the original model. 2 other tags changed."),
        (0, 8, 46, "Back to the original model. 8 other tags changed. 46 changed tags to review."),
        (0, 0, 1, "Back to the original model. No other tags changed. 1 changed tag to review."),
    ],
)
def test_learned(corrections: int, flipped: int, changed: int, sentence: str) -> None:
    assert text.learned(event(corrections), flipped, changed) == sentence


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["alpaca"], "Learned from your label. No other tags changed."),
        (["alpaca", "not_alpaca", None], "Learned from your labels of 2 photos. No other tags changed."),
        ([None], "Removed your label. No other tags changed."),
        ([None] * 3, "Removed your labels from 3 photos. No other tags changed."),
    ],
)
def test_only_the_latest_labels_are_said(given: list[str | None], words: str) -> None:
    assert text.learned(event(12), 0, 0, given=given) == words


def test_what_was_undone_is_said_instead() -> None:
    assert text.learned(event(12), 2, 2, done="Undone: it.") == "Undone: it. 2 other tags changed."
    assert text.learned(event(0), 0, 0, done="Undone: it.") == (
        "Undone: it. Back to the original model. No other tags changed."
    )


def test_many_flipped() -> None:
    assert text.many_flipped(["Not alpaca on IMG_0034.jpg"], 46, 800) == (
        "Not alpaca on IMG_0034.jpg: this changed 46 other tags, which is 6% of the 800 photos in this folder."
    )


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(0, 1, 0.0, None), "0 of 1 photo"),
        (Progress(312, 800, 58.4, 8.4), "312 of 800 photos · 58 photos/s · 8 s left"),
        (Progress(10, 90_000, 20.0, 4499), "10 of 90,000 photos · 20 photos/s · 1 h 15 min left"),
        (Progress(800, 800, 58.4, 0.0), "800 of 800 photos · 58 photos/s"),
    ],
)
def test_progress(progress: Progress, words: str) -> None:
    assert text.progress(progress) == words


def test_finished() -> None:
    assert text.finished(Finished(5, 4, 1, 5, 2, 1.0, False)) == "4 photos tagged · 1 problem · 2 other files ignored"
    assert text.finished(Finished(0, 0, 0, 0, 3, 1.0, False)) == "No photos here"
    assert text.finished(Finished(9, 1, 0, 1, 0, 1.0, True)) == (
        "Stopped after 1 of 9 photos; rescan (F5) to continue · 1 photo"
    )


def test_folder_below_home_is_shown_with_a_tilde() -> None:
    assert text.folder(Path.home() / "hike") == str(Path("~/hike"))
    assert text.folder(Path("/caf\udce9")) == str(Path("/caf\ufffd"))


def test_keys_are_first_letters_or_numbers() -> None:
    assert (text.key_for(LABELS, "alpaca"), text.key_for(LABELS, "not_alpaca")) == ("A", "N")
    alike = LabelSet("cow", "cat", {})
    assert (text.key_for(alike, "cat"), text.key_for(alike, "cow")) == ("1", "2")
    taken = LabelSet("dog", "cat", {})
    assert (text.key_for(taken, "cat"), text.key_for(taken, "dog")) == ("1", "2"), "C confirms"


@pytest.mark.parametrize(
    ("relearned", "corrections", "changed", "words"),
    [
        (
            Relearned(None),
            23,
            2,
            "Learning from all 23 corrections again. 2 tags changed.",
        ),
        (Relearned(""), 0, 0, "Back to the original model. No tags changed."),
        (
            Relearned("2026-03-12T14:05:00", 7, 1),
            16,
            4,
            (
                "Back to the version of 12 March 2026, 14:05."
                " 1 of its corrections was removed or changed since then and is left out."
                " 7 newer corrections keep their tags, but nothing is learned from them."
                " 4 tags changed."
            ),
        ),
    ],
)
def test_going_back(relearned: Relearned, corrections: int, changed: int, words: str) -> None:
    assert text.learned(replace(event(corrections), relearned=relearned), changed, changed) == words


def test_arrivals() -> None:
    assert text.arrived(1, 0) == "1 new photo."
    assert text.arrived(1, 1) == "1 new photo, which is unsure."
    assert text.arrived(2000, 12) == "2,000 new photos, 12 of them unsure."


def test_what_is_in_the_folder_now() -> None:
    assert text.now(1, 0) == "1 photo"
    assert text.now(1200, 2) == "1,200 photos tagged · 2 problems"


def test_folders_of_earlier_sorts() -> None:
    assert text.sorted_folders(1).startswith("Photos in 1 folder made by an earlier sort")
    assert text.sorted_folders(3).startswith("Photos in 3 folders made by an earlier sort")


def test_folder_that_is_offline() -> None:
    assert text.offline(Path("/photos/caf\udce9")).startswith("The folder caf\ufffd is not available")
    assert text.offline(Path("/")).startswith("The folder / is not available")


def test_device() -> None:
    assert text.device("gpu", 1, 2.04) == "GPU, 2.0 ms per photo"
    assert text.device("cpu", 4, 0.0) == "CPU, 4 threads"
    assert text.device("cpu", 1, 0.0) == "CPU, 1 thread"


@pytest.mark.parametrize("source", [one for one in DateSource if one is not DateSource.NONE])
def test_every_date_says_where_it_is_from(source: DateSource) -> None:
    moment, day = Taken("2024-05-01T00:08:19.5+02:00", source), Taken("2024-05-01", source)
    assert "1 May 2024, 00:08" in text.taken(moment)
    assert "1 May 2024, 00:08" in text.date_note(moment)
    assert "1 May 2024" in text.taken(day)
    assert "00:00" not in text.taken(day)
    others = {text.taken(Taken("2024-05-01", one)) for one in DateSource if one not in (source, DateSource.NONE)}
    assert text.taken(day) not in others
