"""What is searched for in the open folder: words, dates, how sure the model is. Plain Python, no Qt."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

_PLAIN: Final = str.maketrans("łøđðħŧ\u0131\\", "loddhti/", "") | {ord("æ"): "ae", ord("œ"): "oe", ord("þ"): "th"}
"""Letters that have no accent to leave out, but which people type without their stroke."""

Range = tuple[float, float]
"""From (included) to (not included, unless it is the end of the scale)."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which photos are found; all conditions must hold.

    Attributes:
        words: as `words_of` returns them; each must be in the name of the photo or the folders that lead to it.
        taken: when it was taken, seconds since 1970 by the clock of the place; photos without a date don't match.
        undated: whether the photo must have no date.
        probability: calibrated probability of the positive class, 0 to 1; photos without a prediction don't match.
    """

    words: tuple[str, ...] = ()
    taken: Range | None = None
    undated: bool = False
    probability: Range | None = None

    def __bool__(self) -> bool:
        """Return whether there is any condition."""
        return self != EVERYTHING

    def admits(self, sought: str, seconds: float, probability: float | None) -> bool:
        """Return whether a photo is found.

        Args:
            sought: its name and folders, as `folded` returns them.
            seconds: when it was taken, seconds since 1970; not a number if that is not known.
            probability: of the positive class, 0 to 1, or None.
        """
        if not all(word in sought for word in self.words):
            return False
        if self.taken is not None and not self.taken[0] <= seconds < self.taken[1]:
            return False
        # Only "not a number" differs from itself.
        if self.undated and seconds == seconds:
            return False
        if self.probability is None:
            return True
        least, most = self.probability
        return probability is not None and least <= probability and (probability < most or most >= 1.0)


EVERYTHING: Final = Query()
"""No condition."""


def folded(text: str) -> str:
    """Return a text without accents, case and other differences that people ignore when they search."""
    if text.isascii():
        return text.lower().replace("\\", "/")
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in bare if not unicodedata.combining(letter)).casefold().translate(_PLAIN)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of what the user typed, as a query needs them."""
    return tuple(dict.fromkeys(folded(text).split()))
