"""Why something could not be done with a file or folder: codes, and the sentence for each.

A reason is a code such as "file-empty", followed by its arguments as JSON. The cache and the journal store codes, and
processes send them; `sentence` turns one into words. Anything else is shown as it is, as sentences of earlier versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from alpacasorter import i18n
from alpacasorter.core import trash_reasons
from alpacasorter.core.taken import DateSource
from alpacasorter.i18n import _, ngettext

EMPTY: Final = "file-empty"
BLANK: Final = "file-blank"
VANISHED: Final = "file-vanished"
NO_PERMISSION: Final = "file-no-permission"
IN_USE: Final = "file-in-use"
IS_FOLDER: Final = "file-is-folder"
NOT_REGULAR: Final = "file-not-regular"
TOO_MANY_BYTES: Final = "file-too-many-bytes"
CLOUD_ONLY: Final = "file-cloud-only"
BROKEN_LINK: Final = "file-broken-link"
LINK_LOOP: Final = "file-link-loop"
DISK_FAULT: Final = "file-disk-fault"
NETWORK_FAULT: Final = "file-network-fault"
NAME_TOO_LONG: Final = "file-name-too-long"
TOO_MANY_OPEN: Final = "file-too-many-open"
NOT_OPENED: Final = "file-not-opened"

TRUNCATED: Final = "picture-truncated"
DAMAGED: Final = "picture-damaged"
UNKNOWN_KIND: Final = "picture-unknown-kind"
NOT_A_PICTURE: Final = "picture-none"
TOO_MANY_PIXELS: Final = "picture-too-many-pixels"
TOO_COMPLEX: Final = "picture-too-complex"
TOO_SLOW: Final = "picture-too-slow"
NO_MEMORY: Final = "picture-no-memory"
RAW_ALONE: Final = "picture-raw"
MODEL_FAILED: Final = "photo-model-failed"
UNEXPECTED: Final = "photo-unexpected"
NOT_JUDGED: Final = "picture-not-judged"

SAVE_DISK_FULL: Final = "save-disk-full"
SAVE_READ_ONLY: Final = "save-read-only"
SAVE_NO_PERMISSION: Final = "save-no-permission"
SAVE_FOLDER_MISSING: Final = "save-folder-missing"
SAVE_IS_FOLDER: Final = "save-is-folder"
SAVE_NAME_TOO_LONG: Final = "save-name-too-long"
NOT_SAVED: Final = "save-failed"

FOLDER_MISSING: Final = "folder-missing"
FOLDER_VANISHED: Final = "folder-vanished"
NOT_A_FOLDER: Final = "folder-is-file"
FOLDER_NO_PERMISSION: Final = "folder-no-permission"
FOLDER_DISK_FAULT: Final = "folder-disk-fault"
FOLDER_NOT_OPENED: Final = "folder-not-opened"

CHANGED: Final = "sort-changed"
TAKEN: Final = "sort-name-taken"
IS_LINK: Final = "sort-is-link"
SORT_NOT_REGULAR: Final = "sort-not-regular"
SORT_IN_USE: Final = "sort-in-use"
TARGET_TOO_LONG: Final = "sort-target-too-long"
TARGET_REFUSED: Final = "sort-target-refused"
TOO_LARGE: Final = "sort-too-large"
NOT_THE_SAME: Final = "sort-not-the-same"
NO_HARD_LINKS: Final = "sort-no-hard-links"
LINK_ACROSS_DISKS: Final = "sort-link-across-disks"
NO_SYMLINKS: Final = "sort-no-symlinks"
TARGET_FOLDER_GONE: Final = "sort-target-folder-gone"
NOT_WRITTEN: Final = "sort-not-written"
CHANGED_THERE: Final = "sort-changed-there"
GONE_THERE: Final = "sort-gone-there"
PLACE_TAKEN: Final = "sort-place-taken"
COPY_GONE: Final = "sort-copy-gone"
ORIGINAL_GONE: Final = "sort-original-gone"
ORIGINAL_CHANGED: Final = "sort-original-changed"
UNSETTLED: Final = "sort-unsettled"
_LEFT_WITH: Final = "sort-left-with"
_STAYS_WITH: Final = "sort-stays-with"
NO_WRITING: Final = "sort-no-writing"
NO_REMOVING: Final = "sort-no-removing"
_IS_SOMETHING: Final = "picture-is"

SIDECAR_DAMAGED: Final = "sidecar-damaged"
SIDECAR_UNKNOWN_FORM: Final = "sidecar-unknown-form"
SIDECAR_DOCTYPE: Final = "sidecar-doctype"
SIDECAR_ENCODING: Final = "sidecar-encoding"
SIDECAR_IS_LINK: Final = "sidecar-is-link"
SIDECAR_NOT_REGULAR: Final = "sidecar-not-regular"
SIDECAR_TOO_LARGE: Final = "sidecar-too-large"
SIDECAR_WRITE_PROTECTED: Final = "sidecar-write-protected"
SIDECAR_CLOUD_ONLY: Final = "sidecar-cloud-only"
SIDECAR_CHANGED: Final = "sidecar-changed"
SIDECAR_ELSEWHERE: Final = "sidecar-elsewhere"
SIDECAR_NO_PHOTO: Final = "sidecar-no-photo"
EXIFTOOL_FAILED: Final = "exiftool-failed"
PICTURE_WOULD_CHANGE: Final = "photo-picture-would-change"
PHOTO_CHANGED: Final = "photo-changed"
PHOTO_WRITE_PROTECTED: Final = "photo-write-protected"
PHOTO_HARD_LINKED: Final = "photo-hard-linked"

# Why a sort stops; in each, `folder` is a path as it is shown.
SORT_FOLDER_GONE: Final = "sort-folder-gone"
DISK_FULL: Final = "sort-disk-full"
DISK_READ_ONLY: Final = "sort-disk-read-only"
DISK_NOT_RESPONDING: Final = "sort-disk-not-responding"
DISK_ERROR: Final = "sort-disk-error"
FOLDER_NOT_MADE: Final = "sort-folder-not-made"
FOLDER_NOT_WRITTEN: Final = "sort-folder-not-written"
FOLDER_NOT_SYNCED: Final = "sort-folder-not-synced"

# Why a plan leaves a photo, or gives it another name.
LABEL_STAYS: Final = "plan-label-stays"
DIFFERENT_TAGS_STAY: Final = "plan-different-tags-stay"
UNSURE_STAYS: Final = "plan-unsure-stays"
UNREADABLE_STAYS: Final = "plan-unreadable-stays"
OTHER_OWNER: Final = "plan-other-owner"
FILES_NO_PERMISSION: Final = "plan-files-no-permission"
COMPANION: Final = "plan-companion"
TARGET_NOT_OPENED: Final = "plan-target-not-opened"
TARGET_IS_FILE: Final = "plan-target-is-file"
NAMES_CLASH: Final = "plan-names-clash"
SAME_THERE: Final = "plan-same-there"
SAME_PLANNED: Final = "plan-same-planned"
LINK_THERE: Final = "plan-link-there"
NAME_TAKEN: Final = "plan-name-taken"
NAME_NOT_ALLOWED: Final = "plan-name-not-allowed"
NAME_NOT_ALLOWED_AND_TAKEN: Final = "plan-name-not-allowed-and-taken"
NAME_SHORTENED: Final = "plan-name-shortened"

# What the user should know about a plan.
SOURCE_READ_ONLY: Final = "plan-source-read-only"
TARGET_READ_ONLY: Final = "plan-target-read-only"
NO_LABEL: Final = "plan-no-label"
WINDOWS_LINKS: Final = "plan-windows-links"
SAME_FOLDER: Final = "plan-same-folder"
UNSURE_PHOTOS: Final = "plan-unsure-photos"
UNREADABLE_PHOTOS: Final = "plan-unreadable-photos"
TAGS_DIFFER: Final = "plan-tags-differ"
TAGS_DIFFER_APART: Final = "plan-tags-differ-apart"
TAGS_DIFFER_LEFT: Final = "plan-tags-differ-left"
LEFT_BESIDE: Final = "plan-left-beside"
NO_DATE: Final = "plan-no-date"
NO_CAMERA: Final = "plan-no-camera"
CLOCK_CORRECTED: Final = "plan-clock-corrected"
DATES_FROM: Final = {
    DateSource.UNSET: "plan-dates-unset",
    DateSource.NAME: "plan-dates-name",
    DateSource.CHANGED: "plan-dates-changed",
    DateSource.DIGITIZED: "plan-dates-digitized",
    DateSource.METADATA: "plan-dates-metadata",
    DateSource.GPS: "plan-dates-gps",
}
"""What is said of dates that the camera did not note as the moment when the photo was taken."""
NO_SPACE: Final = "plan-no-space"
SCANNED_AGAIN: Final = "plan-scanned-again"


def code(name: str, /, **arguments: str | int | Sequence[str]) -> str:
    """Return a reason with arguments, as it is stored.

    An argument is text that is shown as it is, except: `why` is a reason itself, `names` are several names or reasons,
    `count` is a number, `needed` and `free` are bytes.
    """
    return f"{name} {json.dumps(arguments)}" if arguments else name


def sentence(reason: str) -> str:
    """Return a reason in words for the user, in the language in use; what is not a code is returned as it is."""
    name, _space, arguments = reason.partition(" ")
    words = _sentences(i18n.language()).get(name)
    if words is None:
        return reason
    try:
        values = json.loads(arguments) if arguments else {}
        text = words if isinstance(words, str) else words(values["count"])
        return text.format(**{key: _shown(key, value) for key, value in values.items()}) if values else text
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return reason


def _shown(key: str, value: Any) -> str:
    """Return an argument of a reason in words."""
    match key:
        case "why":
            return sentence(value)
        case "names":
            return i18n.join([sentence(name) for name in value])
        case "count":
            return i18n.number(value)
        case "needed" | "free":
            return i18n.size(value)
    return str(value)


def not_a_picture(what: str | None) -> str:
    """Return the reason for a file without a readable picture.

    Args:
        what: what the file is instead, one of the codes of `formats.describe_unsupported`; None where that is unknown.
    """
    return NOT_A_PICTURE if what is None else f"{_IS_SOMETHING}-{what}"


def left_with(name: str) -> str:
    """Return why a file was left: its companion `name` could not be sorted."""
    return code(_LEFT_WITH, name=name)


def stays_with(name: str) -> str:
    """Return why a file was not put back: its companion `name` was not."""
    return code(_STAYS_WITH, name=name)


@cache
def _sentences(language: str) -> dict[str, str | Callable[[int], str]]:
    """Return the sentence of each code, or what returns it for a count.

    Args:
        language: only keeps the sentences of different languages apart.
    """
    formats = i18n.join(("JPEG", "PNG", "WebP", "TIFF", "GIF", "BMP", "HEIC", "AVIF"))
    return {
        EMPTY: _("The file is empty."),
        BLANK: _("The file contains only zeros. Copy the photo from the camera again."),
        VANISHED: _("The file is no longer there. It was moved, renamed or deleted."),
        NO_PERMISSION: _("You don't have permission to open this file."),
        IN_USE: _("Another program is using this file. Close it there, then rescan."),
        IS_FOLDER: _("This is a folder, not a photo."),
        NOT_REGULAR: _("This is a device or a pipe, not a photo."),
        TOO_MANY_BYTES: _("The file is larger than 512 MB, which is too large for a photo."),
        CLOUD_ONLY: _("The photo is only in the cloud. Download it first."),
        BROKEN_LINK: _("This is a link to a file that no longer exists."),
        LINK_LOOP: _("This is a link that leads back to itself."),
        DISK_FAULT: _("The disk could not read this file. Check the disk or the card, then copy the photo again."),
        NETWORK_FAULT: _("The network drive is not responding. Reconnect it, then rescan."),
        NAME_TOO_LONG: _("The path of the file is too long. Shorten its name or that of its folders, then rescan."),
        TOO_MANY_OPEN: _("The system has too many files open. Close some programs, then rescan."),
        NOT_OPENED: _("The system could not open this file."),
        TRUNCATED: _("The file is incomplete, so the photo can't be shown. Copy it from the camera again."),
        DAMAGED: _("The file is damaged, so the photo can't be shown. Copy it from the camera again."),
        UNKNOWN_KIND: _(
            "This kind of image is not supported. Export it as JPEG. (Supported formats: {formats}.)"
        ).format(formats=formats),
        NOT_A_PICTURE: _("There is no image in this file. Supported formats: {formats}.").format(formats=formats),
        **{f"{_IS_SOMETHING}-{what}": words.format(formats=formats) for what, words in _instead_of_a_picture().items()},
        TOO_MANY_PIXELS: _("The photo has too many pixels to open safely. Export a smaller copy."),
        TOO_COMPLEX: _(
            "Opening the photo would take far more time or memory than one of its size should, so it was left out."
            " Open it in another program and export it as JPEG."
        ),
        TOO_SLOW: _("Opening the photo took too long, so it was left out. Rescan, or export it as JPEG."),
        NO_MEMORY: _("There is not enough memory to open this photo. Close some programs, then rescan."),
        RAW_ALONE: _("RAW photos are not supported yet. Export the photo as JPEG."),
        MODEL_FAILED: _("The model failed on this photo. Rescan, or choose another model."),
        UNEXPECTED: _("Unexpected error: the photo can't be judged. Rescan to try again."),
        NOT_JUDGED: _("The photo can't be judged."),
        SAVE_DISK_FULL: _("There is not enough space on the disk. Free up some space, then try again."),
        SAVE_READ_ONLY: _("The disk is read-only. Remove its write protection, or choose another location."),
        SAVE_NO_PERMISSION: _("You don't have permission to write there."),
        SAVE_FOLDER_MISSING: _("The folder does not exist."),
        SAVE_IS_FOLDER: _("There is already a folder with this name."),
        SAVE_NAME_TOO_LONG: _("The name is too long."),
        # Translators: {error} is a message of the operating system, in its language.
        NOT_SAVED: _("The system reported an error: {error}."),
        FOLDER_MISSING: _(
            "The folder does not exist. It was moved, renamed or deleted, or its drive is not connected."
        ),
        FOLDER_VANISHED: _("The folder is no longer there. It was moved, renamed or deleted during the scan."),
        NOT_A_FOLDER: _("This is a file, not a folder. Choose the folder that contains it."),
        FOLDER_NO_PERMISSION: _("You don't have permission to open this folder."),
        FOLDER_DISK_FAULT: _("The disk could not read this folder. Check the disk or the card."),
        FOLDER_NOT_OPENED: _("The system could not open this folder."),
        **_sorting(),
        **_sidecars(),
        **_stopping(),
        **_planning(),
        **trash_reasons.sentences(),
    }


def _dates() -> dict[str, Callable[[int], str]]:
    """Return the sentence of each code of DATES_FROM."""
    return {
        DATES_FROM[DateSource.UNSET]: lambda count: ngettext(
            "{count} photo has the date on which a camera's clock starts, so it was probably never set.",
            "{count} photos have the date on which a camera's clock starts, so it was probably never set.",
            count,
        ),
        DATES_FROM[DateSource.NAME]: lambda count: ngettext(
            "{count} photo has a date only in its name.",
            "{count} photos have a date only in their names.",
            count,
        ),
        DATES_FROM[DateSource.CHANGED]: lambda count: ngettext(
            "{count} photo has only the date when it was last saved, so that date is used.",
            "{count} photos have only the date when they were last saved, so that date is used.",
            count,
        ),
        DATES_FROM[DateSource.DIGITIZED]: lambda count: ngettext(
            "{count} photo has only the date when it was digitized, so that date is used.",
            "{count} photos have only the date when they were digitized, so that date is used.",
            count,
        ),
        DATES_FROM[DateSource.METADATA]: lambda count: ngettext(
            "{count} photo has a date only from another program.",
            "{count} photos have a date only from another program.",
            count,
        ),
        DATES_FROM[DateSource.GPS]: lambda count: ngettext(
            "{count} photo has a date only from GPS.", "{count} photos have a date only from GPS.", count
        ),
    }


def _instead_of_a_picture() -> dict[str, str]:
    return {
        "pdf": _("This is a PDF document. Supported formats: {formats}."),
        "photoshop": _("This is a Photoshop document. Supported formats: {formats}."),
        "jpeg-xl": _("This is a JPEG XL image. Supported formats: {formats}."),
        "jpeg-2000": _("This is a JPEG 2000 image. Supported formats: {formats}."),
        "video": _("This is a video. Supported formats: {formats}."),
        "icon": _("This is an icon. Supported formats: {formats}."),
        "zip": _("This is a ZIP archive. Supported formats: {formats}."),
        "raw": _("This is a RAW photo. Supported formats: {formats}."),
        "web-page": _("This is a web page. Supported formats: {formats}."),
        "svg": _("This is a drawing (SVG). Supported formats: {formats}."),
    }


def _sorting() -> dict[str, str]:
    return {
        CHANGED: _("The file has changed since the plan was made. Make a new plan to sort it as it is now."),
        TAKEN: _("Another file now has this name at the destination. Make a new plan to choose another name."),
        IS_LINK: _("This is a link to a file elsewhere, so it can't be moved. Move that file, or copy instead."),
        SORT_NOT_REGULAR: _("This is not an ordinary file, so it was left where it is."),
        SORT_IN_USE: _("Another program is using this file. Close it there, then try again."),
        TARGET_TOO_LONG: _("The path at the destination is too long. Choose a shorter destination or shorter names."),
        TARGET_REFUSED: _("The disk at the destination does not allow this name. Rename the file and make a new plan."),
        TOO_LARGE: _("The file is too large for the disk at the destination. Choose another disk."),
        NOT_THE_SAME: _(
            "What was written to the destination differs from what was read, so the copy was discarded. Check the disk."
        ),
        NO_HARD_LINKS: _(
            "Hard links are not possible at the destination, or not to another user's file. Copy or move instead."
        ),
        LINK_ACROSS_DISKS: _("Hard links can't point to another disk. Copy or move instead."),
        NO_SYMLINKS: _("The system does not allow symbolic links at the destination. Copy or move instead."),
        TARGET_FOLDER_GONE: _("The folder at the destination no longer exists. Make a new plan."),
        NOT_WRITTEN: _("The system could not do this. Try again."),
        CHANGED_THERE: _("The file was changed after it was sorted, so it was left where it is."),
        GONE_THERE: _(
            "The file is no longer where it was sorted to: it was moved, renamed or deleted."
            " If a later sort moved it, undo that sort first."
        ),
        PLACE_TAKEN: _("Another file is now where this one came from, so it was left where it is."),
        COPY_GONE: _(
            "The copy at the destination was changed or removed right away, so the file was kept where it is."
        ),
        ORIGINAL_GONE: _("The file it was made from is no longer there, so this one was left where it is."),
        ORIGINAL_CHANGED: _("The file it was made from has changed since then, so this one was left where it is."),
        UNSETTLED: _(
            "Some files could not be checked, so it is not known whether they were sorted. Check their disks,"
            " then resume or undo the sort."
        ),
        _LEFT_WITH: _("It belongs to {name}, which could not be sorted, so it was left too."),
        _STAYS_WITH: _("It belongs to {name}, which was left where it is, so it was left too."),
        NO_WRITING: _("You don't have permission to write to the folder {folder}. Check its permissions."),
        NO_REMOVING: _("You don't have permission to remove files from the folder {folder}. Check its permissions."),
    }


def _sidecars() -> dict[str, str]:
    return {
        SIDECAR_DAMAGED: _("The sidecar is damaged or is not an XMP file, so it was left unchanged."),
        SIDECAR_UNKNOWN_FORM: _("The sidecar has a structure that can't be edited safely, so it was left unchanged."),
        SIDECAR_DOCTYPE: _(
            "The sidecar contains a document type declaration, which XMP does not allow and which may be harmful,"
            " so it was left unchanged."
        ),
        SIDECAR_ENCODING: _("The sidecar uses an unknown character encoding, so it was left unchanged."),
        SIDECAR_IS_LINK: _("The sidecar is a link to another file, so it was left unchanged."),
        SIDECAR_NOT_REGULAR: _("Something that is not a file has the name of the sidecar, so it was left unchanged."),
        SIDECAR_TOO_LARGE: _("The sidecar is larger than 64 MB, so it was left unchanged."),
        SIDECAR_WRITE_PROTECTED: _("The sidecar is read-only, so it was left unchanged."),
        SIDECAR_CLOUD_ONLY: _("The sidecar is only in the cloud. Download it first."),
        SIDECAR_CHANGED: _(
            "Another program changed the sidecar at the same time. That change was kept. Export again to add yours."
        ),
        SIDECAR_ELSEWHERE: _("The photo is in a linked folder outside the exported one, where nothing is written."),
        SIDECAR_NO_PHOTO: _("The photo is no longer there. It was moved, renamed or deleted."),
        EXIFTOOL_FAILED: _("ExifTool can't write to this photo, so it was left unchanged."),
        PICTURE_WOULD_CHANGE: _("ExifTool would have changed more than the keywords, so the photo was left unchanged."),
        PHOTO_CHANGED: _("Another program changed the photo in the meantime, so it was left as is."),
        PHOTO_WRITE_PROTECTED: _("The photo is read-only or a link, so it was left unchanged."),
        PHOTO_HARD_LINKED: _("The photo has several names (hard links), so it was left unchanged."),
    }


def _stopping() -> dict[str, str]:
    return {
        SORT_FOLDER_GONE: _(
            "The folder {folder} is no longer there. If it is on a removable drive, connect it, then try again."
        ),
        DISK_FULL: _("The disk with {folder} is full. Free up some space, then resume or undo the sort."),
        DISK_READ_ONLY: _("The disk with {folder} is read-only. Make it writable, then resume or undo the sort."),
        DISK_NOT_RESPONDING: _("The disk with {folder} is not responding. Reconnect it, then resume or undo the sort."),
        DISK_ERROR: _("The disk with {folder} reported an error. Check it, then resume or undo the sort."),
        FOLDER_NOT_MADE: _("The folder {folder} could not be created. {why}"),
        FOLDER_NOT_WRITTEN: _("Nothing could be written to the folder {folder}. {why}"),
        FOLDER_NOT_SYNCED: _(
            "The changes in the folder {folder} may not be safely on its disk. Check the disk, then resume or undo the"
            " sort."
        ),
    }


def _planning() -> dict[str, str | Callable[[int], str]]:
    return {
        LABEL_STAYS: _("Photos with this tag stay where they are, as you chose."),
        DIFFERENT_TAGS_STAY: _("Its files have different tags, so they stay where they are, as you chose."),
        UNSURE_STAYS: _("Its tag is unsure, so it stays where it is."),
        UNREADABLE_STAYS: _("It can't be read, so it stays where it is."),
        OTHER_OWNER: _("It belongs to another user, so it can't be moved out of this shared folder. Copy it instead."),
        FILES_NO_PERMISSION: _("You don't have permission to read all of its files."),
        COMPANION: _("{name}, which belongs to it: {why}"),
        TARGET_NOT_OPENED: _("Its folder at the destination can't be opened. {why}"),
        TARGET_IS_FILE: _("A file is where a folder is needed: {path}. Rename it, or choose another folder name."),
        NAMES_CLASH: _("Several of its files would get the same name at the destination."),
        SAME_THERE: _("The same photo is already there, so this one stays where it is."),
        SAME_PLANNED: _("The same photo already goes there, from {path}, so this one stays where it is."),
        LINK_THERE: _("A link to it is already there."),
        NAME_TAKEN: _("Another file at the destination has this name."),
        NAME_NOT_ALLOWED: _("The disk at the destination does not allow this name."),
        NAME_NOT_ALLOWED_AND_TAKEN: _(
            "The disk at the destination does not allow this name, and another file has the closest allowed one."
        ),
        NAME_SHORTENED: _("The name is too long for the destination."),
        SOURCE_READ_ONLY: _("Photos can't be moved out of a read-only folder. Copy them instead."),
        TARGET_READ_ONLY: _("The folder {folder} is read-only. Choose another destination."),
        # Translators: keep {label} as it is.
        NO_LABEL: _("The pattern has no {label}, so photos with different tags go to the same folders."),
        WINDOWS_LINKS: _("Windows allows links only in developer mode, or if the app runs as administrator."),
        # Translators: {names} are several tags, and {folder} is the name of a folder.
        SAME_FOLDER: _("{names} go to the same folder, {folder}."),
        # Translators: in a list of tags, before "go to the same folder".
        UNSURE_PHOTOS: _("unsure photos"),
        # Translators: in a list of tags, before "go to the same folder".
        UNREADABLE_PHOTOS: _("unreadable photos"),
        TAGS_DIFFER: lambda count: ngettext(
            "{count} photo consists of files with different tags, such as an original and its edited version. They"
            " stay together and follow your label, or else the more certain tag.",
            "{count} photos consist of files with different tags, such as an original and its edited version. They"
            " stay together and follow your label, or else the more certain tag.",
            count,
        ),
        TAGS_DIFFER_APART: lambda count: ngettext(
            "{count} photo consists of files with different tags. Each file goes by its own tag, as you chose.",
            "{count} photos consist of files with different tags. Each file goes by its own tag, as you chose.",
            count,
        ),
        TAGS_DIFFER_LEFT: lambda count: ngettext(
            "{count} photo consists of files with different tags. It stays where it is, as you chose.",
            "{count} photos consist of files with different tags. They stay where they are, as you chose.",
            count,
        ),
        LEFT_BESIDE: lambda count: ngettext(
            "{count} file has the name of a photo that is moved, but stays where it is.",
            "{count} files have the names of photos that are moved, but stay where they are.",
            count,
        ),
        NO_DATE: lambda count: ngettext(
            "{count} photo has no date and goes to {folder}.", "{count} photos have no date and go to {folder}.", count
        ),
        NO_CAMERA: lambda count: ngettext(
            "{count} photo doesn't say which camera took it and goes to {folder}.",
            "{count} photos don't say which camera took them and go to {folder}.",
            count,
        ),
        CLOCK_CORRECTED: lambda count: ngettext(
            "{count} photo by {camera}: the clock is corrected by {offset}.",
            "{count} photos by {camera}: the clock is corrected by {offset}.",
            count,
        ),
        **_dates(),
        NO_SPACE: _(
            "Not enough space: up to {needed} needed, {free} free. Free up some space, or choose another disk."
        ),
        SCANNED_AGAIN: _(
            "Some photos go to existing folders inside the scanned one, so the next scan will show them there."
        ),
    }
