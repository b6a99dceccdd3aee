"""What the window and the command line say about photos, scans, learning and the device."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter import i18n
from alpacasorter.core.events import Finished, Learned, LearningAgain, Progress, Relearned
from alpacasorter.core.files import display_path
from alpacasorter.core.taken import DateSource, Taken
from alpacasorter.i18n import _, day, moment, ngettext, number

if TYPE_CHECKING:
    from alpacasorter.core.labels import LabelSet

BETWEEN = " · "
"""Stands between facts that are shown in one line."""


# The open folder


def photos(value: int) -> str:
    """Return "1 photo", "1,200 photos"."""
    return ngettext("{count} photo", "{count} photos", value).format(count=number(value))


def files(value: int) -> str:
    """Return "1 file", "1,200 files"."""
    return ngettext("{count} file", "{count} files", value).format(count=number(value))


def problems(value: int) -> str:
    """Return "1 problem", "12 problems"."""
    return ngettext("{count} problem", "{count} problems", value).format(count=number(value))


def tagged(value: int) -> str:
    """Return "1 photo tagged", "12 photos tagged": those that are not counted could not be."""
    return ngettext("{count} photo tagged", "{count} photos tagged", value).format(count=number(value))


def now(judged: int, unreadable: int) -> str:
    """Return what the open folder contains, in one line.

    Args:
        judged: photos with a tag.
        unreadable: photos and folders that could not be read.
    """
    return BETWEEN.join([tagged(judged), problems(unreadable)] if unreadable else [photos(judged)])


def taken(value: Taken) -> str:
    """Return when a photo was taken, and where that is from unless it is the camera, as a line."""
    return {
        DateSource.CAMERA: _("Taken {moment}"),
        DateSource.DIGITIZED: _("Digitized {moment}"),
        DateSource.CHANGED: _("Last saved {moment}"),
        DateSource.METADATA: _("Taken {moment}, according to another program"),
        DateSource.GPS: _("Taken {moment}, according to GPS"),
        DateSource.NAME: _("Taken {moment}, according to its name"),
        DateSource.UNSET: _("Dated {moment}: the camera's clock was probably never set"),
    }[value.source].format(moment=taken_moment(value))


def date_note(value: Taken) -> str:
    """Return the date that decides about the folder of a photo, and where it is from unless it is the camera."""
    return {
        DateSource.CAMERA: "{moment}",
        DateSource.DIGITIZED: _("{moment} (digitized)"),
        DateSource.CHANGED: _("{moment} (last saved)"),
        DateSource.METADATA: _("{moment} (from another program)"),
        DateSource.GPS: _("{moment} (GPS)"),
        DateSource.NAME: _("{moment} (from its name)"),
        DateSource.UNSET: _("{moment} (clock probably never set)"),
    }[value.source].format(moment=taken_moment(value))


def taken_moment(value: Taken) -> str:
    """Return the moment itself; a day if its time is not known."""
    return moment(value.moment) if value.has_time else day(value.moment.date())


def arrived(new: int, unsure: int) -> str:
    """Return how many photos have arrived in the open folder, and how many of them the model is unsure about."""
    if unsure == 0:
        return ngettext("{count} new photo.", "{count} new photos.", new).format(count=number(new))
    if new == 1:
        return _("1 new photo, which is unsure.")
    return ngettext(
        "{count} new photo, {unsure} of them unsure.", "{count} new photos, {unsure} of them unsure.", new
    ).format(count=number(new), unsure=number(unsure))


def sorted_folders(value: int) -> str:
    """Return that the photos in `value` folders are not shown, because an earlier sort put them there."""
    return ngettext(
        "Photos in {count} folder made by an earlier sort are not shown. Open that folder to see them.",
        "Photos in {count} folders made by an earlier sort are not shown. Open one of those folders to see its photos.",
        value,
    ).format(count=number(value))


def skipped_words(finished: Finished) -> list[str]:
    """Return how many folders with a ".nomedia" file, and what of the user's own patterns, a scan has skipped."""
    said = []
    if finished.nomedia_folders:
        words = ngettext(
            "{count} folder with a .nomedia file skipped",
            "{count} folders with a .nomedia file skipped",
            finished.nomedia_folders,
        )
        said.append(words.format(count=number(finished.nomedia_folders)))
    if finished.left_out:
        words = ngettext(
            "{count} file or folder left out, as you chose",
            "{count} files and folders left out, as you chose",
            finished.left_out,
        )
        said.append(words.format(count=number(finished.left_out)))
    return said


def offline(path: Path) -> str:
    """Return that the open folder can't be reached at the moment."""
    name = display_path(path.name or path)
    return _(
        "The folder {name} is not available right now. Its photos stay listed. Reconnect the drive if it was unplugged."
    ).format(name=name)


# Scans


