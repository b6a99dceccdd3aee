"""The library: corrections, learned heads, recent folders and the journal of sorts, kept permanently.

Corrections follow the content of a photo through renames and moves. Each is on the disk when the call that makes it
returns, two instances of the app may write at once, and everything is written twice, so that a damaged file can be
restored (see `library_file`, `second_copy` and `recovery`).

Each head is stored with the corrections it was learned from, so that the user can go back to it. Of each bundle the
newest heads are kept and, before those, the last of each day, so the file stays small however many corrections are
made. Corrections can be set aside from learning; their labels stay and outrank every prediction.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from alpacasorter.core.store.database import Failure, blob_to_path, failure_of, key_to_blob, path_to_blob, utc_now
from alpacasorter.core.store.library_file import LibraryFile, NoFile
from alpacasorter.core.store.library_schema import LibraryError, LibraryTooNewError

HEADS_KEPT: Final = 50
"""How many of the newest heads of a bundle are kept, whatever their dates."""
DAYS_KEPT: Final = 50
"""For how many days (in UTC) the last head of the day is kept."""

_KEY_BYTES: Final = 32
_COLUMNS: Final = "id, bundle_id, made_at, corrections, corrections_digest, weights, bias, measurements, members"


@dataclass(frozen=True, slots=True)
class HeadVersion:
    """A learned head, what it was learned from, and what was measured.

    Attributes:
        id: its number in the library; ignored by `Library.add_head_version`, which assigns one.
        bundle_id: the bundle it belongs to.
        made_at: when it was learned, ISO 8601 in UTC.
        corrections: how many corrections it was learned from.
        corrections_digest: a digest of exactly which.
        weights: float64, little-endian, one for each number of the embedding.
        bias: finite.
        measurements: numbers by name.
        members: the corrections it was learned from, label by content key; None if unknown.
    """

    id: int | None
    bundle_id: str
    made_at: str
    corrections: int
    corrections_digest: str
    weights: bytes
    bias: float
    measurements: Mapping[str, float]
    members: Mapping[str, str] | None = None


def check_head(head: HeadVersion) -> None:
    """Check that a head can be stored; raises ValueError if weights are not float64 bytes, or the bias is infinite."""
    if not head.weights or len(head.weights) % 8 or not math.isfinite(head.bias):
        raise ValueError("weights must be float64 bytes, and the bias finite")


def insert_head(connection: sqlite3.Connection, head: HeadVersion, replacing: int | None) -> int:
    """Insert a head, delete the one it replaces and those that are too old; return its number."""
    if replacing is not None:
        delete_head(connection, replacing)
    cursor = connection.execute(
        "INSERT INTO head_versions"
        " (bundle_id, made_at, corrections, corrections_digest, weights, bias, measurements, members)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            head.bundle_id,
            head.made_at,
            head.corrections,
            head.corrections_digest,
            head.weights,
            head.bias,
            json.dumps(dict(head.measurements)),
            None if head.members is None else _packed(head.members),
        ),
    )
    connection.execute(
        "DELETE FROM head_versions WHERE bundle_id = :bundle"
        " AND id NOT IN (SELECT id FROM head_versions WHERE bundle_id = :bundle ORDER BY id DESC LIMIT :heads)"
        " AND id NOT IN (SELECT max(id) FROM head_versions WHERE bundle_id = :bundle"
        " GROUP BY substr(made_at, 1, 10) ORDER BY max(id) DESC LIMIT :days)",
        {"bundle": head.bundle_id, "heads": HEADS_KEPT, "days": DAYS_KEPT},
    )
    return int(cursor.lastrowid or 0)


def delete_head(connection: sqlite3.Connection, number: int) -> None:
    """Delete a head; nothing happens if there is none with this number."""
    connection.execute("DELETE FROM head_versions WHERE id = ?", (number,))


def measure_head(connection: sqlite3.Connection, number: int, measurements: Mapping[str, float]) -> None:
    """Replace the measurements of a head."""
    connection.execute(
        "UPDATE head_versions SET measurements = ? WHERE id = ?", (json.dumps(dict(measurements)), number)
    )


def select_heads(
    connection: sqlite3.Connection, bundle_id: str, *, digest: str | None = None, others: bool = False
) -> list[HeadVersion]:
    """Return heads of a bundle (with `others`, of all other bundles and their variants), the last added first.

    With `digest`, only those learned from these corrections.
    """
    # Behind a colon, a variant of a bundle.
    which = "instr(bundle_id || ':', ? || ':') <> 1" if others else "bundle_id = ?"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM head_versions WHERE {which}"
        " AND (? IS NULL OR corrections_digest = ?) ORDER BY id DESC LIMIT ?",
        (bundle_id, digest, digest, HEADS_KEPT + DAYS_KEPT),
    ).fetchall()
    return [
        HeadVersion(*(*values, json.loads(measurements), _unpacked(members))) for *values, measurements, members in rows
    ]


def _packed(members: Mapping[str, str]) -> bytes:
    """Return members as stored: a line of JSON with the labels, then for each photo its key and its label's index."""
    labels = sorted(set(members.values()))
    rows = (key_to_blob(key) + bytes([labels.index(label)]) for key, label in sorted(members.items()))
    return json.dumps(labels).encode() + b"\n" + b"".join(rows)


