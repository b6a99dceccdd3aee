"""The pattern for the folders below the destination, such as "{label}/{taken:%Y-%m}".

It is parsed here and not by `str.format`, which would let a text access attributes of the program's objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alpacasorter.core.sorting.planning.disks import folder_part, name_key, refused_letters
from alpacasorter.i18n import _, number

# Names of folders are not translated, so that photos sorted in another language go to the same folders.
UNDATED: Final = "Undated"
UNKNOWN_CAMERA: Final = "Unknown camera"

_LABEL, _TAKEN, _CAMERA, _FOLDER = "label", "taken", "camera", "folder"
_FIELDS: Final = (_LABEL, _TAKEN, _CAMERA, _FOLDER)
_USUAL_DATE: Final = "%Y-%m-%d"
_LONGEST: Final = 500

# Only those that are the same in every language, for the same reason.
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
    """A pattern that can't be used; the message is a translated sentence for the user."""


@dataclass(frozen=True, slots=True)
class PatternValues:
    """The values of the fields for one photo.

    Attributes:
        label: the folder name of its label; not blank.
        taken: when it was taken, by the camera's clock; None if unknown.
        folder: names of the subfolders that it is in below the scanned folder, outermost first.
        camera: such as "Canon EOS R6"; None if unknown.
    """

    label: str
    taken: datetime | None = None
    folder: tuple[str, ...] = ()
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text, or a field; `form` is the format of a date."""

    text: str = ""
    field: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern.

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
        """Whether it has the date."""
        return _TAKEN in self.fields

    @property
    def uses_camera(self) -> bool:
        """Whether it has the camera, which must be read from each photo."""
        return _CAMERA in self.fields

    @property
    def uses_folder(self) -> bool:
        """Whether it has the photo's own subfolders."""
        return _FOLDER in self.fields

    def folders(self, values: PatternValues) -> tuple[str, ...]:
        """Return the folders for a photo below the destination, outermost first, with names that every system allows.

        "Undated" appears only once, however often the date is in the pattern. The result is empty if the pattern is
        {folder} and the photo is in no subfolder.
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
            if missing:  # remove what joined two dates, as in {taken:%Y}-{taken:%m}
                lines = [line.strip(" -_.") for line in lines]
            folders += [folder_part(line) for line in lines if line.strip()]
        return tuple(folders)

    def own_folders(self, below: tuple[str, ...], values: PatternValues) -> tuple[str, ...] | None:
        """Return what {folder} was when a photo was sorted into `below`, so that sorting again nests no folders.

        Args:
            below: the folders that it is in now, below the destination.
            values: its values; `folder` is ignored.

        Returns:
            The value of {folder}; None if the photo was not sorted there by this pattern with these values.
        """
        wanted = [name_key(name) for name in below]
        # Most folders first: with fewer, the others would have to come from the other fields.
        for count in range(len(below), -1, -1):
            for start in range(len(below) - count + 1):
                folder = below[start : start + count]
                made = self.folders(PatternValues(values.label, values.taken, folder, values.camera))
                if [name_key(name) for name in made] == wanted:
                    return folder
        return None


def examples() -> tuple[tuple[str, str], ...]:
    """Return the patterns to choose from: what each does in words, and the pattern."""
    return (
        (_("One folder for each tag"), "{label}"),
        (_("Tag, then month"), "{label}/{taken:%Y-%m}"),
        (_("Year, then tag"), "{taken:%Y}/{label}"),
        (_("Tag and camera"), "{label}/{camera}"),
        (_("Tag, subfolders kept"), "{label}/{folder}"),
    )


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern and what is allowed, in a sentence or two; None if it can be used."""
    try:
        parse_pattern(pattern)
    except PatternError as error:
        return str(error)
    return None


