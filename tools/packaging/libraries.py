"""Identifies the native libraries in a frozen program: by file name, by content, and by asking dpkg.

A library is recognized by the stem of its file name, so that the same table works for Debian's libraries, for those in
wheels (`libtiff-20b7e810.so.6.3.0`), and for those on Windows and macOS (`libcrypto-3-x64.dll`, `libavif.16.dylib`,
`libx265-217-276e7d75772a32bd086b54d54e01fd11.dll`, `libz.1.3.1.zlib-ng.dylib`).
"""

import hashlib
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

PUBLIC_DOMAIN: Final = "LicenseRef-Public-Domain"
MICROSOFT: Final = "LicenseRef-Microsoft-Visual-Cpp-Runtime"
_GCC: Final = "GPL-3.0-or-later WITH GCC-exception-3.1"
_LGPL_21: Final = "LGPL-2.1-or-later"

NATIVE: Final = re.compile(r"\.(so(\.[\w.]+)?|dylib|dll|pyd)$", re.IGNORECASE)
_STEM: Final = re.compile(
    r"^(?:lib)?(?P<stem>.+?)(?:(?:-\d{1,4})?(?:-[0-9a-f]{8,32})+)?(?:-x64|-x86|-arm64)?"
    r"(?:\.\d[\w.-]*)?\.(?:so|dylib|dll|pyd)(?:\.[\w.]+)?$",
    re.IGNORECASE,
)


class Library(NamedTuple):
    """A library's name, and its license as an SPDX expression."""

    name: str
    license: str


class EmbeddedLibrary(NamedTuple):
    """A library that is linked into another file.

    `file` matches the name of that file and `marker` bytes that only the library's code contains. A group in `marker`
    is the version.
    """

    file: re.Pattern[str]
    marker: re.Pattern[bytes]
    library: Library


_TABLE: Final = (
    (r"x11(-xcb)?", Library("libX11", "MIT AND X11")),
    (r"xau", Library("libXau", "MIT-open-group")),
    (r"xdmcp", Library("libXdmcp", "MIT-open-group")),
    (r"xcb(-\w[\w-]*)?", Library("libxcb", "X11")),
    (r"xcursor|xdamage|xrandr|xrender|xfixes", Library("X.Org libraries", "HPND-sell-variant")),
    (r"xcomposite|xext|xi|xinerama", Library("X.Org libraries", "MIT")),
    (r"xkbcommon(-x11)?", Library("xkbcommon", "MIT")),
    (r"wayland-\w+", Library("Wayland", "MIT")),
    (r"pixman-1", Library("Pixman", "MIT")),
    (r"cairo(-gobject)?", Library("cairo", "LGPL-2.1-only OR MPL-1.1")),
    (r"fontconfig", Library("Fontconfig", "HPND-sell-variant")),
    (r"freetype", Library("FreeType", "FTL OR GPL-2.0-or-later")),
    (r"fribidi", Library("FriBidi", _LGPL_21)),
    (r"graphite2", Library("Graphite2", "LGPL-2.1-or-later OR MPL-2.0 OR GPL-2.0-or-later")),
    (r"harfbuzz", Library("HarfBuzz", "MIT-Modern-Variant")),
    (r"datrie|thai", Library("libthai and libdatrie", _LGPL_21)),
    (r"(glib|gio|gmodule|gobject|gthread)-2(\.0)?", Library("GLib", _LGPL_21)),
    (r"dbus-1", Library("D-Bus", "AFL-2.1 OR GPL-2.0-or-later")),
    (r"systemd|udev", Library("systemd", _LGPL_21)),
    (r"blkid|mount", Library("util-linux", _LGPL_21)),
    (r"uuid", Library("libuuid", "BSD-3-Clause")),
    (r"cap", Library("libcap", "BSD-3-Clause OR GPL-2.0-only")),
    (r"selinux", Library("libselinux", PUBLIC_DOMAIN)),
    (r"bsd", Library("libbsd", "BSD-3-Clause AND BSD-2-Clause AND ISC")),
    (r"md", Library("libmd", "BSD-3-Clause AND BSD-2-Clause AND ISC AND Beerware")),
    (r"gcrypt|gpg-error", Library("Libgcrypt and Libgpg-error", _LGPL_21)),
    (r"com_err", Library("com_err", "MIT")),
    (r"gssapi_krb5|k5crypto|krb5(support)?", Library("MIT Kerberos", "MIT")),
    (r"keyutils", Library("keyutils", "LGPL-2.0-or-later")),
    (r"mvec|m|c|pthread|dl|rt", Library("GNU C library", _LGPL_21)),
    (r"gcc_s(_seh)?(-1)?|stdc\+\+(-6)?|gfortran", Library("GCC runtime libraries", _GCC)),
    (r"quadmath", Library("libquadmath", _LGPL_21)),
    (r"winpthread(-1)?", Library("winpthreads", "MIT AND BSD-3-Clause")),
    (r"(crypto|ssl)(-3|-1_1)?", Library("OpenSSL", "Apache-2.0")),
    (r"sqlite3", Library("SQLite", "blessing")),
    (r"ffi(-\d)?", Library("libffi", "MIT")),
    (r"expat", Library("Expat", "MIT")),
    (r"readline", Library("GNU Readline", "GPL-3.0-or-later")),
    (r"ncurses\w*|tinfo", Library("ncurses", "X11-distribute-modifications-variant")),
    (r"z(lib1?)?|zlib-ng2?", Library("zlib", "Zlib")),
    (r"bz2(-1\.0)?", Library("bzip2", "bzip2-1.0.6")),
    (r"lz4", Library("LZ4", "BSD-2-Clause")),
    (r"lzma", Library("XZ Utils (liblzma)", "0BSD")),
    (r"zstd", Library("Zstandard", "BSD-3-Clause OR GPL-2.0-only")),
    (r"brotli\w+", Library("Brotli", "MIT")),
    (r"pcre2-(8|16)", Library("PCRE2", "BSD-3-Clause")),
    (r"icu(data|i18n|uc|dt|in)\d*", Library("ICU", "Unicode-3.0 AND ICU")),
    (r"qt6\w+", Library("Qt", "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only")),
    (r"jpeg(-?62)?|turbojpeg", Library("libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib")),
    (r"png(16)?", Library("libpng", "libpng-2.0")),
    (r"tiff", Library("libtiff", "libtiff")),
    (r"webp(demux|mux)?|sharpyuv", Library("libwebp", "BSD-3-Clause")),
    (r"openjp2", Library("OpenJPEG", "BSD-2-Clause")),
    (r"lcms2", Library("Little CMS 2", "MIT")),
    (r"avif", Library("libavif", "BSD-2-Clause")),
    (r"dav1d", Library("dav1d", "BSD-2-Clause")),
    (r"aom", Library("libaom", "BSD-2-Clause")),
    (r"heif(-\d+)?", Library("libheif", "LGPL-3.0-or-later")),
    (r"de265(-\d+)?", Library("libde265", "LGPL-3.0-or-later")),
    (r"x265(-\d+)?", Library("x265", "GPL-2.0-or-later")),
    (r"(av(codec|format|util|filter|device)|sw(scale|resample))", Library("FFmpeg", _LGPL_21)),
    (r"(scipy_)?openblas(64_)?", Library("OpenBLAS", "BSD-3-Clause AND BSD-3-Clause-Open-MPI")),
    (r"opengl32sw", Library("Mesa", "MIT")),
    (
        r"vcruntime140(_1)?|msvcp140\w*|ucrtbase|concrt140|vc(omp|amp|corlib)140|api-ms-win-.+",
        Library("Microsoft runtime", MICROSOFT),
    ),
)
_PATTERNS: Final = tuple((re.compile(stem, re.IGNORECASE), library) for stem, library in _TABLE)