def _unpacked(stored: bytes | None) -> dict[str, str] | None:
    """Return what `_packed` stored, or None if it can't be read."""
    if stored is None:
        return None
    head, _, data = stored.partition(b"\n")
    try:
        labels = json.loads(head)
        if not isinstance(labels, list):
            return None
        rows = [data[at : at + _KEY_BYTES + 1] for at in range(0, len(data), _KEY_BYTES + 1)]
        return {row[:_KEY_BYTES].hex(): str(labels[row[_KEY_BYTES]]) for row in rows}
    except (ValueError, LookupError, TypeError):
        return None


_JOIN: Final = "LEFT JOIN corrections_set_aside s ON s.label_set = c.label_set AND s.content_key = c.content_key"
# A correction that was made after it was set aside counts as a new one.
_IS_SET_ASIDE: Final = "coalesce(s.set_aside AND s.revision > c.revision, 0)"


def select_set_aside(connection: sqlite3.Connection, label_set: str) -> set[str]:
    """Return the content keys of the corrections that are set aside."""
    rows = connection.execute(
        f"SELECT c.content_key FROM corrections c {_JOIN}"
        f" WHERE c.label_set = ? AND c.label IS NOT NULL AND {_IS_SET_ASIDE}",
        (label_set,),
    )
    return {key.hex() for (key,) in rows}


def set_aside_all_but(
    connection: sqlite3.Connection, revision: int, label_set: str, members: Mapping[str, str] | None
) -> None:
    """Set aside all corrections except `members` (label by content key), or none if that is None.

    Must be called in the transaction that writes, so that a correction that another instance makes at the same moment
    comes either before or after it.
    """
    rows = connection.execute(
        f"SELECT c.content_key, c.label, {_IS_SET_ASIDE} FROM corrections c {_JOIN}"
        " WHERE c.label_set = ? AND c.label IS NOT NULL",
        (label_set,),
    ).fetchall()
    changes = []
    for key, label, was_set_aside in rows:
        set_aside = members is not None and members.get(key.hex()) != label
        if set_aside != bool(was_set_aside):
            changes.append((label_set, key, set_aside, revision))
    connection.executemany(
        "INSERT INTO corrections_set_aside (label_set, content_key, set_aside, revision) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (label_set, content_key) DO UPDATE SET"
        " set_aside = excluded.set_aside, revision = excluded.revision",
        changes,
    )


__all__ = ["Correction", "HeadVersion", "Library", "LibraryError", "LibraryTooNewError", "RecentFolder"]

FOLDERS_KEPT: Final = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Correction:
    """What the user said a photo is.

    Attributes:
        content_key: the photo, 64 hexadecimal digits.
        label: one of the classes.
        made_at: when, ISO 8601 in UTC.
        path_hint: where the photo was then, if known. It may have moved since.
        picture_key: see `core.photos.picture_key`; None if not known yet.
    """

    content_key: str
    label: str
    made_at: str
    path_hint: Path | None
    picture_key: str | None = None


@dataclass(frozen=True, slots=True)
class RecentFolder:
    """A folder that was opened, and when (ISO 8601 in UTC)."""

    path: Path
    opened_at: str


