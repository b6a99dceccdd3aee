"""Which packages of Debian and Ubuntu the built folder needs from the system, read from the libraries themselves."""

import re
import struct
import subprocess
from pathlib import Path
from typing import Final

RECOMMENDS: Final = ("fonts-dejavu-core | fonts-noto-core", "libvulkan1", "mesa-vulkan-drivers")
"""Any font, and what lets the graphics card judge; the program runs without a graphics card."""

_ALWAYS: Final = ("libegl1", "libgl1", "xkb-data", "fontconfig-config")
# The parts of libc6 and what else the loader finds there.
_LIBC: Final = frozenset(
    {
        "ld-linux-aarch64.so.1",
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libdl.so.2",
        "libm.so.6",
        "libmvec.so.1",
        "libpthread.so.0",
        "libresolv.so.2",
        "librt.so.1",
        "libutil.so.1",
    }
)
# PyInstaller leaves out what belongs to drivers or must match the system; these packages bring it.
_PACKAGES: Final = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdrm.so.2": "libdrm2",
    "libfontconfig.so.1": "libfontconfig1",
    "libgbm.so.1": "libgbm1",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libgthread-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libstdc++.so.6": "libstdc++6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
}
_ELF: Final = b"\x7fELF"
_MACHINES: Final = {62: "amd64", 183: "arm64"}
_AT_ONCE: Final = 200


class LibraryError(Exception):
    """The built folder needs what no known package brings, or is for no known machine."""


def architecture(program: Path) -> str:
    """Return Debian's name of the machines that a program runs on.

    Raises:
        LibraryError: it is no program for Linux, or for another kind of machine.
    """
    with program.open("rb") as file:
        head = file.read(20)
    machine = struct.unpack("<H", head[18:20])[0] if len(head) == 20 and head.startswith(_ELF) else 0
    if machine not in _MACHINES:
        raise LibraryError(f"{program} is no program for Linux on a machine that is known here.")
    return _MACHINES[machine]


def depends(dist: Path) -> list[str]:
    """Return what the package of a built folder depends on, sorted.

    Raises:
        LibraryError: a library is missing from the folder, and no known package brings it.
    """
    names = {path.name for path in dist.rglob("*")}
    needed, libc = _read(dist)
    wanted = {name: users for name, users in needed.items() if name not in names and name not in _LIBC}
    for name, user in wanted.items():
        if name not in _PACKAGES:
            raise LibraryError(
                f"{user} needs {name}, which is neither in {dist} nor in a package known to {Path(__file__).name}. "
                "Leave out what needs it, or name the package there."
            )
    return sorted({*_ALWAYS, *(_PACKAGES[name] for name in wanted), f"libc6 (>= {libc[0]}.{libc[1]})"})


def _read(dist: Path) -> tuple[dict[str, Path], tuple[int, int]]:
    """Return each needed library with one file that needs it, and the latest version of libc that any file asks for."""
    needed: dict[str, Path] = {}
    libc = (2, 17)
    binaries = [path for path in sorted(dist.rglob("*")) if path.is_file() and not path.is_symlink() and _is_elf(path)]
    for start in range(0, len(binaries), _AT_ONCE):
        some = [str(path) for path in binaries[start : start + _AT_ONCE]]
        # No check of the exit code: what objdump does not understand in full, it complains of and goes on.
        listed = subprocess.run(
            ["objdump", "-p", *some], capture_output=True, text=True, errors="replace", check=False
        ).stdout
        user = dist
        for line in listed.splitlines():
            if match := re.match(r"(.+):\s+file format ", line):
                user = Path(match[1])
            elif match := re.match(r"\s+NEEDED\s+(\S+)", line):
                needed.setdefault(match[1], user)
            elif match := re.search(r"\bGLIBC_(\d+)\.(\d+)", line):
                libc = max(libc, (int(match[1]), int(match[2])))
    return needed, libc


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF
