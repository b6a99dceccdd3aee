"""Summaries of exports and imports, for the window and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, join, ngettext, number

if TYPE_CHECKING:
    from alpacasorter.core.exchange.embedded import EmbedEnded
    from alpacasorter.core.exchange.label_import import ImportSummary
    from alpacasorter.core.exchange.sidecars import SidecarsEnded


def sidecar_summary(ended: SidecarsEnded) -> str:
    """Return what an export of sidecars did, or would do: "Done: 4 sidecars created, 0 changed and 2 up to date."."""
    if ended.dry_run:
        return _("Dry run: {counts}.").format(counts=join(_planned(ended)))
    if ended.stopped:
        return _("Stopped: {counts}.").format(counts=join(_done(ended)))
    return _("Done: {counts}.").format(counts=join(_done(ended)))


# The messages below are parts of a list of counts of sidecars. The first one names what is counted.


def _done(ended: SidecarsEnded) -> list[str]:
    from alpacasorter.core.exchange.sidecars import Change

    created, changed, same = (ended.count(change) for change in (Change.NEW, Change.CHANGED, Change.SAME))
    counts = [
        # Translators: this starts a list such as "4 sidecars created, 0 changed and 2 up to date".
        ngettext("{count} sidecar created", "{count} sidecars created", created).format(count=number(created)),
        # Translators: of sidecars, in a list of counts.
        ngettext("{count} changed", "{count} changed", changed).format(count=number(changed)),
        # Translators: of sidecars, in a list of counts.
        ngettext("{count} up to date", "{count} up to date", same).format(count=number(same)),
    ]
    if cleared := ended.count(Change.CLEARED, Change.DELETED):
        counts.append(
            # Translators: of sidecars, in a list of counts: what AlpacaSorter wrote earlier was removed.
            ngettext("{count} cleared", "{count} cleared", cleared).format(count=number(cleared))
        )
    if ended.failed:
        counts.append(
            # Translators: of sidecars, in a list of counts.
            ngettext("{count} could not be written", "{count} could not be written", ended.failed).format(
                count=number(ended.failed)
            )
        )
    return counts


def _planned(ended: SidecarsEnded) -> list[str]:
    from alpacasorter.core.exchange.sidecars import Change

    created, changed, same = (ended.count(change) for change in (Change.NEW, Change.CHANGED, Change.SAME))
    counts = [
        # Translators: this starts a list such as "4 sidecars would be created, 1 would be changed and 2 up to date".
        ngettext("{count} sidecar would be created", "{count} sidecars would be created", created).format(
            count=number(created)
        ),
        # Translators: of sidecars, in a list of counts.
        ngettext("{count} would be changed", "{count} would be changed", changed).format(count=number(changed)),
        # Translators: of sidecars, in a list of counts.
        ngettext("{count} up to date", "{count} up to date", same).format(count=number(same)),
    ]
    if cleared := ended.count(Change.CLEARED, Change.DELETED):
        counts.append(
            # Translators: of sidecars, in a list of counts.
            ngettext("{count} would be cleared", "{count} would be cleared", cleared).format(count=number(cleared))
        )
    if ended.failed:
        counts.append(
            # Translators: of sidecars, in a list of counts.
            ngettext("{count} can't be written", "{count} can't be written", ended.failed).format(
                count=number(ended.failed)
            )
        )
    return counts


def embedded_summary(ended: EmbedEnded) -> str:
    """Return what was done with the keywords in photos: "Keywords in JPEG files: 4 photos changed, …"."""
    from alpacasorter.core.exchange.sidecars import Change

    changed, cleared, same = (ended.count(change) for change in (Change.CHANGED, Change.CLEARED, Change.SAME))
    counts = [
        # Translators: this starts a list such as "4 photos changed, 1 as it was before and 2 up to date".
        ngettext("{count} photo changed", "{count} photos changed", changed).format(count=number(changed)),
        # Translators: of photos, in a list of counts: an earlier change was undone.
        ngettext("{count} as it was before", "{count} as they were before", cleared).format(count=number(cleared)),
        # Translators: of photos, in a list of counts.
        ngettext("{count} up to date", "{count} up to date", same).format(count=number(same)),
    ]
    if ended.failed:
        counts.append(
            # Translators: of photos, in a list of counts.
            ngettext("{count} could not be changed", "{count} could not be changed", ended.failed).format(
                count=number(ended.failed)
            )
        )
    if ended.dry_run:
        # Translators: {counts} is a list such as "4 photos changed and 2 up to date".
        return _("Keywords in JPEG files (dry run, nothing was changed): {counts}.").format(counts=join(counts))
    # Translators: {counts} is a list such as "4 photos changed and 2 up to date".
    return _("Keywords in JPEG files: {counts}.").format(counts=join(counts))


def import_summary(summary: ImportSummary) -> str:
    """Return what a file would change: "41 labels: 38 new, 2 the same as yours and 1 different from yours."."""
    if not summary.usable:
        if summary.not_corrected and len(skipped_labels(summary)) == 1:
            return _("All labels in this file are from a model, not from you.")
        return (
            _("None of the labels in this file can be imported.")
            if skipped_labels(summary)
            else _("This file has no labels to import.")
        )
    new, same, differing = len(summary.new), summary.same, len(summary.differing)
    # Translators: of labels in a file, in a list of counts.
    counts = [ngettext("{count} new", "{count} new", new).format(count=number(new))]
    if same:
        counts.append(
            # Translators: of labels in a file, in a list of counts.
            ngettext("{count} the same as yours", "{count} the same as yours", same).format(count=number(same))
        )
    if differing:
        counts.append(
            # Translators: of labels in a file, in a list of counts.
            ngettext("{count} different from yours", "{count} different from yours", differing).format(
                count=number(differing)
            )
        )
    return ngettext("{count} label: {counts}.", "{count} labels: {counts}.", summary.usable).format(
        count=number(summary.usable), counts=join(counts)
    )


def skipped_labels(summary: ImportSummary) -> list[str]:
    """Return why some labels in a file are not imported, a sentence for each reason."""
    names = join([display_path(name) for name in summary.unknown_names])
    sentences = (
        (
            summary.not_corrected,
            ngettext(
                "{count} label was skipped: it is from a model, or the confidence is too low.",
                "{count} labels were skipped: they are from a model, or the confidence is too low.",
                summary.not_corrected,
            ),
        ),
        (
            summary.unknown,
            ngettext(
                "{count} label was skipped: the model in use does not have this class ({names}).",
                "{count} labels were skipped: the model in use does not have these classes ({names}).",
                summary.unknown,
            ),
        ),
        (
            summary.contradictory,
            ngettext(
                "{count} photo was skipped: the file has two labels for it.",
                "{count} photos were skipped: the file has two labels for them.",
                summary.contradictory,
            ),
        ),
        (
            summary.not_found,
            ngettext(
                "{count} label was skipped: its photo was not found.",
                "{count} labels were skipped: their photos were not found.",
                summary.not_found,
            ),
        ),
        (
            summary.broken,
            ngettext(
                "{count} row was skipped: it is invalid.",
                "{count} rows were skipped: they are invalid.",
                summary.broken,
            ),
        ),
    )
    return [sentence.format(count=number(count), names=names) for count, sentence in sentences if count]


def imported(made: int, unseen: int) -> str:
    """Return that labels were imported.

    Args:
        made: number of labels.
        unseen: how many of their photos have not been scanned on this computer.
    """
    said = ngettext("{count} label was imported.", "{count} labels were imported.", made).format(count=number(made))
    if not unseen:
        return said
    later = ngettext(
        "{count} of them is of a photo that has not been scanned on this computer yet. AlpacaSorter learns from it "
        "when it is.",
        "{count} of them are of photos that have not been scanned on this computer yet. AlpacaSorter learns from them "
        "when they are.",
        unseen,
    ).format(count=number(unseen))
    return f"{said} {later}"
