"""Wording of the versions: what was learned, in sentences and in the cells of the table."""

from __future__ import annotations

from alpacasorter.ml.learning.versions import SHIPPED, LearningState, SelfCheck, Version
from alpacasorter.ui import text

PROMISE = (
    "Going back changes only what the model learns from; your corrections keep their tags. How right it is after"
    " learning is measured honestly: each correction is judged without having been learned from."
)
NOTHING = (
    "Nothing learned yet. Click on a wrong tag, and the model learns from it at once. "
    "Each version of what it has learned is kept here, so that you can go back to it."
)


def summary(state: LearningState) -> str:
    """Return what was learned and how much it helps, in a few sentences."""
    if not state.corrections:
        return NOTHING
    said = [_current(state)]
    if state.set_aside:
        said.append(text.set_aside(state.set_aside))
    if state.waiting:
        photos = "a photo" if state.waiting == 1 else "photos"
        said.append(
            f"{text.count(state.waiting, 'correction')} {'is' if state.waiting == 1 else 'are'} of {photos} that this"
            " model has not seen yet; it learns from them when their folder is opened."
        )
    return "\n".join(said)


def _current(state: LearningState) -> str:
    if not state.learned:
        return "The model is as it came."
    check = state.current.check if state.current else None
    if check is None:
        return f"Learned from {text.count(state.learned, 'correction')}. How much that helps is being measured…"
    return _measured(check)


def _measured(check: SelfCheck) -> str:
    count = f"your {text.count(check.corrections, 'correction')}" if check.corrections > 1 else "your one correction"
    if check.after is None:
        why = "It is" if check.corrections == 1 else "They are all of one scene, which is"
        return f"Learned from {count}. {why} too little to tell how much that helps."
    words = f"On {count} the model as it came is right on {check.before:,}, after learning on {check.after:,}."
    if check.after <= check.before:
        words += " It takes some more until that is seen on photos it was not told about."
    if check.still_wrong:
        of_them = "it" if check.corrections == 1 else f"{check.still_wrong:,} of them"
        words += f" By itself it would still get {of_them} wrong; there your tags count."
    return words


def when(version: Version) -> str:
    """Return when a version was made."""
    return "As it came" if version.id == SHIPPED else text.moment(version.made_at)


def learned_from(version: Version) -> str:
    """Return from how much a version has learned."""
    return text.count(version.corrections, "correction") if version.corrections else "no correction"


def figures(version: Version) -> str:
    """Return before and after of a version: "9 → 19 of 23"."""
    check = version.check
    if check is None:
        return "" if version.id == SHIPPED else "not measured"
    if check.after is None:
        return "too few to tell"
    return f"{check.before:,} → {check.after:,} of {check.corrections:,}"


def spoken(version: Version) -> str:
    """Return a version in words, for tool tips and screen readers."""
    said = f"{when(version)}, {learned_from(version)}"
    if version.check is not None and version.check.after is not None:
        said += f", right on {version.check.before:,} before and {version.check.after:,} after learning"
    return said + (", in use" if version.current else "")
