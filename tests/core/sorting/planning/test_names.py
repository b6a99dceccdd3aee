"""Names that the system at the destination accepts."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpacasorter.core.sorting.planning.disks import NameRules, folder_part, name_key, shortened

ANY = NameRules(windows_like=False, text_only=False)
WINDOWS = NameRules(windows_like=True, text_only=False)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Alpaca", "Alpaca"),
        ("  Alpaca. . ", "Alpaca"),
        ("a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"),
        ("tab\tand\nline", "tab_and_line"),
        ("..", "_"),
        ("", "_"),
        (" . ", "_"),
        (".hidden", "_hidden"),
        ("...x", "_x"),
        ("CON", "CON_"),
        ("con.jpg", "con_.jpg"),
        ("Com1", "Com1_"),
        ("LPT\u00b2.a.b", "LPT\u00b2_.a.b"),
        ("nul .txt", "nul_.txt"),
        ("console", "console"),
        ("com10", "com10"),
        ("\u202eacapla", "acapla"),
        ("a\u200bb", "ab"),
        ("cafe\u0301", "caf\u00e9"),
        ("broken \udcff", "broken _"),
        ("Würmer 🦙", "Würmer 🦙"),
    ],
)  # fmt: skip
def test_a_folder_gets_a_name_that_every_system_takes(text: str, wanted: str) -> None:
    assert folder_part(text) == wanted


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_gives_a_name_for_a_folder(text: str) -> None:
    name = folder_part(text)
    assert name == folder_part(name)
    assert name == unicodedata.normalize("NFC", name)
    assert 1 <= len(name.encode()) <= 255
    assert len(name.encode("utf-16-le")) <= 2 * 255
    assert not set(name) & set('<>:"/\\|?*\0\n\u202e')
    assert name[0] not in ". "
    assert name[-1] not in ". "
    assert name.split(".")[0].upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9")


def test_names_that_some_system_takes_for_one_are_equal() -> None:
    assert name_key("IMG_1.JPG") == name_key("img_1.jpg")
    assert name_key("caf\u00e9.jpg") == name_key("CAFE\u0301.JPG")
    assert name_key("stra\u00dfe") == name_key("STRASSE")
    assert name_key("IMG_1.JPG") != name_key("IMG_2.JPG")
    assert name_key("a\udcff") != name_key("a\udcfe")


def test_a_number_goes_behind_the_stem_of_the_whole_unit() -> None:
    halves = [("IMG_1", ".jpg"), ("IMG_1", ".CR2"), ("IMG_1", ".jpg.xmp"), ("IMG_O1", ".AAE"), ("no extension", "")]
    assert ANY.names(halves, 1) == ["IMG_1.jpg", "IMG_1.CR2", "IMG_1.jpg.xmp", "IMG_O1.AAE", "no extension"]
    assert ANY.names(halves, 3) == ["IMG_1_3.jpg", "IMG_1_3.CR2", "IMG_1_3.jpg.xmp", "IMG_O1_3.AAE", "no extension_3"]


def test_names_that_are_kept_elsewhere_are_replaced_on_windows_disks() -> None:
    halves = [("what? 12:30", ".jpg"), ("what? 12:30", ".jpg.xmp")]
    assert ANY.names(halves, 1) == ["what? 12:30.jpg", "what? 12:30.jpg.xmp"]
    assert WINDOWS.names(halves, 2) == ["what_ 12_30_2.jpg", "what_ 12_30_2.jpg.xmp"]
    assert WINDOWS.names([("aux", ".jpg"), ("aux", ".jpg.xmp")], 1) == ["aux_.jpg", "aux_.jpg.xmp"]
    assert WINDOWS.names([("dots..", "")], 1) == ["dots"]
    assert WINDOWS.names([("a", ".b. ")], 1) == ["a.b"]
    assert WINDOWS.names([(" . ", "")], 1) == ["_"]
    assert NameRules(False, True).names([("a\udcff", ".jpg")], 1) == ["a_.jpg"]


@pytest.mark.skipif(os.name != "posix", reason="lengths are counted in bytes on POSIX systems")
def test_a_name_that_gets_too_long_is_shortened_in_its_stem() -> None:
    stem = "x" * 247
    assert ANY.names([(stem, ".jpg")], 1) == [stem + ".jpg"]
    assert ANY.names([(stem, ".jpg"), (stem, ".jpg.xmp")], 2) == ["x" * 245 + "_2.jpg", "x" * 245 + "_2.jpg.xmp"]
    (name,) = ANY.names([("ä" * 126, ".jpg")], 2) or [""]
    assert name == "ä" * 124 + "_2.jpg"
    assert ANY.names([("x", "." + "y" * 254)], 1) is None
    assert NameRules(False, False, 20).names([("abcdefghijklmnopqrst", ".jpg")], 1) == ["abcdefghijklmnop.jpg"]


def test_no_half_letter_is_left_at_the_end() -> None:
    assert shortened("abce\u0301", 4, len) == "abc"
    assert shortened("ab. cd", 4, len) == "ab"
    assert shortened("abc", 3, len) == "abc"
    assert shortened("abc", 0, len) == ""
