"""What is known of the native libraries that come along with a frozen program: their names and licences.

A library is recognised by the stem of its file's name, so that the same rows serve for Debian's libraries, for those
in wheels (`libtiff-20b7e810.so.6.3.0`) and for those of Windows and macOS (`libcrypto-3-x64.dll`, `libavif.16.dylib`,
`libx265-217-276e7d75772a32bd086b54d54e01fd11.dll`, `libz.1.3.1.zlib-ng.dylib`).
"""

import re
from typing import Final, NamedTuple

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


class Known(NamedTuple):
    """A library's name and its licence as an SPDX expression."""

    name: str
    licence: str


class Inside(NamedTuple):
    """A library that is part of another one's file.

    `file` is a pattern of the file's name, `marker` a pattern of bytes that only its code holds; a group in it is the
    version.
    """

    file: re.Pattern[str]
    marker: re.Pattern[bytes]
    known: Known


_TABLE: Final = (
    (r"x11(-xcb)?", Known("libX11", "MIT AND X11")),
    (r"xau", Known("libXau", "MIT-open-group")),
    (r"xdmcp", Known("libXdmcp", "MIT-open-group")),
    (r"xcb(-\w[\w-]*)?", Known("libxcb", "X11")),
    (r"xcursor|xdamage|xrandr|xrender|xfixes", Known("X.Org libraries", "HPND-sell-variant")),
    (r"xcomposite|xext|xi|xinerama", Known("X.Org libraries", "MIT")),
    (r"xkbcommon(-x11)?", Known("xkbcommon", "MIT")),
    (r"wayland-\w+", Known("Wayland", "MIT")),
    (r"pixman-1", Known("Pixman", "MIT")),
    (r"cairo(-gobject)?", Known("cairo", "LGPL-2.1-only OR MPL-1.1")),
    (r"fontconfig", Known("Fontconfig", "HPND-sell-variant")),
    (r"freetype", Known("FreeType", "FTL OR GPL-2.0-or-later")),
    (r"fribidi", Known("FriBidi", _LGPL_21)),
    (r"graphite2", Known("Graphite2", "LGPL-2.1-or-later OR MPL-2.0 OR GPL-2.0-or-later")),
    (r"harfbuzz", Known("HarfBuzz", "MIT-Modern-Variant")),
    (r"datrie|thai", Known("libthai and libdatrie", _LGPL_21)),
    (r"(glib|gio|gmodule|gobject|gthread)-2(\.0)?", Known("GLib", _LGPL_21)),
    (r"dbus-1", Known("D-Bus", "AFL-2.1 OR GPL-2.0-or-later")),
    (r"systemd|udev", Known("systemd", _LGPL_21)),
    (r"blkid|mount", Known("util-linux", _LGPL_21)),
    (r"uuid", Known("libuuid", "BSD-3-Clause")),
    (r"cap", Known("libcap", "BSD-3-Clause OR GPL-2.0-only")),
    (r"selinux", Known("libselinux", PUBLIC_DOMAIN)),
    (r"bsd", Known("libbsd", "BSD-3-Clause AND BSD-2-Clause AND ISC")),
    (r"md", Known("libmd", "BSD-3-Clause AND BSD-2-Clause AND ISC AND Beerware")),
    (r"gcrypt|gpg-error", Known("Libgcrypt and Libgpg-error", _LGPL_21)),
    (r"com_err", Known("com_err", "MIT")),
    (r"gssapi_krb5|k5crypto|krb5(support)?", Known("MIT Kerberos", "MIT")),
    (r"keyutils", Known("keyutils", "LGPL-2.0-or-later")),
    (r"mvec|m|c|pthread|dl|rt", Known("GNU C library", _LGPL_21)),
    (r"gcc_s(_seh)?(-1)?|stdc\+\+(-6)?|gfortran", Known("GCC runtime libraries", _GCC)),
    (r"quadmath", Known("libquadmath", _LGPL_21)),
    (r"winpthread(-1)?", Known("winpthreads", "MIT AND BSD-3-Clause")),
    (r"(crypto|ssl)(-3|-1_1)?", Known("OpenSSL", "Apache-2.0")),
    (r"sqlite3", Known("SQLite", "blessing")),
    (r"ffi(-\d)?", Known("libffi", "MIT")),
    (r"expat", Known("Expat", "MIT")),
    (r"readline", Known("GNU Readline", "GPL-3.0-or-later")),
    (r"ncurses\w*|tinfo", Known("ncurses", "X11-distribute-modifications-variant")),
    (r"z(lib1?)?|zlib-ng2?", Known("zlib", "Zlib")),
    (r"bz2(-1\.0)?", Known("bzip2", "bzip2-1.0.6")),
    (r"lz4", Known("LZ4", "BSD-2-Clause")),
    (r"lzma", Known("XZ Utils (liblzma)", "0BSD")),
    (r"zstd", Known("Zstandard", "BSD-3-Clause OR GPL-2.0-only")),
    (r"brotli\w+", Known("Brotli", "MIT")),
    (r"pcre2-(8|16)", Known("PCRE2", "BSD-3-Clause")),
    (r"icu(data|i18n|uc|dt|in)\d*", Known("ICU", "Unicode-3.0 AND ICU")),
    (r"qt6\w+", Known("Qt", "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only")),
    (r"jpeg(-?62)?|turbojpeg", Known("libjpeg-turbo", "IJG AND BSD-3-Clause AND Zlib")),
    (r"png(16)?", Known("libpng", "libpng-2.0")),
    (r"tiff", Known("libtiff", "libtiff")),
    (r"webp(demux|mux)?|sharpyuv", Known("libwebp", "BSD-3-Clause")),
    (r"openjp2", Known("OpenJPEG", "BSD-2-Clause")),
    (r"lcms2", Known("Little CMS 2", "MIT")),
    (r"avif", Known("libavif", "BSD-2-Clause")),
    (r"dav1d", Known("dav1d", "BSD-2-Clause")),
    (r"aom", Known("libaom", "BSD-2-Clause")),
    (r"heif(-\d+)?", Known("libheif", "LGPL-3.0-or-later")),
    (r"de265(-\d+)?", Known("libde265", "LGPL-3.0-or-later")),
    (r"x265(-\d+)?", Known("x265", "GPL-2.0-or-later")),
    (r"(av(codec|format|util|filter|device)|sw(scale|resample))", Known("FFmpeg", _LGPL_21)),
    (r"(scipy_)?openblas(64_)?", Known("OpenBLAS", "BSD-3-Clause AND BSD-3-Clause-Open-MPI")),
    (r"opengl32sw", Known("Mesa", "MIT")),
    (
        r"vcruntime140(_1)?|msvcp140\w*|ucrtbase|concrt140|vc(omp|amp|corlib)140|api-ms-win-.+",
        Known("Microsoft runtime", MICROSOFT),
    ),
)
_PATTERNS: Final = tuple((re.compile(stem, re.IGNORECASE), known) for stem, known in _TABLE)


