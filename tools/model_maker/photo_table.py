"""The photos that the shipped model is made from: where they are, what they show, and which may not be separated.

Three tables say so: `PROVENANCE.csv` beside the photos (the source of each), and in the project
`benchmarks/camelids.csv` (the species in each photo of an alpaca or a look-alike, agreed on in two independent passes,
and what makes it hard) and `benchmarks/kinds_of_photos.csv`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.training.data.dataset import DatasetError

LABELED: Final = ("article", "more", "extra")
"""Folders with the class folders `alpaca` and `not_alpaca`."""
LOOKALIKES: Final = ("lookalike/llama", "extra/lookalike")
"""Folders of llamas, vicuñas and undecidable animals: they train what a llama counts as, and are reported apart."""
UNLABELED: Final = "unlabeled"

WITH_LLAMAS: Final = "llamas-count"
"""The variant in which llamas and vicuñas count as alpacas, as in the data of the article."""
ALPACAS_ONLY: Final = "alpacas-only"
VARIANTS: Final = (WITH_LLAMAS, ALPACAS_ONLY)

_ALPACA: Final = "alpaca"
_LLAMAS: Final = ("llama", "vicuna")
_NO_ANIMAL: Final = "none"
_SUFFIXES: Final = (".jpg", ".jpeg", ".png")

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PhotoTable:
    """The photos, sorted by name.

    Attributes:
        root: the folder that the names are relative to.
        names: with slashes, such as "article/alpaca/0346463867a297f4.jpg".
        sources: what each photo came from; photos of one source are never on both sides of a split.
        species: "alpaca", "llama", "vicuna" (also guanacos), "unsure", "none", or "" where nobody looked for it.
        kinds: the kinds of each photo, for figures by kind.
    """

    root: Path
    names: tuple[str, ...]
    sources: tuple[str, ...]
    species: tuple[str, ...]
    kinds: tuple[frozenset[str], ...]

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [self.root / name for name in self.names]

    def under(self, *folders: str) -> Mask:
        """Return a mask of the photos in these folders, (n,)."""
        return np.array([name.startswith(tuple(f"{folder}/" for folder in folders)) for name in self.names])

    def of_kind(self, kind: str) -> Mask:
        """Return a mask of the photos of a kind, (n,)."""
        return np.array([kind in kinds for kinds in self.kinds])

    def of_species(self, *species: str) -> Mask:
        """Return a mask of the photos of these species, (n,)."""
        return np.array([each in species for each in self.species])

    @cached_property
    def lookalike(self) -> Mask:
        """The look-alikes, (n,)."""
        return self.under(*LOOKALIKES)

    @cached_property
    def labeled(self) -> Mask:
        """The photos in class folders, on which the model is measured, (n,)."""
        return self.under(*LABELED) & ~self.lookalike

    @cached_property
    def unlabeled(self) -> Mask:
        """The photos without a label, (n,)."""
        return self.under(UNLABELED)

    @cached_property
    def in_alpaca_folder(self) -> Integers:
        """The label that the class folder gives: 1 for alpaca, else 0, (n,)."""
        positive = self.under(*(f"{folder}/{_ALPACA}" for folder in LABELED))
        return positive.astype(np.int64)

    @cached_property
    def llamas(self) -> Mask:
        """Photos that show a llama, vicuña or guanaco by both labelers, (n,)."""
        return self.of_species(*_LLAMAS)

    def targets(self) -> Integers:
        """Return the label of each photo in each of VARIANTS, int64 (n, 2): 1, 0, or -1 for none to train on.

        What the labelers could not tell counts as it is filed; look-alikes and photos of `article` that they could not
        tell say nothing about alpacas alone. Photos filed under alpaca that show no camelid at all train nothing.
        """
        alpaca = self.of_species(_ALPACA)
        table = np.full((len(self.names), len(VARIANTS)), -1, dtype=np.int64)
        table[self.labeled] = self.in_alpaca_folder[self.labeled, np.newaxis]
        table[self.lookalike, 0] = 1
        table[self.lookalike & alpaca, 1] = 1
        table[self.llamas, 1] = 0
        unclear = self.under("article") & self.of_species("unsure")
        table[unclear, 1] = -1
        table[self.of_species(_NO_ANIMAL)] = -1
        return table


def read_photos(root: Path, *, species: Path, kinds: Path) -> PhotoTable:
    """Return the photos under `root`.

    Args:
        root: has the folders above and `PROVENANCE.csv`, whose columns are the file, its source and its license.
        species: `benchmarks/camelids.csv`, with the columns file, species and kinds (separated by spaces).
        kinds: `benchmarks/kinds_of_photos.csv`, with the columns photo (file name without suffix) and kind.

    Raises:
        DatasetError: a folder has no photos, or a photo has no source.
        OSError: a table can't be read.
    """
    folders = [root / name for name in (*LABELED, "lookalike", UNLABELED)]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES]
    names = sorted(path.relative_to(root).as_posix() for path in files)
    for folder in folders:
        if not any(name.startswith(f"{folder.name}/") for name in names):
            raise DatasetError(f"There are no photos in {folder.name}.")
    source = {row[0]: row[1] for row in _rows(root / "PROVENANCE.csv")}
    missing = [name for name in names if name not in source]
    if missing:
        raise DatasetError(f"PROVENANCE.csv says nothing about {missing[0]}.")
    animals = {row[0]: row for row in _rows(species)}
    by_stem = {row[0]: row[1] for row in _rows(kinds)}
    own_kinds = {row[0]: row[1] for row in _rows(root / "KINDS.csv")} if (root / "KINDS.csv").is_file() else {}
    found = []
    for name in names:
        row = animals.get(name)
        some = {by_stem.get(Path(name).stem, ""), own_kinds.get(name, ""), *(row[2].split() if row else ())}
        found.append(frozenset(some - {""}))
    return PhotoTable(
        root,
        tuple(names),
        tuple(source[name] for name in names),
        tuple(animals[name][1] if name in animals else "" for name in names),
        tuple(found),
    )


def _rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))[1:]


def source_groups(photos: PhotoTable, near: Integers) -> Integers:
    """Return a group number for each photo, (n,): photos of one source, and near-duplicates of others, share it.

    Args:
        photos: the photos.
        near: group of near-duplicates of each photo, (n,).
    """
    number = {source: place for place, source in enumerate(dict.fromkeys(photos.sources))}
    own = np.array([number[source] for source in photos.sources], dtype=np.int64)
    parent = np.arange(len(number))

    def root(group: int) -> int:
        while parent[group] != group:
            group = int(parent[group])
        return group

    for scene in np.unique(near):
        first, *others = np.unique(own[near == scene]).tolist()
        for other in others:
            parent[root(other)] = root(first)
    roots = np.array([root(int(group)) for group in own])
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)
