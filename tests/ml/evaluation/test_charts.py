"""The charts: well-formed SVG that shows the figures it was given, whatever they are."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from alpacasorter.ml.evaluation import charts
from alpacasorter.ml.evaluation.charts import HEIGHT, WIDTH, Axes, clipped, safe, ticks
from alpacasorter.ml.evaluation.metrics import Confusion, reliability, roc_curve

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<script>alert(1)</script>&\"'\udcff\x00"


def parsed(svg):
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    assert not root.findall(f".//{SVG}script")
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx", "y", "y1", "y2", "cy", "width", "height", "r"):
            if element is not root and name in element.attrib:
                value = float(element.attrib[name])
                assert math.isfinite(value)
                assert -1 <= value <= WIDTH + 1
    return root


def words(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def points(element):
    return [tuple(map(float, pair.split(","))) for pair in element.attrib["points"].split()]


def lines(root, css):
    return [line for line in root.iter(f"{SVG}polyline") if line.attrib["class"] == css]


def dots(root, css):
    return [dot for dot in root.iter(f"{SVG}circle") if dot.attrib["class"] == css]


# Text and axes


def test_text_is_safe_in_attributes_and_elements():
    shown = safe(NASTY + "\ufffe")
    assert not set(shown) & set("<>\"'\x00\udcff\ufffe")
    assert ElementTree.fromstring(f'<a b="{shown}">{shown}</a>').text.startswith("<script>")
    shown.encode("utf-8")


def test_long_names_are_cut():
    assert clipped("abc", 3) == "abc"
    assert clipped("abcd", 3) == "ab…"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0, 157, (0, 50, 100, 150)),
        (0.5, 1, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
        (1, 18, (5, 10, 15)),
        (3, 3, (3,)),
        (0, math.nan, (0,)),
        (0, math.inf, (0,)),
    ],
)
def test_ticks_are_round_numbers_within(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize("high", [1e-9, 0.3, 7, 12345, 3e12])
def test_ticks_are_few_and_within(high):
    found = ticks(0, high, 6)
    assert 2 <= len(found) <= 6
    assert found[0] == 0
    assert found[-1] <= high * (1 + 1e-9)


def test_axes_put_values_where_they_belong():
    axes = Axes((0, 10), (0, 1))
    assert axes.px(0) < axes.px(5) < axes.px(10) < WIDTH
    assert axes.px(5) == pytest.approx((axes.px(0) + axes.px(10)) / 2)
    assert 0 < axes.py(1) < axes.py(0) < HEIGHT, "up is more"


# Confusion matrix


def test_confusion_matrix_has_every_count_in_its_place():
    root = parsed(charts.confusion_matrix(Confusion(tp=1234, fp=2, tn=40, fn=3), ("Not alpaca", "Alpaca")))
    told = words(root)
    big = [element for element in root.iter(f"{SVG}text") if element.attrib.get("class") == "big"]
    places = {element.text: (float(element.attrib["x"]), float(element.attrib["y"])) for element in big}
    assert set(places) == {"1,234", "2", "40", "3"}
    # Columns are predicted classes, rows actual ones; the positive class comes first.
    assert places["1,234"][0] == places["2"][0] < places["3"][0] == places["40"][0]
    assert places["1,234"][1] == places["3"][1] < places["2"][1] == places["40"][1]
    assert "99.8% of 1,237" in told
    assert told.count("Alpaca") == told.count("Not alpaca") == 2


def test_confusion_matrix_of_one_class():
    told = words(parsed(charts.confusion_matrix(Confusion(tp=3, fp=0, tn=0, fn=1), ("Not alpaca", "Alpaca"))))
    assert len([word for word in told if "%" in word]) == 2, "there is no share of no photos"


# ROC


def test_roc_goes_from_corner_to_corner():
    y, p = np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.9])
    curve = roc_curve(y, p)
    root = parsed(charts.roc(*curve, area=0.75, in_use=(0.5, 0.5), positive="Alpaca"))
    [line] = lines(root, "line-a")
    steps = points(line)
    axes = Axes((0, 1), (0, 1))
    assert steps[0] == (axes.px(0), axes.py(0))
    assert steps[-1] == (axes.px(1), axes.py(1))
    assert len(steps) == 5
    [dot] = dots(root, "fill-b")
    assert (float(dot.attrib["cx"]), float(dot.attrib["cy"])) == (axes.px(0.5), axes.py(0.5))
    assert "area 0.7500" in words(root)
    assert not dots(parsed(charts.roc(*curve, area=0.75, in_use=None, positive="Alpaca")), "fill-b")


# Calibration


def test_calibration_shows_a_bar_and_a_count_for_each_bin_that_holds_photos():
    y, p = np.array([0, 0, 1, 1, 0]), np.array([0.01, 0.02, 0.99, 0.98, 0.5])
    root = parsed(charts.calibration(reliability(y, p), "Alpaca"))
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.attrib["class"] == "bar-a"]
    counts = [e.text for e in root.iter(f"{SVG}text") if e.attrib.get("class") == "small"]
    assert len(bars) == 3
    assert counts == ["2", "1", "2"]
    heights = [float(bar.attrib["height"]) for bar in bars]
    axes = Axes((0, 1), (0, 1.08))
    assert heights[2] == pytest.approx(axes.py(0) - axes.py(1), abs=0.02)
    assert heights[0] == heights[1] < 2
    tips = [bar.find(f"{SVG}title").text for bar in bars]
    assert {"2", "0%", "7%", "1.5%"} <= set(re.findall(r"[\d.]+%?", tips[0]))


def test_large_counts_fit():
    p = np.full(12_345, 0.99)
    root = parsed(charts.calibration(reliability(np.ones(12_345, dtype=int), p), "Alpaca"))
    assert "12.3k" in words(root)


# Histogram


def test_histogram_has_a_bar_for_each_class_and_interval():
    y, p = np.array([0, 0, 0, 1, 1]), np.array([0.0, 0.01, 0.52, 0.99, 1.0])
    root = parsed(charts.histogram(y, p, threshold=0.5, class_names=("Not alpaca", "Alpaca")))
    tips = [bar.find(f"{SVG}title").text for bar in root.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert [(tip.partition(":")[0], *re.findall(r"\d+%?", tip)) for tip in tips] == [
        ("Not alpaca", "2", "0%", "5%"),
        ("Not alpaca", "1", "50%", "55%"),
        ("Alpaca", "2", "95%", "100%"),
    ]


def test_a_single_photo_among_thousands_is_seen():
    p = np.concatenate([np.full(50_000, 0.99), [0.5]])
    root = parsed(charts.histogram(np.ones(50_001, dtype=int), p, threshold=0.5, class_names=("No", "Yes")))
    heights = [float(bar.attrib["height"]) for bar in root.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert min(heights) >= 1.5
    assert max(heights) > 200


def test_histogram_without_photos():
    parsed(charts.histogram(np.array([], int), np.array([]), threshold=0.5, class_names=("No", "Yes")))


# Learning curves


def curve(*points, share=False, name="loss", retrained_from=None):
    return parsed(charts.learning_curve(points, name=name, share=share, retrained_from=retrained_from))


def marks(root):
    return [
        line
        for line in root.iter(f"{SVG}line")
        if line.attrib["class"] == "guide" and line.attrib["x1"] == line.attrib["x2"]
    ]


def test_learning_curve_joins_the_epochs():
    root = curve((1, 0.9, 0.8), (2, 0.5, 0.6), (3, 0.3, 0.5))
    [training], [validation] = lines(root, "line-a"), lines(root, "line-b")
    assert len(points(training)) == len(points(validation)) == 3
    assert points(training)[0][1] < points(training)[2][1], "less is lower"
    assert {"epoch", "loss"} <= set(words(root))
    assert not marks(root)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_makes_a_gap(value):
    root = curve((1, 0.9, 0.8), (2, 0.7, 0.7), (3, value, 0.6), (4, 0.5, 0.5), (5, 0.4, 0.4))
    assert [len(points(line)) for line in lines(root, "line-a")] == [2, 2]
    assert [len(points(line)) for line in lines(root, "line-b")] == [5]
    assert "nan" not in ElementTree.tostring(root, encoding="unicode").lower()


def test_only_nan():
    root = curve((1, math.nan, math.nan), (2, math.nan, math.nan))
    assert not lines(root, "line-a")
    assert not dots(root, "fill-a")


def test_a_single_epoch_is_a_dot():
    root = curve((1, 0.9, 0.8))
    assert len(dots(root, "fill-a")) == len(dots(root, "fill-b")) == 1
    assert "1" in words(root)


def test_where_retraining_began_is_marked():
    root = curve((1, 0.9, 0.8), (2, 0.5, 0.6), (3, 0.3, 0.5), retrained_from=3)
    [mark] = marks(root)
    axes = Axes((0.5, 3.5), (0, 1))
    assert float(mark.attrib["x1"]) == axes.px(2.5)


def test_shares_end_at_one_and_losses_begin_at_zero():
    share = curve((1, 0.62, 0.71), (2, 0.93, 0.95), name="accuracy", share=True)
    loss = curve((1, 40.0, 30.0), (2, 0.0, 0.0))
    numbers = [float(word) for word in words(share) if re.fullmatch(r"[\d.]+", word)]
    assert 1.0 in numbers
    assert 0.6 in numbers
    assert 0.2 not in numbers
    assert 0.0 in [float(word) for word in words(loss) if re.fullmatch(r"[\d.]+", word)]
    assert curve((1, 0.0, 0.0)) is not None


@pytest.mark.parametrize("name", [NASTY, "x" * 300, ""])
def test_any_class_name_works(name):
    y, p = np.array([0, 1]), np.array([0.2, 0.7])
    for svg in (
        charts.confusion_matrix(Confusion(1, 1, 1, 1), (name, name)),
        charts.roc(*roc_curve(y, p), area=1.0, in_use=(0.0, 1.0), positive=name),
        charts.calibration(reliability(y, p), name),
        charts.histogram(y, p, threshold=0.5, class_names=(name, name)),
    ):
        parsed(svg)


# Colors


def test_a_palette_is_written_into_the_chart():
    palette = charts.Palette("sans-serif", "#101010", "#202020", "#303030", "#00aa00", "#cc0000")
    svg = charts.learning_curve(
        [(1, 0.9, 0.8), (2, 0.5, 0.6)], name="loss", share=False, retrained_from=2, palette=palette
    )
    assert "var(" not in svg, "QSvgRenderer knows no CSS variables"
    style = parsed(svg).find(f"{SVG}style").text
    for color in ("#101010", "#202020", "#303030", "#00aa00", "#cc0000"):
        assert color in style


def test_without_a_palette_the_page_colors_the_chart():
    svg = charts.learning_curve([(1, 0.9, 0.8)], name="loss", share=False, retrained_from=None)
    assert parsed(svg).find(f"{SVG}style") is None
    for variable in ("--font", "--text", "--muted", "--border", "--chart-a", "--chart-b"):
        assert f"var({variable})" in charts.STYLE
