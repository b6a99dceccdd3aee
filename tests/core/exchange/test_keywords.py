"""Keywords and ratings in sidecars: what is added, what stays, and what is removed again."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpacasorter.core import reasons
from alpacasorter.core.exchange.keywords import BLANK, OURS, Tags, tagged, untagged
from alpacasorter.core.exchange.xmp import (
    SidecarError,
    read_sidecar,
    word_lists,
)
from tests.core.exchange.sidecar_files import (
    ALPACA,
    KEY,
    OTHER,
    STARRED,
    STYLES,
    UNRATED,
    WITHOUT_PREFIX,
    exiftool,
    exiv2,
    sidecar,
)

DC = "http://purl.org/dc/elements/1.1/"
OWN = ("AddedKeyword", "AddedRating", "AddedTo", "Class", "Confidence", "ContentKey", "Corrected", "RatingBefore")


def subject(data: bytes) -> list[str]:
    return [word for words in word_lists(read_sidecar(data), DC, "subject") for word in words.words]


def notes(tags: dict[str, object]) -> set[str]:
    return {name.partition(":")[2] for name in tags if name.startswith("XMP-alpacasorter:")}


def foreign(tags: dict[str, object]) -> dict[str, object]:
    """All tags but our notes; lists of one word as lists."""
    kept = {name: value for name, value in tags.items() if not name.startswith("XMP-alpacasorter:")}
    return {name: value if isinstance(value, list) else [value] for name, value in kept.items()}


def test_a_new_sidecar_is_read_by_exiftool(tmp_path: Path) -> None:
    tags = exiftool(tagged(BLANK, STARRED), tmp_path)
    assert tags["XMP-dc:Subject"] == ["Alpaca"]
    assert tags["XMP-xmp:Rating"] == 5
    assert tags["XMP-alpacasorter:ContentKey"] == KEY
    assert tags["XMP-alpacasorter:Confidence"] == 0.97


def test_a_new_sidecar_is_read_by_exiv2_as_a_bag(tmp_path: Path) -> None:
    found = exiv2(tagged(BLANK, STARRED), tmp_path)
    assert found["Xmp.dc.subject"] == [("XmpBag", "Alpaca")]
    assert found["Xmp.xmp.Rating"] == [("XmpText", "5")]


@pytest.mark.parametrize("style", STYLES)
def test_all_that_others_wrote_stays(style: str, tmp_path: Path) -> None:
    before = STYLES[style]
    was, after = foreign(exiftool(before, tmp_path)), tagged(before, STARRED)
    now = foreign(exiftool(after, tmp_path))
    lists = {"XMP-dc:Subject", "XMP-lr:HierarchicalSubject", "XMP-digiKam:TagsList"}
    for name in lists & (was.keys() | {"XMP-dc:Subject"}):
        assert now.pop(name) == [*was.pop(name, []), "Alpaca"], name
    if style in UNRATED:
        assert now.pop("XMP-xmp:Rating") == [5]
        was.pop("XMP-xmp:Rating", None)
    assert now == was
    # And each byte: what was there is still there in the same order, with something inserted.
    if style != "darktable":
        at = 0
        for piece in re.findall(rb"<[^>]*>|[^<]+", before):
            found = after.find(piece, at)
            assert found >= at, piece
            at = found + len(piece)


# Exiv2 takes only what begins as its own files do.
@pytest.mark.parametrize("style", ["lightroom", "darktable", "digikam"])
def test_exiv2_reads_what_was_merged(style: str, tmp_path: Path) -> None:
    was, now = exiv2(STYLES[style], tmp_path), exiv2(tagged(STYLES[style], ALPACA), tmp_path)
    kind, words = now["Xmp.dc.subject"][0]
    assert words.endswith("Alpaca")
    assert kind == was.get("Xmp.dc.subject", [("XmpBag", "")])[0][0]
    for name, values in was.items():
        if "subject" not in name.lower() and "TagsList" not in name:
            assert now[name] == values, name


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tags", [ALPACA, STARRED, OTHER])
def test_it_is_taken_out_to_the_byte(style: str, tags: Tags) -> None:
    before = STYLES[style]
    after = tagged(before, tags)
    assert after != before
    assert untagged(after) == before
    assert tagged(tagged(after, OTHER), tags) == after


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tags", [ALPACA, STARRED])
def test_writing_the_same_again_changes_no_byte(style: str, tags: Tags) -> None:
    once = tagged(STYLES[style], tags)
    assert tagged(once, tags) is once


@pytest.mark.parametrize("tool", ["exiv2", "exiftool"])
def test_a_sidecar_that_another_program_wrote_again_is_still_known(tool: str, tmp_path: Path) -> None:
    import shutil
    import subprocess

    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    path = tmp_path / "photo.xmp"
    path.write_bytes(tagged(STYLES["digikam"], STARRED))
    command = {
        "exiv2": ["exiv2", "-M", "set Xmp.dc.subject XmpBag later", str(path)],
        "exiftool": ["exiftool", "-q", "-overwrite_original", "-XMP-dc:Subject+=later", str(path)],
    }[tool]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"this {tool} does not write sidecars: {done.stderr!r}")
    rewritten = path.read_bytes()
    assert "Alpaca" in subject(rewritten)
    assert tagged(rewritten, STARRED) is rewritten
    other = tagged(rewritten, OTHER)
    assert sorted(subject(other)) == ["Maria", "Not alpaca", "later"]
    cleared = untagged(rewritten)
    assert sorted(subject(cleared)) == ["Maria", "later"]
    assert OURS.encode() not in cleared
    tags = exiftool(cleared, tmp_path)
    assert notes(tags) == set()
    assert "XMP-xmp:Rating" not in tags
    assert tags["XMP-digiKam:TagsList"] == ["People/Maria"]


def test_another_label_replaces_only_the_own_keyword() -> None:
    before = sidecar("<dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>")
    first = tagged(before, ALPACA)
    added = first.replace(
        b"<rdf:li>Alpaca</rdf:li></rdf:Bag>", b"<rdf:li>Alpaca</rdf:li><rdf:li>later</rdf:li></rdf:Bag>"
    )
    assert added != first
    assert subject(tagged(added, OTHER)) == ["one", "two", "later", "Not alpaca"]
    # With the same label it stays in its place among the others.
    assert tagged(added, ALPACA) is added


def test_a_keyword_that_was_there_is_not_doubled_and_stays_when_ours_goes() -> None:
    before = sidecar("<dc:subject><rdf:Bag><rdf:li>Alpaca</rdf:li></rdf:Bag></dc:subject>")
    after = tagged(before, ALPACA)
    assert subject(after) == ["Alpaca"]
    assert untagged(after) == before
    assert subject(tagged(after, OTHER)) == ["Alpaca", "Not alpaca"]


@pytest.mark.parametrize("form", ['xmp:Rating="3"', "<xmp:Rating>3</xmp:Rating>", 'xmp:Rating="-1"'])
def test_a_rating_of_the_users_is_never_changed(form: str) -> None:
    before = sidecar(form) if form.startswith("<") else sidecar("", form)
    after = tagged(before, STARRED)
    assert form.encode() in after
    assert b"AddedRating" not in after
    assert untagged(after) == before


@pytest.mark.parametrize("form", ['xmp:Rating="0"', "<xmp:Rating>0</xmp:Rating>", 'xmp:Rating=""'])
def test_no_stars_count_as_no_rating_and_come_back(form: str) -> None:
    before = sidecar(form) if form.startswith("<") else sidecar("", form)
    after = tagged(before, STARRED)
    assert form.replace("0", "5").replace('""', '"5"').encode() in after
    assert untagged(after) == before


def test_a_rating_that_the_user_changed_afterwards_is_theirs() -> None:
    after = tagged(BLANK, STARRED).replace(b'xmp:Rating="5"', b'xmp:Rating="1"')
    again = tagged(after, Tags("Alpaca", "alpaca", 0.7, False, KEY, rating=3))
    assert again.count(b'xmp:Rating="1"') == 1
    assert b'xmp:Rating="3"' not in again
    assert b'xmp:Rating="1"' in untagged(again)


def test_own_rating_follows_the_confidence() -> None:
    after = tagged(tagged(BLANK, STARRED), Tags("Alpaca", "alpaca", 0.7, False, KEY, rating=3))
    assert b'xmp:Rating="3"' in after
    assert b'"5"' not in after
    assert untagged(after) == BLANK


@pytest.mark.parametrize(
    ("inside", "attributes", "words"),
    [
        ("", "", []),
        ("<dc:subject/>", "", []),
        ("<dc:subject></dc:subject>", "", []),
        ("<dc:subject><rdf:Bag/></dc:subject>", "", []),
        ("<dc:subject>\n <rdf:Bag>\n </rdf:Bag>\n</dc:subject>", "", []),
        ("<dc:subject>one &amp; two</dc:subject>", "", ["one & two"]),
        ("", 'dc:subject="one &quot;1&quot;"', ['one "1"']),
        ("<dc:subject><rdf:Alt><rdf:li xml:lang='en'>one</rdf:li></rdf:Alt></dc:subject>", "", ["one"]),
        ("<dc:subject><rdf:Seq><rdf:li>b</rdf:li><rdf:li>a</rdf:li></rdf:Seq></dc:subject>", "", ["b", "a"]),
    ],
)
def test_every_form_of_a_list_takes_a_word(inside: str, attributes: str, words: list[str], tmp_path: Path) -> None:
    after = tagged(sidecar(inside, attributes), ALPACA)
    assert subject(after) == [*words, "Alpaca"]
    assert exiftool(after, tmp_path)["XMP-dc:Subject"] == [*words, "Alpaca"]
    assert subject(untagged(after)) == words


@pytest.mark.parametrize(
    "inside",
    [
        "<dc:subject rdf:parseType='Resource'><own:a>1</own:a></dc:subject>",
        "<dc:subject rdf:resource='http://x/'/>",
        "<dc:subject><rdf:Bag rdf:_1='one'/></dc:subject>",
        "<dc:subject><rdf:Bag><rdf:li>a</rdf:li></rdf:Bag><rdf:Bag/></dc:subject>",
        "<dc:subject><own:Bag/></dc:subject>",
        "<dc:subject>text<rdf:Bag/></dc:subject>",
    ],
)
def test_an_unknown_structure_is_left_unchanged(inside: str) -> None:
    with pytest.raises(SidecarError) as caught:
        tagged(sidecar(inside), ALPACA)
    assert caught.value.reason == reasons.SIDECAR_UNKNOWN_FORM


def test_the_second_of_several_descriptions_takes_the_word() -> None:
    one, two = 'rdf:about="" xmlns:own="urn:own/" own:a="1"', 'rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    before = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {one}/><rdf:Description {two}><dc:subject><rdf:Bag><rdf:li>a</rdf:li></rdf:Bag></dc:subject>"
        "</rdf:Description></rdf:RDF>"
    ).encode()
    after = tagged(before, ALPACA)
    assert subject(after) == ["a", "Alpaca"]
    assert untagged(after) == before


def test_rdf_without_a_prefix_is_added_to_without_one() -> None:
    after = tagged(WITHOUT_PREFIX, STARRED)
    assert subject(after) == ["é", "a <b>", "Alpaca"]
    assert b"<li>Alpaca</li></Seq>" in after
    assert untagged(after) == WITHOUT_PREFIX


def test_what_the_photo_is_about_is_taken_over() -> None:
    after = tagged(STYLES["digikam"], OTHER)
    assert after.count(b'rdf:about="uuid:faf5bdd5-ba3d-11da-ad31-d33d75182f1b"') == 2


@pytest.mark.parametrize("empty", [b"<rdf:RDF %b/>", b"<rdf:RDF %b></rdf:RDF>", b"<rdf:RDF %b>\r\n</rdf:RDF>"])
def test_an_empty_sidecar_is_filled(empty: bytes) -> None:
    before = empty % b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    after = tagged(before, STARRED)
    assert subject(after) == ["Alpaca"]
    assert subject(untagged(after)) == []


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_character_set_stays(codec: str) -> None:
    text = STYLES["lightroom"].decode()
    before = text.encode(codec)
    after = tagged(before, Tags("Älpäcä 🦙", "alpaca", 0.9, False, KEY))
    assert "<rdf:li>Älpäcä 🦙</rdf:li>" in after.decode(codec)
    assert untagged(after) == before


def test_a_character_set_without_the_letter_gets_a_reference() -> None:
    before = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + sidecar(
        "<own:n>\xe9</own:n>".encode("latin-1").decode("latin-1")
    )
    before = before.decode("utf-8").encode("latin-1")
    after = tagged(before, Tags("é 🦙", "alpaca", 0.9, False, KEY))
    assert b"<rdf:li>\xe9 &#129433;</rdf:li>" in after
    assert subject(after) == ["é 🦙"]
    assert untagged(after) == before


def test_words_that_look_like_markup_are_words(tmp_path: Path) -> None:
    word = """<b> & "it's" 'so' ]]> \x01 \ud800"""
    after = tagged(BLANK, Tags(word, "a<b", 0.5, False, KEY))
    shown = word.replace("\x01", "\ufffd").replace("\ud800", "\ufffd")
    assert subject(after) == [shown]
    assert exiftool(after, tmp_path)["XMP-dc:Subject"] == [shown]
    assert tagged(after, Tags(word, "a<b", 0.5, False, KEY)) is after
    assert untagged(after) == BLANK


def test_a_keyword_that_would_mean_two_stays_out_of_lists_with_levels() -> None:
    after = tagged(STYLES["lightroom"], Tags("a|b/c", "alpaca", 0.9, False, KEY))
    assert after.count(b"<rdf:li>a|b/c</rdf:li>") == 1
    after = tagged(STYLES["digikam"], Tags("a/c", "alpaca", 0.9, False, KEY))
    assert after.count(b"<rdf:li>a/c</rdf:li>") == 1


BILLION = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description>&b;</rdf:Description></rdf:RDF>"""
OUTSIDE = """<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&x;</rdf:RDF>"""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", reasons.SIDECAR_DAMAGED),
        (b"\x00" * 100, reasons.SIDECAR_DAMAGED),
        (b"\xff\xd8\xff\xe0JFIF", reasons.SIDECAR_DAMAGED),
        (STYLES["lightroom"][:-40], reasons.SIDECAR_DAMAGED),
        (STYLES["lightroom"] + b"\x00\x00", reasons.SIDECAR_DAMAGED),
        (STYLES["lightroom"].replace(b"hike", b"\xff\xfe"), reasons.SIDECAR_DAMAGED),
        (STYLES["lightroom"].replace(b"xmp:Label", b"xyz:Label"), reasons.SIDECAR_DAMAGED),
        (b"<html><body/></html>", reasons.SIDECAR_DAMAGED),
        (b"<a>&b;</a>", reasons.SIDECAR_DAMAGED),
        (STYLES["darktable"].replace(b"UTF-8", b"EBCDIC"), reasons.SIDECAR_ENCODING),
        (BILLION.encode(), reasons.SIDECAR_DOCTYPE),
        (OUTSIDE.encode(), reasons.SIDECAR_DOCTYPE),
        (BILLION.encode("utf-16"), reasons.SIDECAR_DOCTYPE),
    ],
)
def test_a_bad_sidecar_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(SidecarError) as caught:
        tagged(data, ALPACA)
    assert caught.value.reason == reason
    assert untagged(data) == data


