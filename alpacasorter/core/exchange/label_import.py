"""Imports labels from a file: says what would change, and stores the labels as corrections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.core.exchange.label_file import LabelFile, LabelFileError, LabelRow, readings, refusal
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet, SamePictures
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.reading import content_key, read_file
from alpacasorter.i18n import _, join

if TYPE_CHECKING:
    from alpacasorter.core.store.cache import Cache
    from alpacasorter.core.store.library import Correction, Library

_SHOWN_NAMES: Final = 3
_SHOWN_LETTERS: Final = 40
_BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Which labels to import.

    Attributes:
        all_labels: also import labels given by a model.
        min_confidence: minimum confidence of those, 0 to 1.
        folder: where to look for photos without a content key in the file; None to skip those.
    """

    all_labels: bool = False
    min_confidence: float = 0.0
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import would change.

    Attributes:
        new: labels by content key, for photos without a correction.
        same: number of labels that match an existing correction.
        differing: labels by content key, for photos with a different correction.
        earlier: the existing corrections of those.
        not_corrected: number of labels skipped because they are from a model, or below the minimum confidence.
        unknown: number of labels skipped because the model in use has no such class.
        unknown_names: the names of some of these classes.
        contradictory: number of photos skipped because the file gives them two labels.
        not_found: number of labels skipped because they can't be matched to a photo.
        unlabeled: number of photos in the file without a label.
        broken: number of invalid rows.
        pictures: picture keys of the photos in `new` and `differing`, by content key, as far as they are known.
    """

    new: Mapping[str, str]
    same: int
    differing: Mapping[str, str]
    earlier: Mapping[str, str]
    not_corrected: int = 0
    unknown: int = 0
    unknown_names: tuple[str, ...] = field(default=())
    contradictory: int = 0
    not_found: int = 0
    unlabeled: int = 0
    broken: int = 0
    pictures: Mapping[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> int:
        """Number of photos for which the file has a usable label."""
        return len(self.new) + self.same + len(self.differing)

    def changes(self, *, replace: bool) -> dict[str, str]:
        """Return the corrections to store; `replace`: also those that differ from the user's."""
        return {**self.new, **self.differing} if replace else dict(self.new)


