"""Open Images: where its lists and photos are, and how the lists are read.

Open Images (V7) has about 1.9 million photos from Flickr in three subsets. People have confirmed for each photo that it
shows some things (confidence 1) and does not show others (confidence 0). Of the training subset only the photos with
box annotations are served, and only the 600 classes with boxes are worth looking for there; so the lists of exactly
those are used: 1 GB instead of 5.

The photos are served as JPEG files of at most 1024 pixels on the longer side. The column Rotation says by how many
degrees the picture must be rotated counterclockwise to be upright, derived from the EXIF orientation of the original.
Some served files still have that orientation in their own EXIF, some don't. The files are kept as they are served, and
the rotation is recorded beside them: the app's loader applies EXIF, and rotating the pixels here would rotate some
photos twice. The few others (2.6% are rotated at all) are used in the orientation they have.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from alpacasorter.i18n import _, join
from alpacasorter.training.open_images.fetch import DownloadError
from alpacasorter.training.open_images.list_cache import RemoteList

LISTS: Final = "https://storage.googleapis.com/openimages"
PHOTOS: Final = "https://open-images-dataset.s3.amazonaws.com"
"""Where the data is."""

SUBSETS: Final = ("validation", "test", "train")
"""The small ones first, so that a few photos need only small lists."""

_IMAGE_ID: Final = re.compile(rb"[0-9a-f]{16}")
_ID_LENGTH: Final = 16
_LABEL_COLUMNS: Final = ("ImageID", "Source", "LabelName", "Confidence")
_PHOTO_COLUMNS: Final = (
    "ImageID",
    "Subset",
    "OriginalURL",
    "OriginalLandingURL",
    "License",
    "AuthorProfileURL",
    "Author",
    "Title",
    "OriginalSize",
    "OriginalMD5",
    "Thumbnail300KURL",
    "Rotation",
)
_CLASS_COLUMNS: Final = ("LabelName", "DisplayName")
_LABELS: Final = {
    "validation": "v7/oidv7-val-annotations-human-imagelabels.csv",
    "test": "v7/oidv7-test-annotations-human-imagelabels.csv",
    "train": "v5/train-annotations-human-imagelabels-boxable.csv",
}
_PHOTO_LISTS: Final = {
    "validation": "2018_04/validation/validation-images-with-rotation.csv",
    "test": "2018_04/test/test-images-with-rotation.csv",
    "train": "2018_04/train/train-images-boxable-with-rotation.csv",
}
_LABELS_LIMIT: Final = 1 << 30
_PHOTOS_LIMIT: Final = 2 << 30
"""Bytes of a list; the longest have 0.4 and 0.6 GB."""
_MAX_LINES: Final = 20
_LONGEST_LINE: Final = 1 << 16
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])")


class UnknownClass(DownloadError):
    """Open Images has no class of this name."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where Open Images is served.

    Attributes:
        lists, photos: addresses without a trailing slash.
    """

    lists: str = LISTS
    photos: str = PHOTOS

    @classmethod
    def mirror(cls, base: str) -> Source:
        """Return a mirror that has the lists below `openimages` and the photos below `open-images-dataset`."""
        root = base.rstrip("/")
        return cls(f"{root}/openimages", f"{root}/open-images-dataset")

    def classes(self) -> RemoteList:
        """Return the list of all classes."""
        return RemoteList(f"{self.lists}/v7/oidv7-class-descriptions.csv", _CLASS_COLUMNS)

    def classes_with_boxes(self) -> RemoteList:
        """Return the list of the classes with box annotations, the only ones of the training photos."""
        return RemoteList(f"{self.lists}/v7/oidv7-class-descriptions-boxable.csv", _CLASS_COLUMNS)

    def labels(self, subset: str) -> RemoteList:
        """Return the list of what people confirmed the photos of a subset to show, or not to show."""
        return RemoteList(f"{self.lists}/{_LABELS[subset]}", _LABEL_COLUMNS, _LABELS_LIMIT)

    def photo_list(self, subset: str) -> RemoteList:
        """Return the list of the photos of a subset, with authors and licenses."""
        return RemoteList(f"{self.lists}/{_PHOTO_LISTS[subset]}", _PHOTO_COLUMNS, _PHOTOS_LIMIT)

    def photo(self, subset: str, image_id: str) -> str:
        """Return the address of a photo."""
        return f"{self.photos}/{subset}/{image_id}.jpg"


@dataclass(frozen=True, slots=True)
class PhotoClass:
    """A class of Open Images.

    Attributes:
        name: as shown to people, such as "Alpaca".
        labels: as in the lists, such as "/m/0pcr"; a few names stand for several.
        in_training: whether training photos are labeled with it.
    """

    name: str
    labels: frozenset[str]
    in_training: bool

    @property
    def folder(self) -> str:
        """A folder name for its photos that every system allows."""
        letters = unicodedata.normalize("NFKD", self.name.casefold()).encode("ascii", "ignore").decode()
        plain = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
        # Names with no ASCII letters at all must not all get the same folder.
        plain = plain or re.sub(r"[^a-z0-9]+", "_", min(self.labels)).strip("_")
        return f"{plain}_photos" if _RESERVED.fullmatch(plain) else plain


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """What the list of photos says about a photo.

    Attributes:
        image_id: 16 hexadecimal digits.
        rotation: degrees counterclockwise to make it upright, as in the list; empty if unknown.
    """

    image_id: str
    license: str
    author: str
    author_page: str
    title: str
    original_page: str
    original_url: str
    rotation: str


class Classes:
    """All classes, found by name, ignoring case."""

    def __init__(self, everything: Path, with_boxes: Path) -> None:
        """Read the two lists of classes."""
        boxed = {label for label, _ in _class_rows(with_boxes)}
        names: dict[str, str] = {}
        labels: dict[str, set[str]] = {}
        for label, name in _class_rows(everything):
            key = _key(name)
            names.setdefault(key, name)
            labels.setdefault(key, set()).add(label)
        self._classes = {
            key: PhotoClass(name, frozenset(labels[key]), not boxed.isdisjoint(labels[key]))
            for key, name in names.items()
        }

    def find(self, name: str) -> PhotoClass:
        """Return the class of this name.

        Raises:
            UnknownClass: there is none; the message suggests similar ones.
        """
        found = self._classes.get(_key(name))
        if found is not None:
            return found
        problem = _("Open Images has no class “{name}”.").format(name=name)
        hint = self.did_you_mean(name) or _("To list the classes whose name contains TEXT: {command}").format(
            command="alpacasorter dataset classes TEXT"
        )
        raise UnknownClass(f"{problem} {hint}")

    def search(self, text: str) -> list[PhotoClass]:
        """Return the classes with `text` in their name, in alphabetical order."""
        wanted = _key(text)
        return [self._classes[key] for key in sorted(self._classes) if wanted in key]

    def did_you_mean(self, name: str) -> str:
        """Return a sentence that suggests up to three classes with a similar name; empty if there are none."""
        similar = [self._classes[key].name for key in difflib.get_close_matches(_key(name), self._classes, n=3)]
        return _("Did you mean {names}?").format(names=join(similar, "or")) if similar else ""


def read_labels(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield (image id, label, whether the photo shows it) for each line with a wanted label.

    The list is read line by line, because it has millions of them; malformed lines are skipped.
    """
    pattern = re.compile(b"|".join(re.escape(f",{label},".encode()) for label in sorted(wanted)))
    with path.open("rb") as file:
        for line in _lines(file):
            if pattern.search(line) is None:
                continue
            parts = line.rstrip(b"\r\n").split(b",")
            if len(parts) != len(_LABEL_COLUMNS) or _IMAGE_ID.fullmatch(parts[0]) is None:
                continue
            shown = {b"1": True, b"1.0": True, b"0": False, b"0.0": False}.get(parts[3])
            if shown is not None:
                yield parts[0].decode("ascii"), parts[2].decode("utf-8", "replace"), shown