def _embedded(file: str, marker: bytes, name: str, license_id: str) -> EmbeddedLibrary:
    return EmbeddedLibrary(re.compile(file, re.IGNORECASE), re.compile(marker), Library(name, license_id))


EMBEDDED: Final = (
    _embedded(r"avif", rb"dav1d_version", "dav1d", "BSD-2-Clause"),
    _embedded(r"avif", rb"AOMedia Project AV1 Encoder (\d+\.\d+\.\d+)?", "libaom", "BSD-2-Clause"),
    _embedded(r"avif", rb"for libyuv", "libyuv", "BSD-3-Clause"),
    _embedded(r"^_imaging\.", rb"zlib_ng_version", "zlib-ng", "Zlib"),
    _embedded(r"^(lib)?Qt6?Core", rb"PCRE2_USE_OFFSET_LIMIT", "PCRE2", "BSD-3-Clause"),
    _embedded(r"^(lib)?Qt6?Gui", rb"libpng version (\d+\.\d+\.\d+)", "libpng", "libpng-2.0"),
    _embedded(r"^(lib)?Qt6?Gui", rb"harfbuzz", "HarfBuzz", "MIT-Modern-Variant"),
    _embedded(r"^(lib)?Qt6?Gui", rb"mity/md4c", "MD4C", "MIT"),
    _embedded(r"LiteRt|pywrap_litert", rb"XNNPACK", "XNNPACK", "BSD-3-Clause"),
    _embedded(r"LiteRt|pywrap_litert", rb"external/ruy/", "ruy", "Apache-2.0"),
    _embedded(r"LiteRt|pywrap_litert", rb"com_google_absl", "Abseil", "Apache-2.0"),
    _embedded(r"LiteRt|pywrap_litert", rb"EigenForTFLite", "Eigen", "MPL-2.0"),
    _embedded(r"LiteRt|pywrap_litert", rb"gemmlowp", "gemmlowp", "Apache-2.0"),
    _embedded(r"LiteRt|pywrap_litert", rb"11flatbuffers", "FlatBuffers", "Apache-2.0"),
    _embedded(r"LiteRt|pywrap_litert", rb"google8protobuf", "Protocol Buffers", "BSD-3-Clause"),
    _embedded(r"WebGpuAccelerator", rb"spvtools", "SPIRV-Tools", "Apache-2.0"),
    _embedded(r"WebGpuAccelerator", rb"dawn::", "Dawn", "BSD-3-Clause"),
)
"""Libraries that are linked into the files of wheels and can be recognized by their bytes."""

