"""What people type, and which photos that finds."""

import math
import unicodedata

import pytest

from alpacasorter.ui.photo_query import Query, folded, words_of


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("img_12", "IMG_1234.JPG"),
        ("lodz", "Łódź 2021/a.jpg"),
        ("ŁÓDŹ", "lodz/a.jpg"),
        ("ete", "Été/plage.jpg"),
        ("été", "ete/plage.jpg"),
        ("strasse", "Straße.jpg"),
        ("istanbul", "İSTANBUL.jpg"),
        ("smorrebrod", "Smørrebrød.heic"),
        ("2021 a.jpg", "Łódź 2021/a.jpg"),
        ("a.jpg  łódź", "Łódź 2021/a.jpg"),
        ("peru/cusco", "Peru/Cusco/1.jpg"),
        ("peru\\cusco", "Peru/Cusco/1.jpg"),
        ("アルパカ", "アルパカ.jpg"),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_case_accents_and_how_letters_are_stored_make_no_difference(typed: str, name: str, form: str) -> None:
    stored = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    assert Query(words=words_of(typed)).admits(folded(stored), math.nan, None)


def test_all_words_must_match() -> None:
    assert not Query(words=words_of("peru 2022")).admits(folded("Peru 2021/a.jpg"), math.nan, None)


def test_spaces_alone_search_for_nothing() -> None:
    assert words_of("  ") == ()
    assert not Query(words=words_of(" "))


def test_a_name_that_is_no_unicode() -> None:
    assert folded("caf\udce9.jpg").startswith("caf")


def test_ranges() -> None:
    assert Query(taken=(10.0, 20.0)).admits("", 10.0, None)
    assert not Query(taken=(10.0, 20.0)).admits("", 20.0, None)
    assert not Query(taken=(10.0, 20.0)).admits("", math.nan, 0.9), "without a date"
    assert Query(undated=True).admits("", math.nan, None)
    assert not Query(undated=True).admits("", 10.0, None)
    assert Query(probability=(0.4, 0.6)).admits("", math.nan, 0.4)
    assert not Query(probability=(0.4, 0.6)).admits("", math.nan, 0.6)
    assert Query(probability=(0.4, 1.0)).admits("", math.nan, 1.0), "the end of the scale belongs to it"
    assert not Query(probability=(0.0, 1.0)).admits("", math.nan, None), "not judged"
