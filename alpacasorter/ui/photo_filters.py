"""Which photos of the open folder are shown, and in which order."""

from __future__ import annotations

import enum

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, pgettext


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
    TAKEN = "taken"
    DOUBTFUL = "doubtful"


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