_X265_NAME: Final = re.compile(r"x265", re.IGNORECASE)
_X265_CODE: Final = re.compile(rb"HEVC encoder")
_MAX_STUB: Final = 1 << 16
"""Bytes; the real encoder has ten million or more."""


def stem(file_name: str) -> str:
    """Return "tiff" for "libtiff-20b7e810.so.6.3.0", and the name itself if it is not a library's."""
    match = _STEM.match(file_name)
    return match["stem"] if match else file_name


def identify(file_name: str) -> Library | None:
    """Return the library with that file name; None if it is unknown."""
    name = stem(file_name)
    return next((library for pattern, library in _PATTERNS if pattern.fullmatch(name)), None)


def is_named_x265(file_name: str) -> bool:
    """Return whether a library has the encoder's name anywhere in its own."""
    return bool(NATIVE.search(file_name) and _X265_NAME.search(file_name))


def is_x265_stub(file_name: str, content: bytes) -> bool:
    """Return whether a library is named like x265 but does not contain the encoder."""
    return is_named_x265(file_name) and len(content) <= _MAX_STUB and not _X265_CODE.search(content)


# Libraries from Debian packages


@dataclass(frozen=True)
class DebianPackage:
    """A package that was installed where the program was built.

    `copyright` is its file about licenses, `source` the name and version of its source package.
    """

    name: str
    version: str
    purl: str
    copyright: Path | None
    source: str


def debian_packages(files: list[tuple[str, str]]) -> dict[str, DebianPackage]:
    """Return the installed package that each library came from, by file name; empty on other systems.

    Libraries are given as file name and SHA-256. If no package has a file with the same bytes, the same name is enough:
    the library may have been stripped.
    """
    if not files or shutil.which("dpkg-query") is None:
        return {}
    owners = _owners([name for name, _ in files])
    chosen = {}
    for name, digest in files:
        candidates = owners.get(name, [])
        same = [package for package, path in candidates if _digest(path) == digest]
        if candidates:
            chosen[name] = (same or [package for package, _ in candidates])[0]
    described = _describe(sorted(set(chosen.values())))
    return {name: described[package] for name, package in chosen.items() if package in described}


def _lines_of(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    return done.stdout.splitlines()


def _owners(names: list[str]) -> dict[str, list[tuple[str, Path]]]:
    """Return, for each name, the packages ("libz1:amd64") that have a library of that name."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for folder in _library_folders():
        for name in names:
            path = folder / name
            if path.exists():
                real = path.resolve()
                # A package may list /lib even if that is a link to /usr/lib on this system.
                for place in {str(path), str(real), str(path).removeprefix("/usr"), str(real).removeprefix("/usr")}:
                    wanted[place].add(name)
    found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    # Full paths, because a pattern is compared with every file on the system, which takes half a minute.
    for line in _lines_of(["dpkg-query", "--search", *sorted(wanted)]) if wanted else []:
        package, separator, place = line.partition(": ")
        for name in wanted.get(place, ()) if separator and "," not in package else ():
            found[name].append((package, Path(place)))
    return {name: sorted(places) for name, places in found.items()}


def _library_folders() -> list[Path]:
    lines = _lines_of(["ldconfig", "-v", "-N"]) if shutil.which("ldconfig") else []
    folders = [Path(line.split(":")[0]) for line in lines if line.startswith("/")]
    return folders or [Path("/usr/lib"), Path("/lib"), *Path("/usr/lib").glob("*-linux-gnu")]


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _describe(names: list[str]) -> dict[str, DebianPackage]:
    if not names:
        return {}
    system = _system()
    described = {}
    form = "${binary:Package}\t${Package}\t${Architecture}\t${Version}\t${source:Package} ${source:Version}\n"
    for line in _lines_of(["dpkg-query", "--show", "--showformat", form, *names]):
        whole, name, architecture, version, source = line.split("\t")
        purl = f"pkg:deb/{system}/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}"
        text = Path("/usr/share/doc", name, "copyright")
        package = DebianPackage(name, version, purl, text if text.is_file() else None, source)
        described[whole] = package
        described[name] = package
    return described


def _system() -> str:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("ID", "debian").strip('"')
