"""The pattern for the folders below the destination, such as "{label}/{taken:%Y-%m}".

It is parsed here and not by `str.format`, through which a text can reach into the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alpacasorter.core.sorting.planning.names import folder_part, name_key, refused_letters

UNDATED: Final = "Undated"
UNKNOWN_CAMERA: Final = "Unknown camera"

EXAMPLES: Final[tuple[tuple[str, str], ...]] = (
    ("One folder for each tag", "{label}"),
    ("Tag, then month", "{label}/{taken:%Y-%m}"),
    ("Year, then tag", "{taken:%Y}/{label}"),
    ("Tag and camera", "{label}/{camera}"),
    ("Tag, sub-folders kept", "{label}/{folder}"),
)
"""What people may choose from: in words, and the pattern."""

_LABEL, _TAKEN, _CAMERA, _FOLDER = "label", "taken", "camera", "folder"
_FIELDS: Final = (_LABEL, _TAKEN, _CAMERA, _FOLDER)
_USUAL_DATE: Final = "%Y-%m-%d"
_LONGEST: Final = 500
_ALLOWED: Final = "Use {label}, {taken:%Y-%m}, {camera} and {folder}, with / between folders."

# Only what is the same in every language, so that no folder is named another way on another machine.
_DATE_CODES: Final[dict[str, Callable[[datetime], str]]] = {
    "Y": lambda when: f"{when.year:04}",
    "y": lambda when: f"{when.year % 100:02}",
    "m": lambda when: f"{when.month:02}",
    "d": lambda when: f"{when.day:02}",
    "H": lambda when: f"{when.hour:02}",
    "M": lambda when: f"{when.minute:02}",
    "S": lambda when: f"{when.second:02}",
    "j": lambda when: f"{when.timetuple().tm_yday:03}",
    "G": lambda when: f"{when.isocalendar().year:04}",
    "V": lambda when: f"{when.isocalendar().week:02}",
    "%": lambda when: "%",
}
_DATE_CODE: Final = re.compile(r"%(.?)", re.DOTALL)
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|/|[^{}/]+")


class PatternError(ValueError):
    """A pattern that can't be used; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class PatternValues:
    """What a photo has to put into a pattern.

    Attributes:
        label: the folder name of its label; not blank.
        taken: when it was taken, as the camera's clock showed; None where unknown.
        folder: names of the sub-folders it is in below the scanned folder, outermost first.
        camera: such as "Canon EOS R6"; None where unknown.
    """

    label: str
    taken: datetime | None = None
    folder: tuple[str, ...] = ()
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text, or a field: then `form` is the format of its date."""

    text: str = ""
    field: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that can be used.

    Attributes:
        parts: the pieces of each folder, outermost first.
        fields: the names of the fields in it.
    """

    parts: tuple[tuple[_Piece, ...], ...]
    fields: frozenset[str]

    @property
    def uses_label(self) -> bool:
        """Whether photos with different labels go to different folders."""
        return _LABEL in self.fields

    @property
    def uses_taken(self) -> bool:
        """Whether the date is in it."""
        return _TAKEN in self.fields

    @property
    def uses_camera(self) -> bool:
        """Whether the camera is in it, which must be read from each photo."""
        return _CAMERA in self.fields

    @property
    def uses_folder(self) -> bool:
        """Whether the photo's own sub-folders are in it."""
        return _FOLDER in self.fields

    def folders(self, values: PatternValues) -> tuple[str, ...]:
        """Return the folders for a photo below the destination, outermost first: names that every system takes.

        "Undated" is said once only, however often the date is in the pattern. Empty where the pattern is {folder}
        and the photo is in none.
        """
        folders: list[str] = []
        undated = False
        for part in self.parts:
            lines, missing = [""], False
            for piece in part:
                if piece.field == _FOLDER:
                    lines[-1] += "".join(values.folder[:1])
                    lines += values.folder[1:]
                elif piece.field == _TAKEN and values.taken is None:
                    lines[-1] += "" if undated else UNDATED
                    undated = missing = True
                else:
                    lines[-1] += _fill(piece, values)
            if missing:  # what joined the date to itself, as in {taken:%Y}-{taken:%m}
                lines = [line.strip(" -_.") for line in lines]
            folders += [folder_part(line) for line in lines if line.strip()]
        return tuple(folders)

    def own_folders(self, below: tuple[str, ...], values: PatternValues) -> tuple[str, ...] | None:
        """Return what {folder} was when a photo came to `below`, so that sorting again nests no folders.

        Args:
            below: the folders it is in now, below the destination.
            values: what it has, `folder` aside.

        Returns:
            None where it did not come there by this pattern with these values.
        """
        wanted = [name_key(name) for name in below]
        # The most folders first: with fewer, the rest would have to come from the other fields.
        for count in range(len(below), -1, -1):
            for start in range(len(below) - count + 1):
                folder = below[start : start + count]
                made = self.folders(PatternValues(values.label, values.taken, folder, values.camera))
                if [name_key(name) for name in made] == wanted:
                    return folder
        return None


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern and what is allowed, in a sentence or two; None where it can be used."""
    try:
        parse_pattern(pattern)
    except PatternError as error:
        return str(error)
    return None


def parse_pattern(pattern: str) -> Pattern:
    """Return a pattern as its parts.

    Raises:
        PatternError: it can't be used.
    """
    if not pattern.strip():
        raise PatternError(f"The pattern is empty. {_ALLOWED}")
    if len(pattern) > _LONGEST:
        raise PatternError(f"The pattern is too long: {_LONGEST} letters are allowed.")
    if pattern.startswith("/"):
        raise PatternError("The pattern begins with /, but its folders are always below the destination. Leave it out.")
    parts: list[list[_Piece]] = [[]]
    for match in _PIECE.finditer(pattern):
        text = match.group()
        if text == "/":
            parts.append([])
        elif match.group(1) is not None:
            first, *others = _field(match.group(1))
            parts[-1].append(first)
            parts += [[other] for other in others]
        elif text in ("{", "}"):
            raise PatternError(f"A {text} stands alone in the pattern. Write {text}{text} for the letter. {_ALLOWED}")
        else:
            parts[-1].append(_Piece(_plain({"{{": "{", "}}": "}"}.get(text, text))))
    if len(parts) > 1 and not parts[-1]:  # a / at the end does no harm
        parts.pop()
    for part in parts:
        _check_part(part)
    return Pattern(tuple(map(tuple, parts)), frozenset(piece.field for part in parts for piece in part if piece.field))


def parse_taken(taken_at: str | None) -> datetime | None:
    """Return when a photo was taken as the camera's clock showed it, without an offset; None where that is unknown."""
    try:
        return datetime.fromisoformat(taken_at).replace(tzinfo=None) if taken_at else None
    except ValueError:
        return None


