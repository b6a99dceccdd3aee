"""The table of photos: what each is called in each variant, and which may not be separated."""

import csv

import numpy as np
import pytest

from alpacasorter.training.data.dataset import DatasetError
from tools.model_maker.photo_table import ALPACAS_ONLY, VARIANTS, WITH_LLAMAS, read_photos, source_groups

# Name, source, species, kinds, and the targets where llamas count and where they don't.
PHOTOS = (
    ("article/alpaca/alpaca.jpg", "course", "alpaca", "dark far", (1, 1)),
    ("article/alpaca/llama.jpg", "course", "llama", "", (1, 0)),
    ("article/alpaca/vicuna.jpg", "course", "vicuna", "", (1, 0)),
    ("article/alpaca/unsure.jpg", "course", "unsure", "", (1, -1)),
    ("article/alpaca/lamb.jpg", "course", "none", "", (-1, -1)),
    ("article/not_alpaca/dog.jpg", "course", "", "", (0, 0)),
    ("extra/alpaca/cria.PNG", "farm", "alpaca", "cria", (1, 1)),
    ("extra/alpaca/nobody_looked.jpeg", "farm", "", "", (1, 1)),
    ("extra/lookalike/alpaca_after_all.jpg", "farm", "alpaca", "", (1, 1)),
    ("extra/lookalike/llama.jpg", "trek", "llama", "", (1, 0)),
    ("extra/lookalike/unsure.jpg", "trek", "unsure", "", (1, -1)),
    ("extra/not_alpaca/sheep.jpg", "trek", "", "", (0, 0)),
    ("lookalike/llama/guanaco.jpg", "zoo", "vicuna", "", (1, 0)),
    ("more/alpaca/deeper/alpaca.jpg", "more", "", "", (1, 1)),
    ("more/not_alpaca/goat.jpg", "goats", "", "", (0, 0)),
    ("unlabeled/street.jpg", "streets", "", "", (-1, -1)),
)
NAMES = tuple(photo[0] for photo in PHOTOS)


def table(file, *rows):
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return file


@pytest.fixture
def folder(tmp_path):
    """The photos, empty: nothing here opens them."""
    root = tmp_path / "photos"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "article" / "notes.txt").touch()
    (root / "camera").mkdir()
    (root / "camera" / "no part of this.jpg").touch()
    table(root / "PROVENANCE.csv", ("file", "source", "licence"), *((name, source, "") for name, source, *_ in PHOTOS))
    table(
        tmp_path / "camelids.csv",
        ("file", "species", "kinds"),
        *((name, species, kinds) for name, _, species, kinds, _ in PHOTOS if species),
    )
    table(tmp_path / "kinds.csv", ("photo", "kind"), ("alpaca", "one alpaca"), ("goat", "other animals"))
    return root


def read(folder):
    return read_photos(folder, species=folder.parent / "camelids.csv", kinds=folder.parent / "kinds.csv")


def picked(photos, mask):
    return {name for name, is_one in zip(photos.names, mask, strict=True) if is_one}


def test_photos_with_source_species_and_kinds(folder):
    photos = read(folder)
    assert photos.names == tuple(sorted(NAMES))
    assert photos.paths == [folder / name for name in sorted(NAMES)]
    by_name = dict(zip(photos.names, zip(photos.sources, photos.species, photos.kinds, strict=True), strict=True))
    assert by_name["article/alpaca/alpaca.jpg"] == ("course", "alpaca", {"dark", "far", "one alpaca"})
    assert by_name["more/not_alpaca/goat.jpg"] == ("goats", "", {"other animals"})
    assert by_name["unlabeled/street.jpg"] == ("streets", "", frozenset())
    assert picked(photos, photos.of_kind("far")) == {"article/alpaca/alpaca.jpg"}


def test_the_photos_can_have_a_table_of_kinds_of_their_own(folder):
    table(folder / "KINDS.csv", ("file", "kind"), ("extra/not_alpaca/sheep.jpg", "sheep"))
    photos = read(folder)
    assert picked(photos, photos.of_kind("sheep")) == {"extra/not_alpaca/sheep.jpg"}


def test_the_targets_of_each_variant(folder):
    photos = read(folder)
    assert VARIANTS == (WITH_LLAMAS, ALPACAS_ONLY)
    found = dict(zip(photos.names, map(tuple, photos.targets().tolist()), strict=True))
    assert found == {name: targets for name, *_, targets in PHOTOS}


def test_masks(folder):
    photos = read(folder)
    lookalikes = {name for name in NAMES if "lookalike" in name}
    assert picked(photos, photos.lookalike) == lookalikes
    assert picked(photos, photos.unlabeled) == {"unlabeled/street.jpg"}
    assert picked(photos, photos.labeled) == set(NAMES) - lookalikes - {"unlabeled/street.jpg"}
    assert picked(photos, photos.in_alpaca_folder == 1) == {name for name in NAMES if "/alpaca/" in name}
    assert picked(photos, photos.llamas) == {name for name, _, kind, *_ in PHOTOS if kind in ("llama", "vicuna")}
    assert picked(photos, photos.under("extra")) == {name for name in NAMES if name.startswith("extra/")}


def test_photos_of_one_source_and_near_duplicates_are_one_group(folder):
    photos = read(folder)
    alone = np.arange(len(NAMES))
    groups = source_groups(photos, alone)
    assert len(np.unique(groups)) == len(set(photos.sources))
    for source in set(photos.sources):
        assert len({group for group, own in zip(groups, photos.sources, strict=True) if own == source}) == 1
    # A chain: a photo of the zoo is one of the trek, and another of the trek is one of the farm.
    near = alone.copy()
    place = {name: row for row, name in enumerate(photos.names)}
    near[place["lookalike/llama/guanaco.jpg"]] = near[place["extra/lookalike/llama.jpg"]]
    near[place["extra/not_alpaca/sheep.jpg"]] = near[place["extra/alpaca/cria.PNG"]]
    groups = source_groups(photos, near)
    together = {group for group, own in zip(groups, photos.sources, strict=True) if own in ("zoo", "trek", "farm")}
    assert len(together) == 1
    assert len(np.unique(groups)) == len(set(photos.sources)) - 2
    assert set(groups) == set(range(len(np.unique(groups))))


@pytest.mark.parametrize("name", ["article", "more", "extra", "lookalike", "unlabeled"])
def test_a_folder_without_photos_is_refused(folder, name):
    for file in (folder / name).rglob("*.*"):
        file.unlink()
    with pytest.raises(DatasetError, match=f"no photos in {name}"):
        read(folder)


def test_a_photo_without_a_source_is_refused(folder):
    (folder / "more" / "alpaca" / "new.jpg").touch()
    with pytest.raises(DatasetError, match=r"more/alpaca/new\.jpg"):
        read(folder)


@pytest.mark.parametrize("name", ["photos/PROVENANCE.csv", "camelids.csv", "kinds.csv"])
def test_a_missing_table_is_an_error(folder, name):
    (folder.parent / name).unlink()
    with pytest.raises(FileNotFoundError):
        read(folder)
