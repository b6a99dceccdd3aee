"""A model as one file for sharing: packed from a bundle, and unpacked from an untrusted source.

The file is an uncompressed zip of model.json and the files it lists, nothing else; the same bundle always gives the
same bytes. Received files are only data: names are looked up in a short list and never used as paths, sizes are checked
before and during reading, and hashes decide in the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from alpacasorter.core.files import display_path
from alpacasorter.core.safe_write import creating, replacing, sweep_folder
from alpacasorter.i18n import _
from alpacasorter.ml.models.arrays import zip_end
from alpacasorter.ml.models.bundle import Bundle, verify
from alpacasorter.ml.models.metadata import (
    KERAS_WEIGHTS,
    KNOWN,
    METADATA,
    METADATA_LIMIT,
    BundleError,
    Fields,
    changed,
    incomplete,
    missing,
    refusal,
    too_large,
    unknown_file,
)

SUFFIX: Final = ".alpacamodel"

_NAMES: Final = (METADATA, *KNOWN)
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_PERMISSIONS: Final = 0o644
_ENCRYPTED: Final = 0x1
_CHUNK: Final = 1 << 20

_TABLE_LIMIT: Final = 1 << 16


def pack(bundle: Bundle, out: Path, *, overwrite: bool = False) -> None:
    """Write a bundle as one file, completely or not at all; the same bundle gives the same bytes everywhere.

    Args:
        bundle: the bundle.
        out: the file, usually named with the extension `SUFFIX`.
        overwrite: whether to replace an existing file.

    Raises:
        BundleError: a file of the bundle was changed since it was loaded.
        FileExistsError: `out` exists and may not be replaced.
        OSError: it can't be written; `out` is unchanged.
    """
    if KERAS_WEIGHTS in bundle.files and not (bundle.path / KERAS_WEIGHTS).exists():
        # The bundled model in a packaged program, which has no training.
        raise BundleError(
            _(
                "The model “{name}” can't be shared from here, because this package does not contain its training "
                "weights. It comes with every copy of AlpacaSorter, so you don't need to share it."
            ).format(name=display_path(bundle.path.name))
        )
    for name, facts in bundle.files.items():
        verify(bundle.path, name, *facts)
    sweep_folder(out.parent)
    with (replacing if overwrite else creating)(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in (METADATA, *sorted(bundle.files)):
            _put(archive, bundle.path / name, name)


def _put(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = _UNIX
    member.external_attr = (stat.S_IFREG | _PERMISSIONS) << 16
    member.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(member, "w") as target:
        shutil.copyfileobj(source, target, _CHUNK)


def unpack(file: Path, into: Path) -> None:
    """Unpack a model file into a new folder; if that fails, the folder is not created.

    This checks that the files are the right ones; `load_bundle` checks what is in them.

    Raises:
        BundleError: it is not a model file, or is hostile or damaged.
        OSError: it can't be read, or the folder can't be written.
    """
    try:
        with file.open("rb") as stream:
            _check_end(file, stream)
            with zipfile.ZipFile(stream) as archive:
                members = _members(file, archive.infolist(), os.fstat(stream.fileno()).st_size)
                files = _listed(file, archive, members)
                into.mkdir(0o700, parents=True)
                try:
                    for name, (digest, length) in files.items():
                        _extract(file, archive, members[name], into / name, digest, length)
                except BaseException:
                    shutil.rmtree(into, ignore_errors=True)
                    raise
    # Python's zip reader raises many kinds of errors.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error) as error:
        raise _refusal(file, _("It is damaged or not a model file.")) from error


def _refusal(file: Path, why: str) -> BundleError:
    return refusal(file, why, _("Ask the sender for another copy."))


def _check_end(file: Path, stream: IO[bytes]) -> None:
    """Refuse anything but a zip as `pack` writes it, before Python's reader builds a table of any size from it."""
    end = zip_end(stream)
    if end is None:
        raise _refusal(file, _("It is not a model file, or it is incomplete."))
    if not end.is_plain or end.members > len(_NAMES) or end.table > _TABLE_LIMIT:
        raise _refusal(file, _("It contains more than a model, or was changed."))


def _members(file: Path, found: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in found:
        name = member.filename
        if name not in _NAMES or member.orig_filename != name:
            raise _refusal(file, unknown_file(name))
        if name in members:
            raise _refusal(file, _("It contains {file} twice.").format(file=name))
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or member.flag_bits & _ENCRYPTED:
            raise _refusal(file, _("{file} is a link or encrypted.").format(file=name))
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise _refusal(file, _("{file} is stored in a way that AlpacaSorter does not use.").format(file=name))
        members[name] = member
    # If members share the same bytes, a small file would unpack to a large one.
    if sum(member.file_size for member in found) > size:
        raise _refusal(file, _("Its contents are larger than the file itself."))
    return members


def _listed(file: Path, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> dict[str, tuple[str, int]]:
    """Return hash and length of every file to unpack, on which model.json and the archive agree."""
    metadata = members.get(METADATA)
    if metadata is None:
        raise _refusal(file, missing(METADATA))
    if metadata.file_size > METADATA_LIMIT:
        raise _refusal(file, too_large(METADATA))
    raw = archive.read(metadata)
    try:
        data = json.loads(raw)
    except RecursionError as error:
        raise _refusal(file, _("{file} is invalid.").format(file=METADATA)) from error
    files = Fields(Path(display_path(file.name)), data).files()
    files[METADATA] = (hashlib.sha256(raw).hexdigest(), len(raw))
    for name, (_digest, length) in files.items():
        if name not in members:
            raise _refusal(file, missing(name))
        if members[name].file_size != length:
            raise _refusal(file, incomplete(name))
    for name in members:
        if name not in files:
            why = _("It contains {file}, which {metadata} does not list.").format(file=name, metadata=METADATA)
            raise _refusal(file, why)
    return files


def _extract(
    file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, digest: str, length: int
) -> None:
    hasher = hashlib.sha256()
    left = length
    with archive.open(member) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            hasher.update(chunk)
            target.write(chunk)
    if left or hasher.hexdigest() != digest:
        raise _refusal(file, changed(member.filename))
    with contextlib.suppress(OSError):
        path.chmod(0o600)
