"""Color profiles for tests, built byte by byte because no vendor's profile may be copied into the project."""

from __future__ import annotations

import struct

# Primaries as XYZ adapted to D50, one row each for red, green and blue.
Primaries = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

DISPLAY_P3: Primaries = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
SRGB: Primaries = (
    (0.43607, 0.22249, 0.01392),
    (0.38515, 0.71687, 0.09708),
    (0.14307, 0.06061, 0.71410),
)
GAMMA = 2.2
_D50 = (0.96420, 1.0, 0.82491)


def rgb_profile(primaries: Primaries, *, description: str) -> bytes:
    """Return a matrix profile for RGB whose three curves are the power `GAMMA`."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(GAMMA * 256)) + bytes(2)
    tags = {b"desc": _description(description), b"wtpt": _xyz(_D50)}
    for name, primary in zip(b"rgb", primaries, strict=True):
        tags[bytes((name,)) + b"XYZ"] = _xyz(primary)
        tags[bytes((name,)) + b"TRC"] = curve
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def gray_profile() -> bytes:
    """Return a profile for gray of power 1, so that every midtone becomes much lighter in sRGB."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    return _profile(
        b"mntr", b"GRAY", b"XYZ ", {b"desc": _description("Linear gray"), b"wtpt": _xyz(_D50), b"kTRC": curve}
    )


def cmyk_profile() -> bytes:
    """Return a profile for CMYK in which cyan ink is red, so that a picture shows whether it was applied."""
    identity = struct.pack(">9i", *(0x10000 if at % 4 == 0 else 0 for at in range(9)))
    ramp = bytes(range(256))
    white, black, red = (255, 128, 128), (0, 128, 128), (136, 208, 195)
    corners = bytearray()
    for corner in range(16):  # bits from the highest: cyan, magenta, yellow, black
        cyan, key = corner & 8, corner & 1
        corners += bytes(black if key else red if cyan else white)
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + bytes(corners) + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"desc": _description("Odd ink"), b"wtpt": _xyz(_D50), b"A2B0": table})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    at = 128 + 4 + 12 * len(tags)
    index, body = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        index += name + struct.pack(">II", at + len(body), len(value))
        body += padded
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02400000, kind, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return head.ljust(128, b"\x00") + index + body


def _description(text: str) -> bytes:
    ascii_text = text.encode("ascii") + b"\x00"
    return b"desc" + bytes(4) + struct.pack(">I", len(ascii_text)) + ascii_text + bytes(8 + 3 + 67)


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(part * 65536) for part in value))
