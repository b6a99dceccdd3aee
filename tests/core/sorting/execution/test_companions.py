"""Companions on the disk: they arrive with their photo, and an undo takes them back."""

from pathlib import Path

import pytest

from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.options import Action
from tests.core.sorting.planning.planning import plan
from tests.core.sorting.trees import drain, library_at, tree, write

NAMES = (
    "IMG_1.jpg",
    "IMG_1-edited.jpg",
    "IMG_1.jpg.supplemental-metadata.json",
    "IMG_1.jpg_original",
    "IMG_1(1).jpg",
    "IMG_1.jpg.supplemental-metadata(1).json",
    "IMG_1234.HEIC",
    "IMG_E1234.HEIC",
    "IMG_O1234.AAE",
    "IMG_1234_HEVC.MOV",
    "PXL_20231220_170358366.RAW-01.COVER.jpg",
    "PXL_20231220_170358366.RAW-02.ORIGINAL.dng",
    "PXL_20230205_164128403.MP.jpg",
    "PXL_20230205_164128403.MP",
    "CaptureOne/Settings153/IMG_1.jpg.cos",
    "NKSC_PARAM/IMG_1.jpg.nksc",
)


@pytest.mark.parametrize("action", Action)
def test_all_go_and_come_back(tmp_path: Path, action: Action) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    for number, name in enumerate(NAMES):
        write(folder / name, name.encode(), number=number)
    write(out / "Alpaca" / "IMG_1(1).jpg", b"another")
    before = tree(folder, out)
    with library_at(tmp_path / "library") as library:
        made = plan(folder, out, action=action)
        _told, end = drain(run_sort(made, library))
        assert not end.failures
        there = {path.relative_to(out / "Alpaca").as_posix() for path in (out / "Alpaca").rglob("*") if path.is_file()}
        renamed = {"IMG_1(1)_2.jpg", "IMG_1(1)_2.jpg.supplemental-metadata.json", "IMG_1(1).jpg"}
        wanted = {*NAMES} - {"IMG_1.jpg.supplemental-metadata(1).json"} | renamed
        assert there == wanted
        left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert left == (set() if action is Action.MOVE else {*NAMES})
        _told, end = drain(undo_sort(end.record.number, library))
        assert not end.failures
    assert tree(folder, out) == before
