"""Random damage to files, the same for the same number: what disks, cables, other programs and power cuts do."""

from __future__ import annotations

import random
from pathlib import Path

PAGE = 4096
_NOT_UTF_8 = (b"\xff", b"\x9e", b"\xc3\x28", b"\xed\xa0\x80")


def damaged(data: bytes, number: int, *, keep: int = 0) -> bytes:
    """Return the content of a file with damage of some kind; the kinds take turns.

    Args:
        data: at least one byte.
        number: the seed.
        keep: the first byte that may be changed.
    """
    chance = random.Random(number)
    spoiled = bytearray(data)
    last = len(spoiled) - 1

    def place() -> int:
        return chance.randint(min(keep, last), last)

    match number % 8:
        case 0:
            for _ in range(chance.randint(1, 3)):
                at = place() // PAGE * PAGE
                spoiled[at : at + PAGE] = bytes(len(spoiled[at : at + PAGE]))
        case 1:
            at = place() // PAGE * PAGE
            spoiled[at : at + PAGE] = chance.randbytes(len(spoiled[at : at + PAGE]))
        case 2:
            for _ in range(50):
                spoiled[place()] = chance.randrange(256)
        case 3:
            spoiled[place()] ^= 1 << chance.randrange(8)
        case 4:
            del spoiled[place() :]
        case 5:
            # In text, where there is some.
            letters = [at for at in range(keep, len(data)) if 0x61 <= data[at] <= 0x7A] or [last]
            for _ in range(chance.randint(1, 20)):
                at = chance.choice(letters)
                noise = chance.choice(_NOT_UTF_8)[: len(spoiled) - at]
                spoiled[at : at + len(noise)] = noise
        case 6:
            at = place()
            noise = chance.randbytes(chance.randint(1, 3000))[: len(spoiled) - at]
            spoiled[at : at + len(noise)] = noise
        case 7:
            # A piece of another place, as by a torn write.
            at, other = place(), place()
            piece = data[other : other + 512][: len(spoiled) - at]
            spoiled[at : at + len(piece)] = piece
    return bytes(spoiled)


def damage(path: Path, number: int) -> bool:
    """Damage a file; tell whether that changed anything."""
    data = path.read_bytes()
    if not data:
        return False
    spoiled = damaged(data, number)
    path.write_bytes(spoiled)
    return spoiled != data