def test_deep_nesting_and_length_only_cost_time() -> None:
    deep = "<own:a>" * 5000 + "</own:a>" * 5000
    wide = "".join(f"<own:w{n}>{n}</own:w{n}>" for n in range(5000))
    before = sidecar(deep + wide)
    after = tagged(before, STARRED)
    assert subject(after) == ["Alpaca"]
    assert untagged(after) == before


WORDS = st.text("ab é&<\"'>", min_size=1, max_size=6).map(str.strip).filter(lambda word: word and word != "Alpaca")
LISTS = st.lists(WORDS, max_size=4, unique=True)


@settings(max_examples=150)
@given(
    words=LISTS,
    rating=st.sampled_from([None, "0", "1", "5"]),
    element=st.booleans(),
    lines=st.booleans(),
    first=st.booleans(),
)
def test_what_is_put_in_comes_out_again(
    words: list[str], rating: str | None, element: bool, lines: bool, first: bool
) -> None:
    from xml.sax.saxutils import escape

    end = "\n  " if lines else ""
    items = "".join(f"{end}<rdf:li>{escape(word)}</rdf:li>" for word in words)
    bag = f"{end}<dc:subject><rdf:Bag>{items}{end}</rdf:Bag></dc:subject>" if words else ""
    stars = f"{end}<xmp:Rating>{rating}</xmp:Rating>" if rating and element else ""
    attribute = f'xmp:Rating="{rating}"' if rating and not element else 'own:x="1"'
    before = sidecar(stars + bag if first else bag + stars, attribute)
    after = tagged(before, STARRED)
    assert subject(after) == [*words, "Alpaca"]
    assert tagged(after, STARRED) is after
    assert untagged(after) == before
    assert untagged(tagged(after, OTHER)) == before
