"""What an earlier version of the app has stored, put into a folder of the test's own. Imports nothing of the app.

The fixtures were written by `make_fixtures.py`. The paths in them begin with `PLACEHOLDER`; here they are written anew,
and the files they name are made again, byte for byte and with the times of change that are noted in the databases.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).resolve().parent / "fixtures"
PICTURES = FIXTURES / "pictures"
PLACEHOLDER = "/placeholder/of/compat"
MARKER = ".alpacasorter-output"

FINISHED, UNDONE, UNDOING, INTERRUPTED, TORN, RETURNING, COPIED = range(1, 8)
"""Numbers of the sorts in the library, by state."""

LIBRARY_COLUMNS = (
    ("corrections", "path_hint"),
    ("recent_folders", "path"),
    ("sorts", "folder"),
    ("sorts", "destination"),
    ("sort_steps", "source"),
    ("sort_steps", "target"),
    ("sort_steps", "real"),
    ("sort_steps", "reason"),
    ("sort_folders", "path"),
)
CACHE_COLUMNS = (("files", "path"),)


def relocate(database: Path, columns: tuple[tuple[str, str], ...], before: str, after: str) -> None:
    """Have all paths in a database begin differently."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for table, column in columns:
            # A path is stored as bytes and a sentence as text: each stays what it is.
            connection.execute(
                f"UPDATE {table} SET {column} = CASE typeof({column})"
                f" WHEN 'blob' THEN CAST(replace(CAST({column} AS TEXT), ?, ?) AS BLOB)"
                f" ELSE replace({column}, ?, ?) END WHERE {column} IS NOT NULL",
                (before, after, before, after),
            )


@cache
def manifest() -> Any:
    """Return what is noted of the fixtures: files and their contents, what is expected of the commands."""
    return json.loads((FIXTURES / "manifest.json").read_text(encoding="utf-8"))


def content(recipe: dict[str, str]) -> bytes:
    """Return the bytes of a file: a picture, text after its end, or only text."""
    picture = (PICTURES / recipe["picture"]).read_bytes() if "picture" in recipe else b""
    return picture + recipe.get("text", "").encode()


def put_file(path: Path, data: bytes, mtime_ns: int) -> None:
    """Write a file with a time of change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(mtime_ns, mtime_ns))


class Stored:
    """The data, the cache and the photos that the earlier version has left, in a folder.

    Attributes:
        root: with the folders of photos.
        data, cache: where the app is told to keep things.
        config: the folder of settings.
    """

    def __init__(self, place: Path) -> None:
        """Put everything into `place`, which need not be there yet."""
        self.root = place / "root"
        self.data = place / "data"
        self.cache = place / "cache"
        self.config = place / "config"
        self._put_databases()
        self._put_files()

    def _put_databases(self) -> None:
        for packed in FIXTURES.glob("*.sqlite.gz"):
            name = packed.name.removesuffix(".gz")
            is_backup = name not in ("library.sqlite", "cache.sqlite")
            folder = self.cache if name == "cache.sqlite" else self.data / "backups" if is_backup else self.data
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(gzip.decompress(packed.read_bytes()))
            columns = CACHE_COLUMNS if name == "cache.sqlite" else LIBRARY_COLUMNS
            relocate(folder / name, columns, PLACEHOLDER, str(self.root))
        self.settings.parent.mkdir(parents=True)
        ini = (FIXTURES / "settings.ini").read_text(encoding="utf-8")
        self.settings.write_text(ini.replace(PLACEHOLDER, str(self.root)), encoding="utf-8")

    def _put_files(self) -> None:
        for folder in manifest()["folders"]:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for name, about in manifest()["files"].items():
            path = self.root / name
            if "same_file_as" in about:
                os.link(self.root / about["same_file_as"], path)
            else:
                put_file(path, content(about), about["mtime_ns"])
                path.chmod(about["mode"])

    @property
    def library(self) -> Path:
        """The library."""
        return self.data / "library.sqlite"

    @property
    def settings(self) -> Path:
        """The settings of the window."""
        return self.config / "AlpacaSorter" / "AlpacaSorter.ini"

    def belongs_to(self, backbone_id: str, bundle_id: str) -> None:
        """Have the embeddings and learned heads, which are of a model that is no longer shipped, be of another one."""
        for database, table in ((self.library, "correction_embeddings"), (self.cache / "cache.sqlite", "embeddings")):
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                connection.execute(f"UPDATE {table} SET backbone_id = ?", (backbone_id,))
        with closing(sqlite3.connect(self.library, isolation_level=None)) as connection:
            connection.execute("UPDATE head_versions SET bundle_id = ?", (bundle_id,))

    def environment(self) -> dict[str, str]:
        """Return the variables by which the app finds all this."""
        return {
            "ALPACASORTER_DATA_DIR": str(self.data),
            "ALPACASORTER_CACHE_DIR": str(self.cache),
            "XDG_CONFIG_HOME": str(self.config),
        }

    def tree(self, folder: str) -> dict[str, str]:
        """Return the files below a folder of the root: by relative path the hash of the bytes."""
        return dict(_tree(self.root / folder))

    def times(self, folder: str) -> dict[str, int]:
        """Return when the files below a folder say they were changed, but for the app's own marks."""
        top = self.root / folder
        return {
            path.relative_to(top).as_posix(): path.stat().st_mtime_ns
            for path in sorted(top.rglob("*"))
            if path.is_file() and path.name != MARKER
        }

    def counts(self, table: str) -> int:
        """Return how many rows a table of the library has."""
        with closing(sqlite3.connect(self.library)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _tree(top: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if path.is_dir():
            yield f"{name}/", "folder"
        elif path.name == MARKER:
            yield name, "mark"
        else:
            yield name, hashlib.sha256(path.read_bytes()).hexdigest()[:16]
