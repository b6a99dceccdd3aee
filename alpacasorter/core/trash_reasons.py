"""Why a file could not be moved to the trash, or restored from there: codes and their sentences, part of `reasons`."""

from __future__ import annotations

from typing import Final

from alpacasorter.i18n import _

NO_TRASH: Final = "trash-none"
TRASH_CHANGED: Final = "trash-changed"
TRASH_LINK: Final = "trash-link"
TRASH_EMPTIED: Final = "trash-emptied"
TRASH_UNKNOWN: Final = "trash-unknown"
IN_TRASH: Final = "trash-there"


def sentences() -> dict[str, str]:
    """Return the sentence of each code."""
    return {
        NO_TRASH: _(
            "The system could not move it to the trash, so it was left where it is. Its disk may have no trash, or"
            " another program may be using the file."
        ),
        TRASH_CHANGED: _("The file has just been changed, so it was left where it is."),
        TRASH_LINK: _("This is a link to a file elsewhere. Remove it in the file manager."),
        TRASH_EMPTIED: _("It is no longer in the trash, so it can't be restored. The trash was probably emptied."),
        IN_TRASH: _("It was moved to the trash."),
        TRASH_UNKNOWN: _("It is not known where in the trash this file is. Look for it in the system's trash."),
    }
