"""The report: one complete, safe, self-contained file, whatever was measured."""

import base64
import io
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alpacasorter.core import reasons
from alpacasorter.ml.evaluation.metrics import Confusion
from alpacasorter.ml.evaluation.report import (
    MAX_LEFT_OUT,
    MAX_MISTAKES,
    CurvePoint,
    Report,
    ReportError,
    in_words,
    page,
    write_report,
)
from tests.picture_files import make_picture
from tests.unprivileged import ordinary_user, shared_folder

NASTY = "<script>alert('1')</script>"
VOID = {"br", "meta", "img"}


class Reader(HTMLParser):
    """Reads a page as a strict browser would; every tag must be closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "data", "action"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def report(targets=(1, 0, 1, 0), probabilities=(0.9, 0.1, 0.2, 0.3), **changes: object) -> Report:
    settings = {
        "title": "A test",
        "class_names": ("Not alpaca", "Alpaca"),
        "paths": tuple(Path(f"/photos/{n}.jpg") for n in range(len(targets))),
        "targets": np.array(targets, dtype=np.int64),
        "probabilities": np.array(probabilities, dtype=np.float32),
        **changes,
    }
    return Report(**settings)  # type: ignore[arg-type]


def read(what: Report) -> Reader:
    return Reader(page(what))


def points(*phases: str, loss: float = 0.5) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(n, phase, loss, 0.8, loss, 0.7) for n, phase in enumerate(phases, 1))  # type: ignore[arg-type]


# What is in it


def test_tells_the_results_in_words_and_figures() -> None:
    told = read(report(introduction="Four photos."))
    assert in_words(Confusion(tp=1, fp=0, tn=2, fn=1), ("Not alpaca", "Alpaca")) in told.text
    assert "Four photos." in told.text
    assert "AUC" in told.text
    assert "0.7500" in told.text, "one of the two alpacas is below one of the two others"
    assert told.tags.count("svg") == 4


def test_needs_nothing_from_outside(tmp_path: Path) -> None:
    told = read(report(paths=tuple(make_picture(tmp_path / f"{n}.jpg", seed=n) for n in range(4))))
    assert all(link.startswith("data:image/jpeg;base64,") for link in told.links)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(told.tags)
    assert "@import" not in told.text
    assert "url(" not in told.text
    assert told.links


def test_the_lines_of_a_warning_stay_apart() -> None:
    told = read(report(warnings=("1 picture is in both classes:\n/a/<1>.jpg = /b/1.jpg\n/a/2.jpg = /b/2.jpg", "Few.")))
    assert "\ufffd" not in told.text
    assert told.tags.count("br") == 2
    for line in ("1 picture is in both classes:", "/a/<1>.jpg = /b/1.jpg", "/a/2.jpg = /b/2.jpg"):
        assert line in told.text


def test_warnings_comparisons_settings_and_what_was_left_out() -> None:
    told = read(
        report(
            warnings=("Three are near-duplicates.",),
            comparisons=(("The bundled model", "96.1%"),),
            settings=(("epochs", "20"),),
            environment=(("Python", "3.11"),),
            left_out=((Path("/photos/bad.jpg"), "It is cut short."), ("notes.txt", "It is no picture.")),
        )
    )
    for words in (
        "Three are near-duplicates.",
        "The bundled model",
        "epochs",
        "Python",
        str(Path("/photos/bad.jpg")),
        "It is no picture.",
        "Left out (2)",
    ):
        assert words in told.text


def test_what_there_is_none_of_has_no_heading() -> None:
    told = read(report())
    for words in ("Learning curves", "Settings", "Environment", "Left out", "Comparison", "Before you trust"):
        assert words not in told.text


def test_learning_curves_and_where_retraining_began() -> None:
    told = read(report(curves=points("head", "head", "retrain", "retrain")))
    assert "Learning curves" in told.text
    assert told.tags.count("svg") == 6
    without = read(report(curves=points("head", "head", "head", "head")))
    assert told.tags.count("line") - without.tags.count("line") == 2, "a mark in each of the two"


@pytest.mark.parametrize("curves", [points("head"), points("head", "head", loss=float("nan"))])
def test_one_epoch_or_none_that_is_a_number(curves: tuple[CurvePoint, ...]) -> None:
    text = page(report(curves=curves))
    assert "Learning curves" in Reader(text).text
    assert "nan" not in text[text.index("<body>") :].lower().replace("balanced", "")


# Mistakes


def test_mistakes_are_shown_upright_with_what_they_are(tmp_path: Path) -> None:
    turned = make_picture(tmp_path / "turned.jpg", kind="rotated_6", size=(64, 96))
    told = read(report((1, 0), (0.03, 0.1), paths=(turned, tmp_path / "right.jpg")))
    [image] = told.images
    assert image["alt"] == "turned.jpg"
    source = image["src"]
    assert source is not None
    picture = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    assert picture.format == "JPEG"
    assert picture.size == (64, 96)
    red, green, blue = picture.convert("RGB").getpixel((8, 8))  # type: ignore[misc]
    assert red > 200 > 60 > max(green, blue), "red is at the top left"
    assert "Actual: Alpaca" in told.text
    assert "Predicted: Not alpaca, 97%" in told.text
    assert "right.jpg" not in told.text


def test_the_most_confident_mistakes_come_first_and_not_too_many(tmp_path: Path) -> None:
    count = MAX_MISTAKES + 5
    paths = tuple(tmp_path / f"gone{n}.jpg" for n in range(count))
    told = read(report((0,) * count, np.linspace(0.6, 0.99, count), paths=paths))
    assert told.text.index(f"gone{count - 1}.jpg") < told.text.index(f"gone{count - 2}.jpg")
    assert "gone4.jpg" not in told.text
    assert "gone5.jpg" in told.text
    assert "And 5 more." in told.text


def test_a_photo_that_vanished_gets_a_placeholder(tmp_path: Path) -> None:
    bad = make_picture(tmp_path / "bad.jpg", kind="truncated_jpeg")
    told = read(report((1, 1), (0.1, 0.2), paths=(tmp_path / "gone.jpg", bad)))
    assert reasons.sentence(reasons.VANISHED) in told.text
    assert reasons.sentence(reasons.TRUNCATED) in told.text
    assert not told.images


def test_all_right() -> None:
    told = read(report((1, 0), (0.9, 0.1)))
    assert "Every photo was judged correctly." in told.text
    assert "2 of 2 photos judged correctly (100%)." in told.text


def test_the_threshold_is_used() -> None:
    told = read(report((1, 0), (0.9, 0.6), threshold=0.7))
    assert "Every photo was judged correctly." in told.text


# Little to measure


@pytest.mark.parametrize(("target", "missing"), [(1, "Not alpaca"), (0, "Alpaca")])
def test_one_class_alone_has_no_roc_curve_and_says_why(target: int, missing: str) -> None:
    told = read(report((target,) * 3, (0.9, 0.2, 0.8)))
    assert f"“{missing}”" in told.text
    assert told.tags.count("svg") == 3


def test_one_photo() -> None:
    assert "1 of 1 photo judged correctly (100%)." in read(report((1,), (0.8,))).text


def test_no_photo() -> None:
    told = read(report((), (), left_out=(("a.jpg", "It is empty."),)))
    assert "no photos to judge" in told.text
    assert "It is empty." in told.text
    assert "Mistakes" not in told.text


def test_very_many_left_out() -> None:
    files = tuple((f"{n}.jpg", "It is empty.") for n in range(MAX_LEFT_OUT + 7))
    told = read(report(left_out=files))
    assert "Left out (207)" in told.text
    assert "And 7 more." in told.text


@pytest.mark.parametrize(
    ("targets", "probabilities"),
    [((1, 0), (0.5,)), ((1, 2), (0.5, 0.5)), ((1, 0), (0.5, 1.5)), ((1, 0), (0.5, float("nan")))],
)
def test_what_can_not_be_is_refused(targets: tuple[int, ...], probabilities: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"photos with targets|must be 0 or 1"):
        report(targets, probabilities)


# Hostile names


def test_names_are_never_code(tmp_path: Path) -> None:
    # Slashes can't be in a name: what would be a script is two folders and a file.
    names = (Path(f"/photos/{NASTY}"), Path('/photos/" onerror="alert(1).jpg'), Path("/photos/\udcff\n.jpg"))
    told = read(
        report(
            (1, 1, 1),
            (0.1, 0.2, 0.3),
            paths=names,
            title=NASTY,
            class_names=(NASTY, f"{NASTY}2"),
            introduction=NASTY,
            curves=points("head"),
            comparisons=((NASTY, NASTY),),
            settings=((NASTY, NASTY),),
            environment=((NASTY, NASTY),),
            warnings=(NASTY,),
            left_out=((NASTY, NASTY), (names[0], NASTY)),
        )
    )
    assert "script" not in told.tags
    assert told.text.count(NASTY) > 10
    assert "\ufffd\ufffd.jpg" in told.text


# Writing it


def test_written_as_utf_8_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "bericht 🦙.html"
    write_report(place, report(title="Prüfung 🦙 \udcff"))
    text = place.read_bytes().decode("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "<h1>Prüfung 🦙 \ufffd</h1>" in text
    assert list(tmp_path.iterdir()) == [place]


def test_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text("before", encoding="utf-8")
    write_report(place, report())
    assert "A test" in place.read_text(encoding="utf-8")


def test_a_failure_leaves_the_one_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "report.html"
    place.write_text("before", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match=r"can't be written to .*report\.html\. .*space on the disk"):
        write_report(place, report())
    assert place.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [place]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="can't be written"):
        write_report(tmp_path / "none" / "report.html", report())
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ReportError, match="can't be written"):
        write_report(tmp_path / "folder.html", report())
    with shared_folder() as folder, ordinary_user(), pytest.raises(ReportError, match="permission"):
        write_report(folder / "report.html", report())


def test_the_same_report_is_the_same_but_for_the_time() -> None:
    first, second = page(report()), page(replace(report()))
    assert [a for a, b in zip(first.splitlines(), second.splitlines(), strict=True) if a != b and "note" not in a] == []
