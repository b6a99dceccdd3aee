"""Patterns: what they make of a photo, and which are refused with which sentence."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.sorting.planning.pattern import (
    PatternError,
    PatternValues,
    check_pattern,
    examples,
    parse_pattern,
)

VALUES = PatternValues("Alpaca", datetime(2026, 5, 3, 14, 7, 9), ("day 1", "farm"), "Canon EOS R6")  # noqa: DTZ001
BARE = PatternValues("Alpaca")


def folders(pattern: str, values: PatternValues = VALUES) -> str:
    return "/".join(parse_pattern(pattern).folders(values))


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("{label}", "Alpaca"),
        ("{label}/", "Alpaca"),
        ("{Label}", "Alpaca"),
        ("{taken}", "2026-05-03"),
        ("{label}/{taken:%Y-%m}", "Alpaca/2026-05"),
        ("{taken:%Y/%m}/{label}", "2026/05/Alpaca"),
        ("{taken:%y%m%d %H-%M-%S}", "260503 14-07-09"),
        ("{taken:%j of %G week %V}", "123 of 2026 week 18"),
        ("{taken:100%%}", "100%"),
        ("{camera}/{label}", "Canon EOS R6/Alpaca"),
        ("{label}/{folder}", "Alpaca/day 1/farm"),
        ("{folder}/{label}", "day 1/farm/Alpaca"),
        ("my {folder} photos", "my day 1/farm photos"),
        ("{{{label}}}", "{Alpaca}"),
        ("Sorted/{label} ({taken:%Y})", "Sorted/Alpaca (2026)"),
    ],
)
def test_what_a_pattern_makes_of_a_photo(pattern: str, wanted: str) -> None:
    assert check_pattern(pattern) is None
    assert folders(pattern) == wanted


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("{label}/{taken:%Y-%m}", "Alpaca/Undated"),
        ("{taken:%Y}/{taken:%m}/{label}", "Undated/Alpaca"),
        ("{taken:%Y/%m/%d}", "Undated"),
        ("{taken:%Y}-{taken:%m}", "Undated"),
        ("{taken:%Y} {label}", "Undated Alpaca"),
        ("{camera}", "Unknown camera"),
        ("{label}/{folder}", "Alpaca"),
        ("{folder}", ""),
        ("in {folder}", "in"),
    ],
)
def test_what_a_photo_lacks_is_said_once(pattern: str, wanted: str) -> None:
    assert folders(pattern, BARE) == wanted


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("/{label}", "starts with /"),
        ("../{label}", "can't be named “..”."),
        ("{label}/..", "can't be named “..”."),
        ("{label}/./x", "can't be named “.”."),
        (". ./{label}", "can't be named “. .”."),
        ("{label}//x", "no name"),
        ("{label}/ /x", "no name"),
        ("{taken:%Y//%m}", "no name"),
        ("{taken:/%Y}", "no name"),
        (".hidden/{label}", "hidden"),
        ("{taken:.%Y}", "hidden"),
        ("{date}", "unknown field, {date}"),
        ("{}", "unknown field, {}"),
        ("{0}", "unknown field"),
        ("{label.__class__}", "unknown field"),
        ("{label[0]}", "unknown field"),
        ("{label!r}", "unknown field"),
        ("{label:>20}", "write just {label}"),
        ("{folder:%Y}", "write just {folder}"),
        ("{taken:}", "format of {taken} is empty"),
        ("{taken:%B}", "%B is not allowed in {taken}. Use %Y (year)"),
        ("{taken:%-d}", "%- is not allowed"),
        ("{taken:%}", "% is not allowed"),
        ("{taken:%H:%M}", "allows : in"),
        ("{label", "single {"),
        ("label}", "single }"),
        ("{taken:{label}}", "single {"),
        ("C:/{label}", "allows : in"),
        ("{label}\\{taken}", "Write / between folders"),
        ("{label}?*", "allows ? * in"),
        ("{label}\n", "control character"),
        ("{label}" * 100, "too long"),
    ],
)
def test_wrong_patterns_are_refused_with_a_sentence(pattern: str, words: str) -> None:
    said = check_pattern(pattern)
    assert said is not None
    assert words in said
    assert said.endswith(".")
    with pytest.raises(PatternError):
        parse_pattern(pattern)


def test_an_unknown_word_is_answered_with_what_is_allowed() -> None:
    said = check_pattern("{place}") or ""
    assert all(word in said for word in ("{label}", "{taken:%Y-%m}", "{camera}", "{folder}", "/"))


def test_the_examples_can_be_used_and_differ() -> None:
    made = [folders(pattern) for _, pattern in examples()]
    assert len(set(made)) == len(made) == len({words for words, _ in examples()})


def test_what_a_pattern_uses() -> None:
    pattern = parse_pattern("{taken:%Y}/x {camera}")
    assert (pattern.uses_label, pattern.uses_taken, pattern.uses_camera, pattern.uses_folder) == (
        False, True, True, False,
    )  # fmt: skip


def test_values_never_leave_their_folder() -> None:
    values = PatternValues("../../etc", None, ("..", "a/b"), "/dev\\null")
    assert folders("{label}/{folder}/{camera}", values) == "__.._etc/_/a_b/_dev_null"


def test_the_folder_a_sorted_photo_had_before_is_found_again() -> None:
    pattern = parse_pattern("{taken:%Y}/{label}/{folder}")
    assert pattern.own_folders(("2026", "alpaca", "day 1", "farm"), VALUES) == ("day 1", "farm")
    assert pattern.own_folders(("2026", "Alpaca"), VALUES) == ()
    assert pattern.own_folders(("2026", "Llama", "day 1"), VALUES) is None


@given(st.text(max_size=40), st.text(min_size=1), st.lists(st.text(), max_size=3), st.text(), st.datetimes())
def test_whatever_the_text_every_folder_has_a_name(
    text: str, label: str, folder: list[str], camera: str, taken: datetime
) -> None:
    for pattern in (text, "{label}/" + text, "{folder}{camera}" + text):
        if check_pattern(pattern) is None:
            for name in parse_pattern(pattern).folders(PatternValues(label, taken, tuple(folder), camera)):
                assert name not in ("", ".", "..")
                assert not set(name) & set('/\\:*?"<>|\0')