def progress(event: Progress) -> str:
    """Return how far a scan is: photos done, photos per second, time left."""
    parts = [
        ngettext("{done} of {total} photo", "{done} of {total} photos", event.total).format(
            done=number(event.done), total=number(event.total)
        )
    ]
    if event.per_second >= 1:
        parts.append(_("{number} photos/s").format(number=number(round(event.per_second))))
    if event.seconds_left is not None and event.done < event.total:
        parts.append(time_left(event.seconds_left))
    return BETWEEN.join(parts)


def time_left(seconds: float) -> str:
    """Return how much longer something will take: "3 min left"."""
    # Translators: {time} is as in "8 s" or "3 min".
    return _("{time} left").format(time=i18n.duration(seconds))


def finished(event: Finished) -> str:
    """Return what a scan found, in one line."""
    if event.total == 0 and event.unreadable == 0:
        return _("No photos here")
    parts = [tagged(event.judged) if event.unreadable else photos(event.judged)]
    if event.canceled:
        done = min(event.total, event.judged + event.unreadable)
        stopped = ngettext(
            "Stopped after {done} of {total} photo; rescan (F5) to continue",
            "Stopped after {done} of {total} photos; rescan (F5) to continue",
            event.total,
        )
        parts.insert(0, stopped.format(done=number(done), total=number(event.total)))
    if event.unreadable:
        parts.append(problems(event.unreadable))
    if event.left_alone:
        ignored = ngettext("{count} other file ignored", "{count} other files ignored", event.left_alone)
        parts.append(ignored.format(count=number(event.left_alone)))
    return BETWEEN.join(parts)


# Learning


def learned(
    event: Learned,
    flipped: int,
    changed: int,
    more_unsure: int = 0,
    *,
    done: str = "",
    given: Collection[str | None] | None = None,
) -> str:
    """Return what was learned from a correction, and how many tags it changed.

    Args:
        event: what was learned.
        flipped: photos in the folder whose tag is another one now because of it; copies of a photo count separately.
        changed: photos in the folder whose tag has changed since they were opened or marked as seen.
        more_unsure: how many more photos in the folder are unsure now.
        done: what the user did, if that is to be said first, in a sentence.
        given: the labels that photos have just been given, None for each that was removed; None if it was learned
            from something else.
    """
    if event.relearned is not None:
        said = [_relearned(event.relearned, event.corrections), _changed(flipped)]
    elif event.variant is not None:
        # What was switched to is said before this, in the words of the model.
        said = [_changed(flipped)]
    else:
        said = [_learned_from(event.corrections, given, told=bool(done)), _other_changed(flipped)]
    said.insert(0, done)
    if more_unsure > 0:
        unsure = ngettext("{count} more photo is unsure now.", "{count} more photos are unsure now.", more_unsure)
        said.append(unsure.format(count=number(more_unsure)))
    if changed and changed != flipped:
        said.append(to_review(changed))
    return " ".join(filter(None, said))


def _learned_from(corrections: int, given: Collection[str | None] | None, *, told: bool) -> str:
    """Return what the model has just learned from; if that is not known, from how many labels in all folders."""
    if corrections == 0:
        return _("Back to the original model.")
    if told:
        return ""
    if given is None:
        return ngettext(
            "The model has now learned from your label of {count} photo.",
            "The model has now learned from your labels of {count} photos.",
            corrections,
        ).format(count=number(corrections))
    if labels := sum(label is not None for label in given):
        words = ngettext("Learned from your label.", "Learned from your labels of {count} photos.", labels)
        return words.format(count=number(labels))
    words = ngettext("Removed your label.", "Removed your labels from {count} photos.", len(given))
    return words.format(count=number(len(given)))


def to_review(changed: int) -> str:
    """Return how many tags have changed since the folder was opened or they were marked as seen."""
    if not changed:
        return _("No changed tags to review.")
    return ngettext("{count} changed tag to review.", "{count} changed tags to review.", changed).format(
        count=number(changed)
    )


def many_flipped(actions: Sequence[str], flipped: int, total: int) -> str:
    """Return that corrections changed many other tags.

    Args:
        actions: what was done, such as "Not alpaca on IMG_0034.jpg".
        flipped: how many other tags that changed.
        total: photos with a tag in the folder.
    """
    return ngettext(
        "{action}: this changed {count} other tag, which is {share} of the {total} photos in this folder.",
        "{action}: this changed {count} other tags, which is {share} of the {total} photos in this folder.",
        flipped,
    ).format(
        action=i18n.join(actions), count=number(flipped), share=i18n.share(flipped / total, 0), total=number(total)
    )


def _changed(changed: int) -> str:
    if not changed:
        return _("No tags changed.")
    return ngettext("{count} tag changed.", "{count} tags changed.", changed).format(count=number(changed))


def _other_changed(changed: int) -> str:
    if not changed:
        return _("No other tags changed.")
    return ngettext("{count} other tag changed.", "{count} other tags changed.", changed).format(count=number(changed))