class Library:
    """An open library. Every method may be called from any thread and raises LibraryError if the file fails.

    Attributes:
        path: the file.
    """

    def __init__(self, file: LibraryFile) -> None:
        """Work on an open file; `open` is the usual way to get one."""
        self._file: Final = file
        self.path: Final = file.path

    @classmethod
    def open(cls, path: Path, *, backups: Path | None = None) -> Self:
        """Open the library, creating it and its folders if there is none yet, and back it up if that is due.

        Args:
            path: the file.
            backups: the folder for backups; the folder `backups` beside the file if not given.

        Raises:
            LibraryTooNewError: a newer version of the app wrote it.
            LibraryError: it can't be opened, created or recovered.
        """
        return cls(LibraryFile(path.absolute(), (backups or path.with_name("backups")).absolute()))

    def __enter__(self) -> Self:
        """Return itself; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def notice(self) -> str | None:
        """A message for the user if the file was damaged and had to be recovered, else None."""
        return self._file.notice

    def close(self) -> None:
        """Back up if something changed in this session, and close. May be called twice."""
        self._file.close()

    def corrections(self, label_set: str) -> dict[str, Correction]:
        """Return the corrections made with these classes, by content key, those that were changed last at the end.

        Two of them may be of the same picture, if it was not known yet that it is the same. Then the later one counts.
        """
        rows = self._file.read(
            lambda connection: connection.execute(
                "SELECT content_key, label, made_at, path_hint, picture_key FROM corrections"
                " WHERE label_set = ? AND label IS NOT NULL ORDER BY revision, id",
                (label_set,),
            ).fetchall()
        )
        corrections = (
            Correction(
                key.hex(),
                label,
                made_at,
                None if hint is None else blob_to_path(hint),
                None if picture is None else picture.hex(),
            )
            for key, label, made_at, hint, picture in rows
        )
        return {correction.content_key: correction for correction in corrections}

    def set_corrections(
        self,
        label_set: str,
        changes: Mapping[str, str | None],
        *,
        paths: Mapping[str, Path] | None = None,
        pictures: Mapping[str, str] | None = None,
        embeddings: Mapping[str, bytes] | None = None,
        backbone_id: str | None = None,
    ) -> None:
        """Make or remove corrections, all or none. They are on the disk when this returns.

        Args:
            label_set: names the classes, such as "alpaca|not_alpaca".
            changes: the label by content key; None removes the correction.
            paths: where the photos are now, by content key.
            pictures: picture keys by content key, as far as they are known.
            embeddings: float16 little-endian bytes by content key, stored so that learning never needs the cache,
                which may be deleted at any time.
            backbone_id: the backbone that the embeddings were made with.

        Raises:
            LibraryError: they could not be written; none of them was.
            ValueError: a content key, a label or an embedding has the wrong form, or `backbone_id` is missing.
        """
        paths, embeddings = paths or {}, embeddings or {}
        if embeddings and not backbone_id:
            raise ValueError("embeddings need a backbone_id")
        if not label_set or any(label == "" for label in changes.values()):
            raise ValueError("label_set and labels must not be empty")
        if any(not data or len(data) % 2 for data in embeddings.values()):
            raise ValueError("an embedding is float16 bytes")
        hints = {key: path_to_blob(path) for key, path in paths.items()}
        known = {key: key_to_blob(picture) for key, picture in (pictures or {}).items()}
        labels = [
            (label_set, key_to_blob(key), label, hints.get(key), known.get(key)) for key, label in changes.items()
        ]
        kept = [(key_to_blob(key), backbone_id, data) for key, data in embeddings.items()]
        if not labels and not kept:
            return

        def write(connection: sqlite3.Connection, revision: int) -> None:
            now = utc_now()
            connection.executemany(
                "INSERT INTO corrections (label_set, content_key, label, path_hint, picture_key, revision, made_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (label_set, content_key) DO UPDATE SET"
                " label = excluded.label, revision = excluded.revision, made_at = excluded.made_at,"
                " path_hint = coalesce(excluded.path_hint, path_hint),"
                " picture_key = coalesce(excluded.picture_key, picture_key)",
                [(*row, revision, now) for row in labels],
            )
            connection.executemany(
                "INSERT INTO correction_embeddings (content_key, backbone_id, embedding) VALUES (?, ?, ?)"
                " ON CONFLICT (content_key, backbone_id) DO UPDATE SET embedding = excluded.embedding",
                kept,
            )

        self._file.write(write)

    def set_picture_keys(self, pictures: Mapping[str, str]) -> None:
        """Store the picture keys of corrected photos, by content key, for those whose picture was not known yet.

        Raises:
            LibraryError: they could not be written.
            ValueError: a key has the wrong form.
        """
        rows = [(key_to_blob(picture), key_to_blob(key)) for key, picture in pictures.items()]

        def write(connection: sqlite3.Connection, _revision: int) -> None:
            connection.executemany(
                "UPDATE corrections SET picture_key = ? WHERE content_key = ? AND picture_key IS NULL", rows
            )

        if rows:
            self._file.write(write)

    def embeddings(self, label_set: str, backbone_id: str) -> dict[str, bytes]:
        """Return the embeddings of the corrected photos, float16 little-endian bytes, by content key."""
        rows = self._file.read(
            lambda connection: connection.execute(
                "SELECT c.content_key, e.embedding FROM corrections c JOIN correction_embeddings e"
                " ON e.content_key = c.content_key AND e.backbone_id = ?"
                " WHERE c.label_set = ? AND c.label IS NOT NULL ORDER BY c.id",
                (backbone_id, label_set),
            ).fetchall()
        )
        return {key.hex(): embedding for key, embedding in rows}

    def learn_only_from(self, label_set: str, members: Mapping[str, str] | None) -> None:
        """Set aside all corrections except these from learning; with None, learn from all of them again.

        Their labels stay. Corrections that are made later, even of the same photos, are learned from.

        Args:
            label_set: names the classes.
            members: label by content key. One whose label has changed since counts as a later one and is set aside.
        """

        self._file.write(lambda connection, revision: set_aside_all_but(connection, revision, label_set, members))

    def set_aside(self, label_set: str) -> set[str]:
        """Return the content keys of the corrections that are set aside from learning."""
        return self._file.read(lambda connection: select_set_aside(connection, label_set))

    def add_head_version(self, head: HeadVersion, *, replacing: int | None = None) -> int:
        """Store a head and delete old ones of its bundle (see HEADS_KEPT and DAYS_KEPT).

        Args:
            head: what to store.
            replacing: the number of a head that is deleted in the same transaction.

        Returns:
            Its number, higher than that of any head before it.

        Raises:
            ValueError: the weights are not float64 bytes, or the bias is not finite.
        """
        check_head(head)
        return self._file.write(lambda connection, _revision: insert_head(connection, head, replacing))

    def forget_head_version(self, number: int) -> None:
        """Delete a head."""
        self._file.write(lambda connection, _revision: delete_head(connection, number))

    def set_measurements(self, number: int, measurements: Mapping[str, float]) -> None:
        """Replace the measurements of a head; nothing happens if it has been deleted."""
        self._file.write(lambda connection, _revision: measure_head(connection, number, measurements))

    def head_of(self, bundle_id: str, corrections_digest: str) -> HeadVersion | None:
        """Return the last added head of a bundle that was learned from exactly these corrections."""
        found = self._file.read(lambda connection: select_heads(connection, bundle_id, digest=corrections_digest))
        return next(iter(found), None)

    def head_versions(self, bundle_id: str, *, others: bool = False) -> list[HeadVersion]:
        """Return the heads of a bundle (with `others`, of all other bundles), the last added first."""
        return self._file.read(lambda connection: select_heads(connection, bundle_id, others=others))

    def remember_folder(self, path: Path) -> None:
        """Put a folder first among the recent ones."""

        def write(connection: sqlite3.Connection, _revision: int) -> None:
            # Inserted again, so that the order is that of the ids, which no change of the clock can upset.
            connection.execute("DELETE FROM recent_folders WHERE path = ?", (path_to_blob(path),))
            connection.execute(
                "INSERT INTO recent_folders (path, opened_at) VALUES (?, ?)", (path_to_blob(path), utc_now())
            )
            connection.execute(
                "DELETE FROM recent_folders WHERE id NOT IN (SELECT id FROM recent_folders ORDER BY id DESC LIMIT ?)",
                (FOLDERS_KEPT,),
            )

        self._file.write(write)

    def recent_folders(self, limit: int = 8) -> list[RecentFolder]:
        """Return the folders that were opened last, the latest first. They may no longer exist."""
        rows = self._file.read(
            lambda connection: connection.execute(
                "SELECT path, opened_at FROM recent_folders ORDER BY id DESC LIMIT ?", (max(limit, 0),)
            ).fetchall()
        )
        return [RecentFolder(blob_to_path(path), opened_at) for path, opened_at in rows]

    def forget_folder(self, path: Path) -> None:
        """Remove a folder from the recent ones."""

        def write(connection: sqlite3.Connection, _revision: int) -> None:
            connection.execute("DELETE FROM recent_folders WHERE path = ?", (path_to_blob(path),))

        self._file.write(write)

    def changed_elsewhere(self) -> bool:
        """Tell whether another instance has written since the last call. Fast: no table is read."""
        return self._file.changed_elsewhere()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `work` reads, for parts of core with tables of their own (see `LibraryFile.read`)."""
        return self._file.read(work)

    def write(self, work: Callable[[sqlite3.Connection, int], T]) -> T:
        """Do `work` in one transaction, which is on the disk when this returns (see `LibraryFile.write`)."""
        return self._file.write(work)

    def backup(self) -> None:
        """Write a backup now, even if none is due. If that fails, the older ones still exist."""
        self._file.backup()


def open_or_stand_in(path: Path, *, backups: Path) -> tuple[Library, str]:
    """Open a library; if the disk does not let us, return what stands in for it, and why, in sentences.

    Raises:
        LibraryTooNewError: a newer version of the app wrote it.
        LibraryError: another window is using it at this moment.
    """
    try:
        return Library.open(path, backups=backups), ""
    except LibraryTooNewError:
        raise
    except LibraryError as error:
        if isinstance(error.__cause__, sqlite3.Error) and failure_of(error.__cause__) is Failure.BUSY:
            raise
        return Library(NoFile(path, str(error))), str(error)