def _inside(file: str, marker: bytes, name: str, licence: str) -> Inside:
    return Inside(re.compile(file, re.IGNORECASE), re.compile(marker), Known(name, licence))


INSIDE: Final = (
    _inside(r"avif", rb"dav1d_version", "dav1d", "BSD-2-Clause"),
    _inside(r"avif", rb"AOMedia Project AV1 Encoder (\d+\.\d+\.\d+)?", "libaom", "BSD-2-Clause"),
    _inside(r"avif", rb"for libyuv", "libyuv", "BSD-3-Clause"),
    _inside(r"^_imaging\.", rb"zlib_ng_version", "zlib-ng", "Zlib"),
    _inside(r"^(lib)?Qt6?Core", rb"PCRE2_USE_OFFSET_LIMIT", "PCRE2", "BSD-3-Clause"),
    _inside(r"^(lib)?Qt6?Gui", rb"libpng version (\d+\.\d+\.\d+)", "libpng", "libpng-2.0"),
    _inside(r"^(lib)?Qt6?Gui", rb"harfbuzz", "HarfBuzz", "MIT-Modern-Variant"),
    _inside(r"^(lib)?Qt6?Gui", rb"mity/md4c", "MD4C", "MIT"),
    _inside(r"LiteRt|pywrap_litert", rb"XNNPACK", "XNNPACK", "BSD-3-Clause"),
    _inside(r"LiteRt|pywrap_litert", rb"external/ruy/", "ruy", "Apache-2.0"),
    _inside(r"LiteRt|pywrap_litert", rb"com_google_absl", "Abseil", "Apache-2.0"),
    _inside(r"LiteRt|pywrap_litert", rb"EigenForTFLite", "Eigen", "MPL-2.0"),
    _inside(r"LiteRt|pywrap_litert", rb"gemmlowp", "gemmlowp", "Apache-2.0"),
    _inside(r"LiteRt|pywrap_litert", rb"11flatbuffers", "FlatBuffers", "Apache-2.0"),
    _inside(r"LiteRt|pywrap_litert", rb"google8protobuf", "Protocol Buffers", "BSD-3-Clause"),
    _inside(r"WebGpuAccelerator", rb"spvtools", "SPIRV-Tools", "Apache-2.0"),
    _inside(r"WebGpuAccelerator", rb"dawn::", "Dawn", "BSD-3-Clause"),
)
"""What is linked into the files of wheels and can be told from their bytes."""

_X265_NAME: Final = re.compile(r"x265", re.IGNORECASE)
_X265_CODE: Final = re.compile(rb"HEVC encoder")
_LARGEST_STAND_IN: Final = 1 << 16
"""Bytes; the encoder itself has ten million and more."""


def stem(file_name: str) -> str:
    """Return "tiff" of "libtiff-20b7e810.so.6.3.0", and the name itself where it is no library's."""
    match = _STEM.match(file_name)
    return match["stem"] if match else file_name


def known(file_name: str) -> Known | None:
    """Return what is known of a library; None where it is a stranger."""
    name = stem(file_name)
    return next((row for pattern, row in _PATTERNS if pattern.fullmatch(name)), None)


def is_like_x265(file_name: str) -> bool:
    """Tell whether a library has the encoder's name in its own, in whatever form."""
    return bool(NATIVE.search(file_name) and _X265_NAME.search(file_name))


def is_stand_in(file_name: str, content: bytes) -> bool:
    """Tell whether a library is named like x265 but does not hold the encoder."""
    return is_like_x265(file_name) and len(content) <= _LARGEST_STAND_IN and not _X265_CODE.search(content)