def summarize(
    file: LabelFile,
    labels: LabelSet,
    corrections: Mapping[str, str],
    options: ImportOptions,
    *,
    pictures: Mapping[str, str] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> ImportSummary:
    """Return what an import would change. Nothing is changed yet.

    Args:
        file: the labels.
        labels: the classes of the model in use.
        corrections: the user's labels by content key.
        options: which labels to import.
        pictures: picture keys by content key, as far as they are known here (see `known_pictures`). A label is that of
            a photo with another content key if the pictures are the same.
        stopped: called before each photo that has to be opened; once it returns True, the others count as not found.

    Raises:
        LabelFileError: all labels in the file are of other classes than those of the model.
    """
    if file.classes is not None and sorted(file.classes) != sorted(labels.names):
        raise _other_classes(file, file.classes, labels)
    names = {name.casefold(): name for name in labels.names}
    names |= {labels.display(name).casefold(): name for name in reversed(labels.names)} | names
    unknown: dict[str, int] = {}
    said: dict[str, dict[str, bool]] = {}
    same_picture = SamePictures()
    for known_key, known_picture in (pictures or {}).items():
        same_picture.note(known_key, known_picture)
    skipped = not_found = 0
    for row in file.rows:
        label = next((names[one.casefold()] for one in readings(row.label) if one.casefold() in names), None)
        if label is None:
            unknown[row.label] = unknown.get(row.label, 0) + 1
            continue
        if not _is_wanted(row, options):
            skipped += 1
            continue
        key, picture = row.content_key, row.picture_key
        if key is None and not stopped():
            key, picture = _keys_of(row, options.folder)
        if key is None:
            not_found += 1
            continue
        same_picture.note(key, picture)
        same = same_picture.same(key)
        key = next((one for known in (corrections, said) for one in same if one in known), key)
        about = said.setdefault(key, {})
        about[label] = about.get(label, False) or row.corrected
    if file.rows and sum(unknown.values()) == len(file.rows):
        raise _other_classes(file, tuple(unknown), labels)
    new: dict[str, str] = {}
    differing: dict[str, str] = {}
    equal = contradictory = 0
    for key, about in said.items():
        # For copies of a photo, a person's label outranks a model's.
        likely = [label for label, corrected in about.items() if corrected] or list(about)
        if len(likely) > 1:
            contradictory += 1
        elif key not in corrections:
            new[key] = likely[0]
        elif corrections[key] == likely[0]:
            equal += 1
        else:
            differing[key] = likely[0]
    return ImportSummary(
        new=new,
        same=equal,
        differing=differing,
        earlier={key: corrections[key] for key in differing},
        not_corrected=skipped,
        unknown=sum(unknown.values()),
        unknown_names=tuple(list(unknown)[:_SHOWN_NAMES]),
        contradictory=contradictory,
        not_found=not_found,
        unlabeled=file.unlabeled,
        broken=file.broken,
        pictures={key: picture for key in (*new, *differing) if (picture := same_picture.picture(key)) is not None},
    )


def known_pictures(file: LabelFile, corrections: Mapping[str, Correction], cache: Cache) -> dict[str, str]:
    """Return the picture keys, by content key, that the library and the cache know of corrected photos and a file's."""
    found = cache.picture_keys({row.content_key for row in file.rows if row.content_key})
    return found | {key: one.picture_key for key, one in corrections.items() if one.picture_key is not None}


def _is_wanted(row: LabelRow, options: ImportOptions) -> bool:
    if row.corrected:
        return True
    return options.all_labels and (row.confidence or 0.0) >= options.min_confidence


def _keys_of(row: LabelRow, folder: Path | None) -> tuple[str | None, str | None]:
    """Return the content key and the picture key of a photo in a folder; None for both if it is not there."""
    # Imported only to open photos: it needs NumPy.
    from alpacasorter.core.photos.picture_key import picture_key

    for path in _candidates(row, folder) if folder is not None else ():
        try:
            data = read_file(path)
        except (Unreadable, ValueError):
            continue
        key = content_key(data)
        return key, picture_key(data, key)
    return None, None


def _candidates(row: LabelRow, folder: Path) -> Iterator[Path]:
    """Yield possible paths of a photo in a folder: its path in the file, then its name. Never outside the folder."""
    seen: set[Path] = set()
    for place in (reading for written in row.places for reading in readings(written)):
        # The file may be from a system with other path separators; elsewhere, a name may contain one of these.
        for separators in ("/", r"[/\\]"):
            parts = [part for part in re.split(separators, place) if part not in ("", ".")]
            if not parts or ".." in parts:
                continue
            is_relative = not place.startswith(("/", "\\")) and ":" not in parts[0]
            for path in (folder.joinpath(*parts),) * is_relative + (folder / parts[-1],):
                if path not in seen and path.is_relative_to(folder):
                    seen.add(path)
                    yield path


def _other_classes(file: LabelFile, names: tuple[str, ...], labels: LabelSet) -> LabelFileError:
    return refusal(
        file.path,
        _(
            "Its labels are {theirs}, but those of the model in use are {ours}. Choose a model with these labels first."
        ).format(
            theirs=join([_quoted(name) for name in names[:_SHOWN_NAMES]]),
            ours=join([_quoted(name) for name in labels.names]),
        ),
    )


def _quoted(name: str) -> str:
    # Translators: quotation marks around the name of a class.
    return _("“{name}”").format(name=display_path(name[:_SHOWN_LETTERS]))


def store_corrections(
    library: Library,
    cache: Cache,
    label_set: str,
    changes: Mapping[str, str | None],
    *,
    pictures: Mapping[str, str] | None = None,
    backbone_id: str,
    embedding_size: int,
) -> None:
    """Store corrections, all or none. They are on disk when this returns.

    The cached embeddings of photos that were scanned on this computer are stored too, so that the model can learn from
    them at once. It learns from the others when they are scanned.

    Args:
        library: the library to store them in.
        cache: the cache with the embeddings.
        label_set: key of the classes.
        changes: labels by content key; None removes a correction.
        pictures: picture keys by content key, as far as they are known.
        backbone_id: ID of the backbone that made the embeddings.
        embedding_size: numbers per embedding.

    Raises:
        LibraryError: the library can't be written; nothing was stored.
    """
    wanted = [key for key, label in changes.items() if label is not None]
    embeddings: dict[str, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        found, rows = cache.load_embeddings(
            wanted[start : start + _BATCH], backbone_id=backbone_id, size=embedding_size
        )
        embeddings |= {key: row.tobytes() for key, row in zip(found, rows, strict=True)}
    library.set_corrections(label_set, changes, pictures=pictures, embeddings=embeddings, backbone_id=backbone_id)