def read_photo_list(path: Path, ids: Collection[str]) -> dict[str, PhotoInfo]:
    """Return the entries of the photos with these ids, by id; those not in the list are missing."""
    wanted = {image_id.encode("ascii") for image_id in ids}
    found: dict[str, PhotoInfo] = {}
    with path.open("rb") as file:
        for line in _lines(file):
            if line[:_ID_LENGTH] not in wanted:
                continue
            # A title may span several lines.
            lines = 1
            while line.count(b'"') % 2 and lines < _MAX_LINES and (more := file.readline(_LONGEST_LINE)):
                line += more
                lines += 1
            info = _photo_info(line.decode("utf-8", errors="replace"))
            if info is not None:
                found[info.image_id] = info
                if len(found) == len(wanted):
                    break
    return found


def order_key(seed: int, image_id: str) -> bytes:
    """Return the sort key of a photo: an order that looks random but is the same every time."""
    return hashlib.sha256(f"{seed}:{image_id}".encode()).digest()


def _photo_info(record: str) -> PhotoInfo | None:
    try:
        rows = list(csv.reader(io.StringIO(record, newline="")))
    except csv.Error:
        return None
    if len(rows) != 1 or len(rows[0]) != len(_PHOTO_COLUMNS):
        return None
    row = dict(zip(_PHOTO_COLUMNS, rows[0], strict=True))
    return PhotoInfo(
        image_id=row["ImageID"],
        license=row["License"],
        author=row["Author"],
        author_page=row["AuthorProfileURL"],
        title=row["Title"],
        original_page=row["OriginalLandingURL"],
        original_url=row["OriginalURL"],
        rotation=row["Rotation"],
    )


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file, but none that is so long that it was not written by Open Images."""
    is_rest = False
    while line := file.readline(_LONGEST_LINE):
        is_whole = line.endswith(b"\n") or len(line) < _LONGEST_LINE
        if is_whole and not is_rest:
            yield line
        is_rest = not is_whole


def _class_rows(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        for row in csv.reader(line.decode("utf-8-sig", errors="replace") for line in _lines(file)):
            if len(row) == 2 and row[0].startswith("/"):
                yield row[0], row[1].strip()


def _key(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()