def parse_pattern(pattern: str) -> Pattern:
    """Return a pattern in its parsed form.

    Raises:
        PatternError: it can't be used.
    """
    if not pattern.strip():
        raise PatternError(_("The pattern is empty.") + " " + _allowed())
    if len(pattern) > _LONGEST:
        raise PatternError(
            _("The pattern is too long: at most {number} characters are allowed.").format(number=number(_LONGEST))
        )
    if pattern.startswith("/"):
        raise PatternError(_("The pattern starts with /, but its folders are always below the destination. Remove it."))
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
            raise PatternError(
                _("There is a single {brace} in the pattern. Write it twice for the character itself.").format(
                    brace=text
                )
                + " "
                + _allowed()
            )
        else:
            parts[-1].append(_Piece(_plain({"{{": "{", "}}": "}"}.get(text, text))))
    if len(parts) > 1 and not parts[-1]:  # a / at the end is harmless
        parts.pop()
    for part in parts:
        _check_part(part)
    return Pattern(tuple(map(tuple, parts)), frozenset(piece.field for part in parts for piece in part if piece.field))


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
    """Return the pieces for the text between braces; a date with / in it gives several, each a folder of its own."""
    name, colon, form = content.partition(":")
    name = name.strip().lower()
    if name not in _FIELDS:
        raise PatternError(
            _("The pattern has an unknown field, {field}.").format(field=f"{{{content}}}") + " " + _allowed()
        )
    if name != _TAKEN:
        if colon:
            raise PatternError(
                # Translators: keep {{taken}} as it is; {field} is another field, such as "{{camera}}".
                _("Only {{taken}} can have a format after a colon, so write just {field}.").format(field=f"{{{name}}}")
            )
        return [_Piece(field=name)]
    if colon and not form.strip():
        # Translators: keep {taken} and {taken:%Y-%m} as they are.
        raise PatternError(_("The format of {taken} is empty. Write {taken:%Y-%m} for year and month."))
    return [_Piece(field=name, form=_date_form(one)) for one in (form or _USUAL_DATE).split("/")]


def _date_form(form: str) -> str:
    for code in _DATE_CODE.findall(form):
        if code not in _DATE_CODES:
            raise PatternError(
                # Translators: keep {{taken}} as it is; the others are codes such as %Y.
                _(
                    "{code} is not allowed in {{taken}}. Use {Y} (year), {m} (month), {d} (day), {H} (hour),"
                    " {M} (minute), {S} (second), {j} (day of the year), {G} with {V} (week), {y} (two-digit year) or"
                    " {percent} (the percent sign)."
                ).format(code=f"%{code}", percent="%%", **{letter: f"%{letter}" for letter in "YmdHMSjGVy"})
            )
    return _plain(form)


def _plain(text: str) -> str:
    """Return a text of the pattern if every system allows it in the name of a folder."""
    if "\\" in text:
        raise PatternError(_("Write / between folders in the pattern, not \\."))
    if refused := refused_letters(text):
        if shown := " ".join(character for character in refused if character.isprintable()):
            raise PatternError(
                _("Not every system allows {characters} in folder names. Use - or _ instead.").format(characters=shown)
            )
        raise PatternError(_("There is a control character in the pattern, such as a tab or a line break. Remove it."))
    return text


def _check_part(part: list[_Piece]) -> None:
    """Raise PatternError if a part can't be the name of a folder."""
    if any(piece.field == _TAKEN and not piece.form.strip() for piece in part) or not any(
        piece.field or piece.text.strip() for piece in part
    ):
        raise PatternError(_("A folder in the pattern has no name. Put something between the two /."))
    words = "".join(piece.form or piece.field or piece.text for piece in part).strip()
    if words.strip(". ") == "":
        raise PatternError(_("A folder can't be named “{name}”.").format(name=words) + " " + _allowed())
    if words.startswith("."):
        raise PatternError(_("Folders whose names start with a dot are hidden. Start the name with something else."))


def _allowed() -> str:
    # Translators: keep the words in braces as they are.
    return _("Use {label}, {taken:%Y-%m}, {camera} and {folder}, with / between folders.")
