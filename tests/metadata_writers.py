"""Writes metadata into pictures as other programs do: the bytes of the file change, the picture does not.

write_keyword(path)                  a keyword, by a writer of our own for the container
write_keyword(path, by="exiftool")   the same by another program, if it is installed
"""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
from pathlib import Path

from PIL import Image

from tests.picture_files import png_chunk

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>holiday</rdf:li></rdf:Bag>'
    b'</dc:subject></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
PROGRAMS = ("exiftool", "exiv2")

_COMMANDS = {
    ("exiftool", "keyword"): ("exiftool", "-q", "-overwrite_original", "-XMP-dc:Subject+=holiday", "-XMP:Rating=4"),
    ("exiftool", "turn"): ("exiftool", "-q", "-overwrite_original", "-n", "-Orientation=8"),
    ("exiftool", "strip"): ("exiftool", "-q", "-overwrite_original", "-all="),
    ("exiv2", "strip"): ("exiv2", "rm"),
    ("exiv2", "keyword"): ("exiv2", "-M", "set Xmp.dc.subject holiday", "-M", "set Exif.Photo.UserComment Lama"),
    ("exiv2", "turn"): ("exiv2", "-M", "set Exif.Image.Orientation 8"),
}


def can_run(program: str) -> bool:
    """Tell whether another program is installed."""
    return shutil.which(program) is not None


def write_keyword(*paths: Path, by: str = "ourselves", change: str = "keyword") -> None:
    """Write a keyword into pictures; `change`: "turn" their orientation flags or "strip" them, which needs a program.

    Raises:
        subprocess.CalledProcessError: the program can't write this kind of file.
    """
    if by == "ourselves":
        for path in paths:
            path.write_bytes(with_keyword(path.read_bytes()))
    else:
        subprocess.run([*_COMMANDS[by, change], *map(str, paths)], check=True, capture_output=True, timeout=60)


def with_keyword(data: bytes, xmp: bytes = XMP) -> bytes:
    """Return a picture with a keyword in it."""
    if data.startswith(b"\xff\xd8"):
        return _in_jpeg(data, xmp)
    if data.startswith(b"\x89PNG"):
        text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp)
        return data[:33] + text + data[33:-12] + png_chunk(b"tEXt", b"Comment\x00holiday") + data[-12:]
    if data.startswith(b"RIFF"):
        return _in_webp(data, xmp)
    if data.startswith(b"GIF"):
        return _in_gif(data, xmp)
    if data[:2] in (b"II", b"MM"):
        return _in_tiff(data, xmp)
    return _in_iso_media(data, xmp)


def _in_jpeg(data: bytes, xmp: bytes) -> bytes:
    payload = b"http://ns.adobe.com/xap/1.0/\x00" + xmp
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(payload)) + payload
    return data[:2] + segment + b"\xff\xfe\x00\x09holiday" + data[2:]


def _in_webp(data: bytes, xmp: bytes) -> bytes:
    """Add the chunk, and for a plain file the header that a file with metadata must have."""
    body = data[12:]
    if body[:4] == b"VP8X":
        body = body[:8] + bytes([body[8] | 4]) + body[9:]
    else:
        width, height = Image.open(io.BytesIO(data)).size
        flags = bytes([4 | 16 * (body[:4] == b"VP8L")]) + bytes(3)
        header = flags + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"VP8X" + struct.pack("<L", 10) + header + body
    body += b"XMP " + struct.pack("<L", len(xmp)) + xmp + bytes(len(xmp) % 2)
    return b"RIFF" + struct.pack("<L", 4 + len(body)) + b"WEBP" + body


def _in_gif(data: bytes, xmp: bytes) -> bytes:
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    magic = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
    application = b"\x21\xff\x0bXMP DataXMP" + xmp + magic
    return b"GIF89a" + data[6:at] + application + b"\x21\xfe\x07holiday\x00" + data[at:]


def _in_tiff(data: bytes, xmp: bytes) -> bytes:
    """Move the directory to the end, with one more entry in it; the old one stays as unused bytes."""
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "L", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    entries = [data[at + 2 + 12 * n : at + 14 + 12 * n] for n in range(count)]
    entries = [entry for entry in entries if entry[:2] != struct.pack(order + "H", 700)]
    data += bytes(len(data) % 2)
    entries.append(struct.pack(order + "HHLL", 700, 1, len(xmp), len(data)))
    entries.sort(key=lambda entry: struct.unpack(order + "H", entry[:2]))
    data += xmp + bytes(len(xmp) % 2)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack(order + "L", len(data)) + data[8:] + directory


def _in_iso_media(data: bytes, xmp: bytes) -> bytes:
    """Put a box with the packet behind `ftyp`, and correct where the items are."""
    start = int.from_bytes(data[:4], "big")
    extra = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + xmp
    box = struct.pack(">L", 8 + len(extra)) + b"uuid" + extra
    changed = bytearray(data)
    at = data.index(b"iloc") + 4
    version = data[at]
    sizes = int.from_bytes(data[at + 4 : at + 6], "big")
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    at += 6
    id_size = 4 if version == 2 else 2
    count = int.from_bytes(data[at : at + id_size], "big")
    at += id_size
    for _ in range(count):
        at += id_size
        method = data[at + 1] & 15 if version else 0
        at += (2 if version else 0) + 2
        place, at = at, at + base_size
        extents = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if method == 0 and base_size:
            _add(changed, place, base_size, len(box))
        for _extent in range(extents):
            at += index_size if version else 0
            if method == 0 and not base_size:
                _add(changed, at, offset_size, len(box))
            at += offset_size + length_size
    return bytes(changed[:start]) + box + bytes(changed[start:])


def _add(data: bytearray, at: int, size: int, number: int) -> None:
    data[at : at + size] = (int.from_bytes(data[at : at + size], "big") + number).to_bytes(size, "big")