def _relearned(event: Relearned, corrections: int) -> str:
    if event.version is None:
        return ngettext(
            "Learning from your {count} correction again.", "Learning from all {count} corrections again.", corrections
        ).format(count=number(corrections))
    if not event.version:
        said = [_("Back to the original model.")]
    else:
        said = [_("Back to the version of {moment}.").format(moment=i18n.moment(event.version))]
    if event.gone:
        said.append(
            ngettext(
                "{count} of its corrections was removed or changed since then and is left out.",
                "{count} of its corrections were removed or changed since then and are left out.",
                event.gone,
            ).format(count=number(event.gone))
        )
    if event.set_aside:
        said.append(set_aside(event.set_aside))
    return " ".join(said)


def set_aside(value: int) -> str:
    """Return that `value` newer corrections still count as tags, but that nothing is learned from them."""
    return ngettext(
        "{count} newer correction keeps its tag, but nothing is learned from it.",
        "{count} newer corrections keep their tags, but nothing is learned from them.",
        value,
    ).format(count=number(value))


def learning_again(event: LearningAgain) -> str:
    """Return how far the model is with learning the corrections again that were made with another one."""
    return ngettext(
        "Learning your {count} correction again for this model: {done} of {count}.",
        "Learning your {count} corrections again for this model: {done} of {count}.",
        event.total,
    ).format(count=number(event.total), done=number(event.learned))


def until_learned_again() -> str:
    """Return what the tags are worth until the corrections are learned again."""
    return _("Until then, tags of other photos may be worse than before. Your own labels stay.")


def learned_again(event: LearningAgain) -> str:
    """Return how many corrections were learned again, and why the others were not."""
    if not event.learned:
        return corrections_waiting(event.waiting)
    if not event.waiting:
        return ngettext(
            "Learned your {count} correction again for this model.",
            "Learned your {count} corrections again for this model.",
            event.total,
        ).format(count=number(event.total))
    said = ngettext(
        "Learned {done} of your {count} correction again for this model.",
        "Learned {done} of your {count} corrections again for this model.",
        event.total,
    ).format(count=number(event.total), done=number(event.learned))
    return f"{said} {corrections_waiting(event.waiting)}"


def learned_late() -> str:
    """Return that photos of earlier corrections were found only when others had been judged."""
    return _(
        "The model has learned from earlier corrections whose photos it has just found in this folder. The photos"
        " before them were judged without these; scan the folder again to include them."
    )


def corrections_waiting(count: int) -> str:
    """Return that corrections can't be learned from yet, and when they will be; empty if there are none."""
    if not count:
        return ""
    return ngettext(
        "{count} correction keeps its label but is not learned from yet, because its photo was not found. The model"
        " learns from it when the folder with the photo is opened, or at the next start if the photo is back in its"
        " place.",
        "{count} corrections keep their labels but are not learned from yet, because their photos were not found. The"
        " model learns from them when the folders with the photos are opened, or at the next start if the photos are"
        " back in their places.",
        count,
    ).format(count=number(count))


def variant(setting: str, value: str) -> str:
    """Return which variant of a model is in use.

    Args:
        setting: what the variants of the model are about, in its own words.
        value: what the one in use is called.
    """
    # Translators: a setting and its value, such as "Ponies count as: Not horse".
    return _("{setting}: {value}").format(setting=setting, value=value)


# Device, paths, keys


def device(kind: str, threads: int, milliseconds: float) -> str:
    """Return which device judges photos, and how fast.

    Args:
        kind: "cpu" or "gpu".
        threads: of the CPU.
        milliseconds: time per photo; 0 if unknown.
    """
    if kind == "gpu":
        name = _("GPU")
    else:
        name = ngettext("CPU, {count} thread", "CPU, {count} threads", threads).format(count=number(threads))
    if not milliseconds:
        return name
    # Translators: {device} is as in "GPU" or "CPU, 4 threads".
    return _("{device}, {milliseconds} ms per photo").format(device=name, milliseconds=i18n.decimal(milliseconds))


def folder(path: Path) -> str:
    """Return a path for display, with ~ for the home folder."""
    try:
        return display_path(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return display_path(path)


CONFIRM_KEY = "C"
WHY_KEY = "W"
OTHER_KEYS = frozenset((CONFIRM_KEY, WHY_KEY, "X", "Z"))
"""Letters that act on photos whatever their labels are: confirm, why, compare, zoom."""


def key_for(labels: LabelSet, label: str) -> str:
    """Return the key that tags a photo: the initials of the two names, or 1 and 2 if those can't tell them apart.

    They can't if they are the same, no letters, or one of the letters that do something else with photos.
    """
    first = {name: labels.display(name)[:1].upper() for name in labels.names}
    usable = all(f.isalpha() and f not in OTHER_KEYS for f in first.values())
    if usable and first[labels.positive] != first[labels.negative]:
        return first[label]
    return "1" if label == labels.positive else "2"