def _fill(piece: _Piece, values: PatternValues) -> str:
    if piece.field == _LABEL:
        return values.label
    if piece.field == _CAMERA:
        return values.camera or UNKNOWN_CAMERA
    if piece.field == _TAKEN and values.taken is not None:
        when = values.taken
        return _DATE_CODE.sub(lambda match: _DATE_CODES[match.group(1)](when), piece.form)
    return piece.text


def _field(content: str) -> list[_Piece]:
    """Return the pieces for what stands between braces; a date with / in it gives several, each a folder of its own."""
    name, colon, form = content.partition(":")
    name = name.strip().lower()
    if name not in _FIELDS:
        raise PatternError(f"“{{{content}}}” is not known in the pattern. {_ALLOWED}")
    if name != _TAKEN:
        if colon:
            raise PatternError(f"Only {{taken}} has a format behind a colon, so write {{{name}}} alone.")
        return [_Piece(field=name)]
    if colon and not form.strip():
        raise PatternError("The format of {taken} is empty. Write {taken:%Y-%m} for year and month.")
    return [_Piece(field=name, form=_date_form(one)) for one in (form or _USUAL_DATE).split("/")]


def _date_form(form: str) -> str:
    for code in _DATE_CODE.findall(form):
        if code not in _DATE_CODES:
            raise PatternError(
                f"“%{code}” is not allowed in {{taken}}. Use %Y (year), %m (month), %d (day), %H (hour), %M (minute),"
                " %S (second), %j (day of the year), %G with %V (week), %y (year in two figures) or %% (the letter %)."
            )
    return _plain(form)


def _plain(text: str) -> str:
    """Return a text of the pattern if every system takes it in the name of a folder."""
    if "\\" in text:
        raise PatternError("Write / between folders in the pattern, not \\.")
    if letters := refused_letters(text):
        shown = " ".join(letter if letter.isprintable() else "a control character" for letter in letters)
        raise PatternError(f"Not every system takes {shown} in the name of a folder. Use - or _ in its place.")
    return text


def _check_part(part: list[_Piece]) -> None:
    """Refuse a part that is no name."""
    if any(piece.field == _TAKEN and not piece.form.strip() for piece in part) or not any(
        piece.field or piece.text.strip() for piece in part
    ):
        raise PatternError("There is a folder without a name in the pattern. Put something between the two /.")
    words = "".join(piece.form or piece.field or piece.text for piece in part).strip()
    if words.strip(". ") == "":
        raise PatternError(f"“{words}” is no name for a folder. {_ALLOWED}")
    if words.startswith("."):
        raise PatternError("A folder whose name begins with a dot is hidden. Let it begin with something else.")
