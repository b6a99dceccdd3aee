"""The figures of a test in plain words, the same in window, report and command line."""

from __future__ import annotations

from alpacasorter.ml.metrics import Confusion, class_figures


def share(value: float | None) -> str:
    """Return 0.9724 as "97.2%". It says 100% of nothing but all, 0% of nothing but none, and "none" of None."""
    if value is None:
        return "none"
    if 0.0 < value < 1.0:
        value = min(max(value, 0.001), 0.999)
    return f"{value:.1%}" if 0.0 < value < 1.0 else f"{value:.0%}"


def in_words(counts: Confusion, class_names: tuple[str, str]) -> str:
    """Return what came out, such as "97 of 100 photos judged right. Alpaca: 38 of 40 found. …".

    Args:
        counts: at the threshold in use.
        class_names: what people read for the negative and the positive class.
    """
    figures = class_figures(counts)
    total = sum(of_class.n for of_class in figures)
    if not total:
        return "There was no photo to judge."
    right = counts.tp + counts.tn
    first = f"{right:,} of {total:,} {'photo' if total == 1 else 'photos'} judged right ({share(right / total)})."
    # The positive class first: it is what people look for.
    named = list(zip(class_names, figures, strict=True))[::-1]
    return " ".join([first, *(f"{name}: {of.found:,} of {of.n:,} found." for name, of in named if of.n)])
