"""Which photos of the open folder are shown, and in which order."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, pgettext
from alpacasorter.ui.photo_query import EVERYTHING, Query


class Filter(enum.Enum):
    """Which photos are shown."""

    ALL = "all"
    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNSURE = "unsure"
    CORRECTED = "corrected"
    PROBLEMS = "problems"
    CHANGED = "changed"
    NEW = "new"


class Order(enum.Enum):
    """The order in which photos are shown."""

    FOLDER = "folder"
    NAME = "name"
    TAKEN = "taken"
    CONFIDENCE = "confidence"
    DOUBTFUL = "doubtful"

    @property
    def can_descend(self) -> bool:
        """Whether there is the same order from the other end; the most unsure photos always come first."""
        return self is not Order.DOUBTFUL


@dataclass(frozen=True, slots=True)
class View:
    """Which photos of the open folder are listed, and in which order.

    Attributes:
        filter: the filter.
        order: the order that was chosen; new photos are listed in another one, see `sorted_by`.
        descending: whether it begins at its other end: with the latest photo, with the last name.
        query: what is searched for among the photos of the filter.
    """

    filter: Filter = Filter.ALL
    order: Order = Order.FOLDER
    descending: bool = False
    query: Query = EVERYTHING

    @property
    def sorted_by(self) -> Order:
        """The order of what is listed: new photos always start with the least certain one."""
        return Order.DOUBTFUL if self.filter is Filter.NEW else self.order

    @property
    def reversed(self) -> bool:
        """Whether what is listed begins at the other end of `sorted_by`."""
        return self.descending and self.sorted_by.can_descend


def unknown_labels() -> LabelSet:
    """Return labels to show until the model is open."""
    return LabelSet("negative", "positive", {"negative": _("Negative"), "positive": _("Positive")})


def filter_names(labels: LabelSet) -> dict[Filter, str]:
    """Return the names of the filters; `labels` are those of the model in use."""
    return {
        # Translators: the filter that shows all photos.
        Filter.ALL: pgettext("filter", "All"),
        Filter.POSITIVE: labels.display(labels.positive),
        Filter.NEGATIVE: labels.display(labels.negative),
        Filter.UNSURE: pgettext("filter", "Unsure"),
        Filter.CORRECTED: pgettext("filter", "Labeled by you"),
        Filter.PROBLEMS: pgettext("filter", "Problems"),
        Filter.CHANGED: pgettext("filter", "Changed"),
        Filter.NEW: pgettext("filter", "New"),
    }
