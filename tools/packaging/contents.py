"""What goes into the packaged program and what stays out, and why; used by `alpacasorter.spec` and `package.py`.

Tables of PyInstaller are lists of (name inside the package, file it comes from, kind); names here use "/" everywhere.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

FULL_VARIABLE: Final = "ALPACASORTER_WITH_TENSORFLOW"
"""Set to 1, it builds the program with training inside."""

Entry = tuple[str, str, str]


TRAINING_MODULES: Final = ("h5py", "keras", "tensorflow")
"""Only alpacasorter.training imports them, inside functions, and asks first whether they are there."""

EXCLUDED_MODULES: Final = (
    # Test suites and build tools that libraries mention for their own development; the app never runs them.
    "hypothesis",
    "numpy.f2py",
    "pip",
    "pkg_resources",
    "pytest",
    "setuptools",
    # A development check of the head looks for scikit-learn first, which needs SciPy. NumPy does without either.
    "scipy",
    "sklearn",
    # Another toolkit's windows, which Pillow offers to draw in. Ours are Qt's.
    "PIL.ImageTk",
    "PIL._tkinter_finder",
    "tkinter",
    # Calls over a network: only TensorFlow's debugger, which nobody starts here, speaks to another program so.
    "grpc",
    # The keyboard of a terminal: only Python's own prompt and debugger use it. libreadline is under the GPL besides.
    "curses",
    "readline",
)

TRAINING_FILES: Final = ("models/alpaca/keras_weights.npz", "models/mobilenet_v2.npz")
"""Weights that only a training reads."""

LEFT_OUT: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Plug-ins for accelerators of phones and laptops whose drivers are not shipped. LiteRT looks for them in a
        # folder that it is never given. Its WebGPU one, which serves every vendor's graphics card, stays.
        r"^ai_edge_litert/vendors/",
        # The look of GTK, with all of GTK behind it. The app draws its own colours; dialogs come from the portal.
        r"/platformthemes/libqgtk3\.",
        # Ways to draw without a desktop: straight to the screen, to a remote viewer, by EGL or Vulkan alone.
        r"/egldeviceintegrations/|/platforms/libq(eglfs|linuxfb|minimal|minimalegl|vkkhrdisplay|vnc)\.|libQt6EglF",
        # TLS, and whether there is a network. The window only talks to a second start of itself, by a local socket.
        r"/plugins/(tls|networkinformation)/",
        # Mouse, keyboard, tablet and touch read from the kernel, which a desktop does for us.
        r"/plugins/generic/",
        # Pictures of files that Qt never opens here: photos are decoded by Pillow. JPEG (thumbnails) and SVG stay.
        r"/imageformats/(lib)?q(gif|icns|tga|tiff|wbmp|webp)\.",
        # OpenGL on the processor for Windows. No window here asks for OpenGL.
        r"(^|/)opengl32sw\.dll$",
        # Sentences of Qt in other languages; the app is in English only.
        r"^PySide6/(Qt/)?translations/",
        # Of TensorFlow: types for editors; what writes a model as text for other compilers; and operations for Google's
        # own processors, which no module loads (all that training uses is in libtensorflow_cc).
        r"^tensorflow/(.+\.pyi$|compiler/mlir/stablehlo/stablehlo_extension\.|compiler/tf2xla/ops/_xla_ops\.)",
        # What only building needs.
        r"^resources/packaging/",
        # What pip notes down: paths and dates of the machine that built it.
        r"\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$",
        # Every Linux desktop has these, of the age of its graphics drivers or newer. Older ones, loaded first, would
        # keep those drivers from loading.
        r"^lib(stdc\+\+|gcc_s)\.so\.",
    )
)

_OTHER_BACK_ENDS: Final = re.compile(r"keras\.src\.backend\.(jax|openvino|torch)(\.|$)")
_STRIPPED: Final = re.compile(
    r"^libpython3[\d.]*\.so[\d.]*$|^python3[\d.]*/lib-dynload/"
    r"|^tensorflow/(libtensorflow_(cc|framework)\.so|python/profiler/internal/_pywrap_profiler_plugin\.so)"
)
# libmvec belongs to the C library of the system, and the encoder alone wants it.
_ENCODER: Final = re.compile(r"(^|/)libx265-[0-9a-f]+\.so\.\d+$")
_ONLY_FOR_ENCODER: Final = re.compile(r"^libmvec\.so\.")
_STUB: Final = """\
const void *x265_api_get_217(int bit_depth);
void x265_cleanup(void);
const void *x265_api_get_217(int bit_depth) { (void)bit_depth; return 0; }
void x265_cleanup(void) {}
"""
_STUB_NAMES: Final = {"x265_api_get_217", "x265_cleanup"}
_EVERYWHERE: Final = ("PySide6/Qt/lib/", "numpy.libs/", "pillow.libs/", "pillow_heif.libs/")


def plain(name: str) -> str:
    """Return a name inside the package with "/" between its parts."""
    return name.replace("\\", "/")


def wanted(name: str, *, full: bool = False) -> bool:
    """Tell whether a file goes into the package; `full` is the one with training."""
    name = plain(name)
    if name in TRAINING_FILES:
        return full
    return not any(pattern.search(name) for pattern in LEFT_OUT)


def is_used_of_keras(module: str) -> bool:
    """Tell whether a module of Keras goes into the full package: neither tests nor other back ends."""
    return not module.endswith("_test") and not _OTHER_BACK_ENDS.match(module)


def without_orphans(entries: Sequence[Entry], imports: Callable[[str], Iterable[str]]) -> list[Entry]:
    """Return the entries without the libraries that nothing else asks for, such as those of left-out plug-ins.

    Args:
        entries: the binaries of a package for Linux.
        imports: gives the names of all libraries that a file needs, directly or not.

    Only plain libraries can be orphans: extension modules, plug-ins, Python itself and whatever a package keeps in a
    folder of its own are opened by name.
    """
    files = [entry for entry in entries if entry[2] != "SYMLINK"]
    libraries = {PurePosixPath(plain(name)).name for name, _, _ in files if _is_library(plain(name))}
    needed = {
        PurePosixPath(plain(one)).name
        for name, source, _ in files
        if not _is_library(plain(name))
        for one in imports(source)
    }
    orphans = libraries - needed
    return [entry for entry in entries if entry[2] == "SYMLINK" or PurePosixPath(plain(entry[0])).name not in orphans]


def without_dangling(entries: Iterable[Entry], names: Iterable[str]) -> list[Entry]:
    """Return the entries without the links to files that were left out; `names` are those of all files there are."""
    there = {plain(name) for name in names}
    return [
        (name, target, kind)
        for name, target, kind in entries
        if kind != "SYMLINK"
        or posixpath.normpath(posixpath.join(posixpath.dirname(plain(name)), plain(target))) in there
    ]


def _is_library(name: str) -> bool:
    inside = PurePosixPath(name)
    at_home = len(inside.parts) == 1 or name.startswith(_EVERYWHERE)
    return at_home and ".so" in inside.name and not inside.name.startswith(("libpython", "_"))


def stripped(entries: Sequence[Entry], work: Path) -> list[Entry]:
    """Return the entries with copies of libraries that lack their symbols for debugging.

    Python's own (19 MB less) and the largest of TensorFlow (254 MB less) only: `strip` breaks some libraries of NumPy
    and Qt, which were changed after they were linked.
    Without `strip` (or where it fails) they stay as they are.
    """
    tool = shutil.which("strip")
    if tool is None or not sys.platform.startswith("linux"):
        return list(entries)
    work.mkdir(parents=True, exist_ok=True)
    found = []
    for name, source, kind in entries:
        if kind != "SYMLINK" and _STRIPPED.search(plain(name)):
            copy = work / Path(name).name
            shutil.copy2(source, copy)
            copy.chmod(0o755)
            if subprocess.run([tool, "--strip-unneeded", str(copy)], check=False).returncode == 0:
                source = str(copy)
        found.append((name, source, kind))
    return found


def without_encoder(entries: Sequence[Entry], work: Path) -> list[Entry]:
    """Return the entries with a library that does nothing in the place of x265.

    The decoder of HEIC is linked to that encoder (22 MB, under the GPL), which the app never uses. The stand-in has
    the two functions the decoder's library names and says that it can't encode. Where there is no compiler, or the
    library wants more than those two, the real one stays.
    """
    encoder = next((entry for entry in entries if entry[2] != "SYMLINK" and _ENCODER.search(plain(entry[0]))), None)
    compiler, lister = shutil.which("cc"), shutil.which("nm")
    if encoder is None or compiler is None or lister is None or not sys.platform.startswith("linux"):
        return list(entries)
    asked = _asked_of_encoder(lister, entries)
    if not asked or not asked <= _STUB_NAMES:
        return list(entries)
    work.mkdir(parents=True, exist_ok=True)
    library = work / Path(encoder[0]).name
    source = work / "no_encoder.c"
    source.write_text(_STUB, encoding="utf-8", newline="\n")
    command = [compiler, "-shared", "-fPIC", "-Os", "-s", "-Wl,--build-id=none", f"-Wl,-soname,{library.name}"]
    if subprocess.run([*command, "-o", str(library), source.name], cwd=work, check=False).returncode:
        return list(entries)
    return [
        (name, str(library), kind) if (name, origin, kind) == encoder else (name, origin, kind)
        for name, origin, kind in entries
        if not _ONLY_FOR_ENCODER.search(plain(name))
    ]


def _asked_of_encoder(lister: str, entries: Iterable[Entry]) -> set[str]:
    asked = set()
    for name, source, kind in entries:
        if kind != "SYMLINK" and "libheif" in name:
            listed = subprocess.run(
                [lister, "-D", "--undefined-only", source], capture_output=True, text=True, check=False
            )
            asked |= {word for word in listed.stdout.split() if word.startswith("x265_")}
    return asked


def write_metadata(work: Path, about: Mapping[str, Any], licence: Path) -> list[tuple[str, str]]:
    """Write what `importlib.metadata` tells the frozen program about itself; return (file, folder inside) of each.

    Made from the table `project` of pyproject.toml, and not copied from an installation, which may be older and knows
    paths of this machine.
    """
    folder = work / f"{about['name']}-{about['version']}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "METADATA"
    lines = (
        "Metadata-Version: 2.4",
        f"Name: {about['name']}",
        f"Version: {about['version']}",
        f"Summary: {about['description']}",
        f"License-Expression: {about['license']}",
        f"License-File: {licence.name}",
    )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return [(str(file), folder.name), (str(licence), f"{folder.name}/licenses")]
