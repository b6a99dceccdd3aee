"""The table of what goes with a photo: what it says is what is done, and people can read it."""

import re
from pathlib import Path

import pytest

from alpacasorter.core.photos import companions
from alpacasorter.core.photos.companions import (
    SIDECAR_FOLDERS,
    TABLE,
    backup_of,
    cut_edits,
    nearby,
    shot,
    takeout,
)
from alpacasorter.core.photos.walk import IgnoredFile, OtherFiles, WalkProblem, walk
from alpacasorter.core.sorting.planning.grouping import group_files

DOC = Path(__file__).parents[3] / "docs" / "sorting.md"


def test_the_documentation_has_exactly_the_table() -> None:
    text = DOC.read_text(encoding="utf-8")
    head = "| files | what they are | more |\n|---|---|---|\n"
    shown = text[text.index(head) + len(head) :].partition("\n\n")[0].splitlines()
    assert shown == [f"| {row.files} | {row.what} | [page]({row.source}) |" for row in TABLE]


def test_every_row_has_a_source() -> None:
    assert all(row.source.startswith("https://") for row in TABLE)


@pytest.mark.parametrize(
    "extension", [one.replace("*", "7") for row in TABLE for one in row.extensions], ids=lambda one: one
)
def test_every_sidecar_of_the_table_goes_along(extension: str) -> None:
    for name in (f"IMG_1.{extension}", f"IMG_1.jpg.{extension}", f"img_1.JPG.{extension.upper()}"):
        (unit,) = group_files(["IMG_1.jpg", name], [])
        assert [member.name for member in unit] == ["IMG_1.jpg", name]


@pytest.mark.parametrize("row", [row for row in TABLE if row.folders], ids=lambda row: row.extensions[0])
def test_every_folder_of_the_table_is_looked_into(row: companions.Companion) -> None:
    for folder in row.folders:
        assert folder in SIDECAR_FOLDERS
        named = {word.lower() for word in re.split(r"[`/ ;,]+", row.files)}
        assert folder[0].split()[0] in named, "people must find the folder in the table"


def test_every_name_in_the_table_goes_along() -> None:
    """Each name in backquotes goes with a photo that the row names, or with IMG_1.jpg."""
    for row in TABLE:
        names = [name.replace("…", "7") for name in re.findall(r"`([^`]+)`", row.files)]
        whole = [name for name in names if re.fullmatch(r"[^.].*\..+", name)]
        photos = [name for name in whole if re.search(r"\.(jpg|heic)$", name)]
        for name in set(whole) - set(photos):
            folder, _slash, plain = name.rpartition("/")
            owners = ["IMG_1.jpg", "IMG_1(1).jpg", *photos]
            if "PXL_1" in plain or "MVIMG_1" in plain:
                plain, owners = (
                    text.replace("PXL_1", "PXL_20230102_030405678") if isinstance(text, str) else text
                    for text in (plain, [one.replace("PXL_1", "PXL_20230102_030405678") for one in owners])
                )
            beside = {tuple(folder.split("/")): [plain]} if folder else {}
            units = group_files(owners if folder else [*owners, plain], [], beside=beside)
            assert plain in {member.name for unit in units for member in unit}, name


@pytest.mark.parametrize(
    ("stem", "common"),
    [
        ("IMG_1", "IMG_1"),
        ("IMG_E1234", "IMG_1234"),
        ("IMG_E1234(1)", "IMG_1234(1)"),
        ("IMG_E123", "IMG_E123"),
        ("IMG_1-edited", "IMG_1"),
        ("IMG_1-Edited(2)_3", "IMG_1(2)_3"),
        ("un-edited photo", "un-edited photo"),
        ("PXL_20230102_030405678.NIGHT", "PXL_20230102_030405678"),
        ("PXL_20230102_030405678.PORTRAIT-01.COVER-edited", "PXL_20230102_030405678"),
        ("PXL_20230102_030405678.RAW-01.MP.COVER~2", "PXL_20230102_030405678~2"),
        ("PXL_20230102_030405678~2", "PXL_20230102_030405678~2"),
        ("00001IMG_00001_BURST20230102030405678", "BURST20230102030405678"),
        ("IMG_20231014_246_BURST001_COVER", "IMG_20231014_246"),
        ("BURST001", "BURST001"),
    ],
)
def test_names_of_one_shot(stem: str, common: str) -> None:
    assert shot(stem) == common


def test_names_that_takeout_has_cut() -> None:
    assert cut_edits("x" * 43 + "-edi") == ["x" * 43]
    assert cut_edits("x" * 40 + "-edited(1)") == ["x" * 40 + "(1)"]
    assert cut_edits("short-edi") == []
    assert takeout("x" * 46 + ".json").beginning == "x" * 46
    assert takeout("x" * 46 + "(3).json").copy == "(3)"
    assert takeout("album.json").beginning == ""


def test_what_exiftool_keeps() -> None:
    assert backup_of("a.jpg_original") == "a.jpg"
    assert backup_of("a.CR2_original") == "a.CR2"
    assert backup_of("the_original") is None
    assert backup_of("scan.1_original") is None


def test_no_companion_is_a_photo_of_its_own(tmp_path: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0 not much of a picture"
    names = (
        *("a.jpg", "a.jpg_original", "a.xmp_original", "a.MP", "a.MP~2", "a.rrdata", "a.jpg.exposurex7", "a.nksc"),
        *("PXL_20231220_170358366.RAW-01.COVER.jpg", "PXL_20231220_170358366.RAW-02.ORIGINAL.dng"),
    )
    for name in names:
        (tmp_path / name).write_bytes(jpeg)
    events = list(walk(tmp_path, recursive=True))
    photos = [event.path.name for event in events if not isinstance(event, (OtherFiles, IgnoredFile))]
    assert photos == ["a.jpg", "PXL_20231220_170358366.RAW-01.COVER.jpg"]
    assert not [event for event in events if isinstance(event, WalkProblem)]
    last = events[-1]
    assert isinstance(last, OtherFiles)
    assert (last.videos, last.raw_companions, last.other) == (2, 1, 5)


@pytest.mark.parametrize(
    "names",
    [
        "IMG_1.jpg IMG_1.jpg.xmp IMG_1.CR3 IMG_1_HEVC.MOV IMG_1(1).jpg IMG_1.jpg.supplemental-metadata(1).json",
        "IMG_1234.HEIC IMG_E1234.HEIC IMG_O1234.AAE",
        "PXL_20231220_170358366.RAW-01.COVER.jpg PXL_20231220_170358366.RAW-02.ORIGINAL.dng",
        "IMG_1.jpg IMG_1-edited.jpg IMG_1-edited(2).jpg",
        "00000IMG_00000_BURST20230102030405678_COVER.jpg 00001IMG_00001_BURST20230102030405678.jpg",
    ],
)
def test_arrivals_that_may_belong_together_are_waited_for_together(names: str) -> None:
    assert len({nearby(name) for name in names.split()}) == 1
    assert nearby("IMG_2.jpg") != nearby(names.split()[0])
