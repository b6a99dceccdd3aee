"""From labels in a file to corrections in the library: what they would change, and changing it, all or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alpacasorter.core.exchange.label_file import LabelFile, LabelFileError, LabelRow
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import content_key

if TYPE_CHECKING:
    from alpacasorter.core.cache import Cache
    from alpacasorter.core.library import Library

_BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Which labels are taken.

    Attributes:
        all_labels: those that only a model gave, too.
        min_confidence: of those, the least confidence, 0 to 1.
        folder: where photos are looked for whose content key the file does not tell; None for not at all.
    """

    all_labels: bool = False
    min_confidence: float = 0.0
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import would do.

    Attributes:
        new: label by content key, of photos without a correction.
        same: how many corrections are there already.
        differing: label by content key, of photos that the user calls otherwise.
        earlier: what the user calls those.
        not_corrected: labels passed over because only a model gave them, or with too little confidence.
        unknown: labels passed over because the model in use has no such class.
        unknown_names: the names of such classes, a few.
        contradictory: photos passed over because the file calls them both.
        not_found: labels passed over because nothing tells which photo they belong to.
        unlabelled: photos in the file that have no label.
        broken: rows that make no sense.
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
    unlabelled: int = 0
    broken: int = 0

    @property
    def usable(self) -> int:
        """How many photos the file has a usable label for."""
        return len(self.new) + self.same + len(self.differing)

    def changes(self, *, replace: bool) -> dict[str, str]:
        """Return the corrections to make; `replace`: also where the user said otherwise."""
        return {**self.new, **self.differing} if replace else dict(self.new)


def summarise(
    file: LabelFile,
    labels: LabelSet,
    corrections: Mapping[str, str],
    options: ImportOptions,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> ImportSummary:
    """Return what an import would do. Nothing is changed.

    Args:
        file: what was read.
        labels: the classes of the model in use.
        corrections: what the user said, label by content key.
        options: which labels are taken.
        stopped: asked before each photo that has to be opened; where it says so, the rest counts as not found.

    Raises:
        LabelFileError: the file has labels, but of other classes than the model.
    """
    if file.classes is not None and sorted(file.classes) != sorted(labels.names):
        raise _other_classes(file, file.classes, labels)
    names = {name.casefold(): name for name in labels.names}
    names |= {labels.display(name).casefold(): name for name in reversed(labels.names)} | names
    unknown: dict[str, int] = {}
    said: dict[str, dict[str, bool]] = {}
    passed_over = not_found = 0
    for row in file.rows:
        label = names.get(row.label.casefold())
        if label is None:
            unknown[row.label] = unknown.get(row.label, 0) + 1
            continue
        if not _is_wanted(row, options):
            passed_over += 1
            continue
        key = row.content_key or (None if stopped() else _key_of(row, options.folder))
        if key is None:
            not_found += 1
            continue
        about = said.setdefault(key, {})
        about[label] = about.get(label, False) or row.corrected
    if file.rows and sum(unknown.values()) == len(file.rows):
        raise _other_classes(file, tuple(unknown), labels)
    new: dict[str, str] = {}
    differing: dict[str, str] = {}
    same = contradictory = 0
    for key, about in said.items():
        # What somebody said outranks what a model said of a copy.
        likely = [label for label, corrected in about.items() if corrected] or list(about)
        if len(likely) > 1:
            contradictory += 1
        elif key not in corrections:
            new[key] = likely[0]
        elif corrections[key] == likely[0]:
            same += 1
        else:
            differing[key] = likely[0]
    return ImportSummary(
        new=new,
        same=same,
        differing=differing,
        earlier={key: corrections[key] for key in differing},
        not_corrected=passed_over,
        unknown=sum(unknown.values()),
        unknown_names=tuple(list(unknown)[:3]),
        contradictory=contradictory,
        not_found=not_found,
        unlabelled=file.unlabelled,
        broken=file.broken,
    )


def _is_wanted(row: LabelRow, options: ImportOptions) -> bool:
    if row.corrected:
        return True
    return options.all_labels and (row.confidence or 0.0) >= options.min_confidence


def _key_of(row: LabelRow, folder: Path | None) -> str | None:
    """Return the content key of a photo in a folder; None where it is not there."""
    # Imported here: the window knows this module before it shows, and decoders take their time.
    from alpacasorter.core.photo import Unreadable, read_photo

    for path in _candidates(row, folder) if folder is not None else ():
        try:
            return content_key(read_photo(path))
        except (Unreadable, ValueError):
            continue
    return None


def _candidates(row: LabelRow, folder: Path) -> Iterator[Path]:
    """Yield where in a folder a photo may be: where the file says, or under its name. Never outside the folder."""
    for place in row.places:
        # The file may come from a system with other paths than this one's.
        parts = [part for part in re.split(r"[/\\]", place) if part not in ("", ".")]
        if not parts or ".." in parts:
            continue
        if not place.startswith(("/", "\\")) and ":" not in parts[0]:
            yield folder.joinpath(*parts)
        yield folder / parts[-1]


def _other_classes(file: LabelFile, names: tuple[str, ...], labels: LabelSet) -> LabelFileError:
    theirs = " and ".join(f"“{display_path(name[:40])}”" for name in names[:3])
    ours = " and ".join(f"“{name}”" for name in labels.names)
    return LabelFileError(
        f"{display_path(file.path.name)} can't be imported: its labels are {theirs}, and those of the model in use are "
        f"{ours}. Use a model with those classes first."
    )


def take_in(
    library: Library,
    cache: Cache,
    label_set: str,
    changes: Mapping[str, str | None],
    *,
    backbone_id: str,
    embedding_size: int,
) -> None:
    """Make corrections (None takes one back), all or none. They are on the disk when this returns.

    Of photos that this machine has seen, the embeddings are kept with them, so that they are learned from at once.
    Others are learned from as soon as a scan comes upon them.

    Raises:
        LibraryError: they could not be written; none of them was.
    """
    wanted = [key for key, label in changes.items() if label is not None]
    embeddings: dict[str, bytes] = {}
    for start in range(0, len(wanted), _BATCH):
        found, rows = cache.load_embeddings(
            wanted[start : start + _BATCH], backbone_id=backbone_id, size=embedding_size
        )
        embeddings |= {key: row.tobytes() for key, row in zip(found, rows, strict=True)}
    library.set_corrections(label_set, changes, embeddings=embeddings, backbone_id=backbone_id)
