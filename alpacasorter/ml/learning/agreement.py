"""Which variant of a model the user's corrections suggest: one that would not have needed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alpacasorter.ml.learning.corrections import Vector
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head


@dataclass(frozen=True, slots=True)
class Agreement:
    """Corrections that another variant of the model would not have needed: the user may mean that one.

    Attributes:
        variant: its name.
        photos: content keys of the corrected photos asked about that it labels as the user does, while the variant in
            use, as shipped, does not.
        corrections: how many of all the user's corrections, in all folders, this holds for.
        against: how many of them it is the other way around for.
    """

    variant: str
    photos: tuple[str, ...]
    corrections: int
    against: int


def find_agreements(
    bundle: Bundle, corrections: Mapping[str, tuple[Vector, str]], asked: Mapping[str, str]
) -> tuple[Agreement, ...]:
    """Return the variants that are right about a photo asked about that the one in use, as shipped, is wrong about.

    Args:
        bundle: the model, with the variant in use.
        corrections: embedding and label of each corrected photo, by the key that its correction is stored with.
        asked: content keys of the photos asked about, by the same key.

    Returns:
        The variant that is right about the most corrections first, less those that only the one in use is right about.
    """
    if bundle.variants is None or not corrections:
        return ()

    def right(head: Head, among: Mapping[str, tuple[Vector, str]]) -> npt.NDArray[np.bool_]:
        embeddings = np.stack([vector for vector, _label in among.values()]).astype(np.float32)
        wanted = np.array([label == bundle.positive_label for _vector, label in among.values()])
        return np.asarray((head.probability(embeddings) >= bundle.threshold) == wanted)

    few = {key: corrections[key] for key in asked if key in corrections}
    # Usually the one in use is right, or none is: then there is no need to look at thousands.
    if not few or (own_few := right(bundle.head, few)).all():
        return ()
    found = list[Agreement]()
    for variant in bundle.variants.choices:
        gained = right(variant.head, few) & ~own_few
        photos = tuple(asked[key] for key, gain in zip(few, gained, strict=True) if gain)
        if photos:
            own, other = right(bundle.head, corrections), right(variant.head, corrections)
            found.append(Agreement(variant.name, photos, int((other & ~own).sum()), int((own & ~other).sum())))
    return tuple(sorted(found, key=lambda one: one.against - one.corrections))
