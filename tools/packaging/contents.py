"""What goes into the packaged program and what stays out, and why; used by `alpacasorter.spec` and `package.py`.

PyInstaller's tables are lists of (name in the package, source file, kind). Names here always use "/".
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
"""If this environment variable is 1, the program is built with training."""

Entry = tuple[str, str, str]

_CATALOGS: Final = Path(__file__).resolve().parents[2] / "resources" / "locale"


def _languages_of_qt() -> list[str]:
    """Return the languages of the app as Qt names its translations: without the region, too."""
    codes = {file.parent.parent.name.partition("@")[0] for file in _CATALOGS.glob("*/LC_MESSAGES/*.mo")}
    return sorted(codes | {code.partition("_")[0] for code in codes})


TRAINING_MODULES: Final = ("h5py", "keras", "tensorflow")
"""Only alpacasorter.training imports these, inside functions, after checking that they are installed."""

EXCLUDED_MODULES: Final = (
    # Test suites and build tools that libraries refer to for their own development; the program never runs them.
    "hypothesis",
    "numpy.f2py",
    "pip",
    "pkg_resources",
    "pytest",
    "setuptools",
    # Tests compare figures with those of scikit-learn, which needs SciPy. The program needs neither.
    "scipy",
    "sklearn",
    # Pillow can draw in Tk's windows. Ours are Qt's.
    "PIL.ImageTk",
    "PIL._tkinter_finder",
    "tkinter",
    # Only TensorFlow's debugger, which is never started here, uses remote procedure calls.
    "grpc",
    # Terminal input, which only Python's prompt and debugger use. Also, libreadline is under the GPL.
    "curses",
    "readline",
)

TRAINING_FILES: Final = ("models/alpaca/keras_weights.npz", "models/mobilenet_v2.npz")
"""Weights that are only needed for training."""

LEFT_OUT: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Plugins for phone and laptop accelerators, whose drivers are not included. LiteRT looks for them in a folder
        # that it is never given. Its WebGPU plugin, which works with every vendor's GPU, stays.
        r"^ai_edge_litert/vendors/",
        # The GTK theme, which needs all of GTK. The program has its own colors; dialogs come from the desktop portal.
        r"/platformthemes/libqgtk3\.",
        # Drawing without a desktop: directly to the screen, to a remote viewer, with only EGL or Vulkan.
        r"/egldeviceintegrations/|/platforms/libq(eglfs|linuxfb|minimal|minimalegl|vkkhrdisplay|vnc)\.|libQt6EglF",
        # TLS and network status. The window only talks to later starts of the program, through a local socket.
        r"/plugins/(tls|networkinformation)/",
        # Mouse, keyboard, tablet and touch input from the kernel, which the desktop handles.
        r"/plugins/generic/",
        # Image formats that Qt never opens here: Pillow decodes the photos. JPEG (thumbnails) and SVG stay.
        r"/imageformats/(lib)?q(gif|icns|tga|tiff|wbmp|webp)\.",
        # Software OpenGL for Windows. The window does not use OpenGL.
        r"(^|/)opengl32sw\.dll$",
        # Sentences of Qt in languages that the app does not speak; and those of Qt's other programs in any.
        rf"^PySide6/(Qt/)?translations/(?!qtbase_({'|'.join(_languages_of_qt())})\.qm$)",
        # Of TensorFlow: types for editors; what writes a model as text for other compilers; and operations for Google's
        # own processors, which no module loads (all that training uses is in libtensorflow_cc).
        r"^tensorflow/(.+\.pyi$|compiler/mlir/stablehlo/stablehlo_extension\.|compiler/tf2xla/ops/_xla_ops\.)",
        # What only building needs.
        r"^resources/packaging/|^resources/locale/.*\.pot?$",
        # What pip notes down: paths and dates of the machine that built it.
        r"\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$",
        # Every Linux desktop has these, at least as new as its graphics drivers require. If ours were older and loaded
        # first, those drivers could not be loaded.
        r"^lib(stdc\+\+|gcc_s)\.so\.",
    )
)

_OTHER_BACKENDS: Final = re.compile(r"keras\.src\.backend\.(jax|openvino|torch)(\.|$)")
_STRIPPED: Final = re.compile(
    r"^libpython3[\d.]*\.so[\d.]*$|^python3[\d.]*/lib-dynload/"
    r"|^tensorflow/(libtensorflow_(cc|framework)\.so|python/profiler/internal/_pywrap_profiler_plugin\.so)"
)
# libmvec belongs to the system's C library, and only the encoder needs it.
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


def _posix(name: str) -> str:
    """Return a name in the package with "/" as the separator."""
    return name.replace("\\", "/")


def is_included(name: str, *, full: bool = False) -> bool:
    """Return whether a file goes into the package; `full` is the one with training."""
    name = _posix(name)
    if name in TRAINING_FILES:
        return full
    return not any(pattern.search(name) for pattern in LEFT_OUT)


def is_keras_module_included(module: str) -> bool:
    """Return whether a Keras module goes into the package with training: no tests and no other backends."""
    return not module.endswith("_test") and not _OTHER_BACKENDS.match(module)


def without_orphans(entries: Sequence[Entry], imports: Callable[[str], Iterable[str]]) -> list[Entry]:
    """Return the entries without the libraries that nothing needs any more, such as those of excluded plugins.

    Args:
        entries: the binaries of a Linux package.
        imports: returns the names of all libraries that a file needs, directly or indirectly.

    Only plain libraries can be orphans. Extension modules, plugins, Python itself and anything that a package keeps in
    a folder of its own are loaded by name.
    """
    files = [entry for entry in entries if entry[2] != "SYMLINK"]
    libraries = {PurePosixPath(_posix(name)).name for name, _, _ in files if _is_library(_posix(name))}
    needed = {
        PurePosixPath(_posix(one)).name
        for name, source, _ in files
        if not _is_library(_posix(name))
        for one in imports(source)
    }
    orphans = libraries - needed
    return [entry for entry in entries if entry[2] == "SYMLINK" or PurePosixPath(_posix(entry[0])).name not in orphans]


def without_broken_links(entries: Iterable[Entry], names: Iterable[str]) -> list[Entry]:
    """Return the entries without links to excluded files; `names` are the names of all included files."""
    included = {_posix(name) for name in names}
    return [
        (name, target, kind)
        for name, target, kind in entries
        if kind != "SYMLINK"
        or posixpath.normpath(posixpath.join(posixpath.dirname(_posix(name)), _posix(target))) in included
    ]


def _is_library(name: str) -> bool:
    inside = PurePosixPath(name)
    is_plain = len(inside.parts) == 1 or name.startswith(_EVERYWHERE)
    return is_plain and ".so" in inside.name and not inside.name.startswith(("libpython", "_"))


def stripped(entries: Sequence[Entry], work: Path) -> list[Entry]:
    """Return the entries with debug symbols removed from copies of some libraries.

    Only from Python's own (saves 19 MB) and TensorFlow's largest (saves 254 MB): `strip` breaks some of NumPy's and
    Qt's libraries, which were modified after they were linked. Without `strip`, or if it fails, nothing changes.
    """
    tool = shutil.which("strip")
    if tool is None or not sys.platform.startswith("linux"):
        return list(entries)
    work.mkdir(parents=True, exist_ok=True)
    result = []
    for name, source, kind in entries:
        if kind != "SYMLINK" and _STRIPPED.search(_posix(name)):
            copy = work / Path(name).name
            shutil.copy2(source, copy)
            copy.chmod(0o755)
            if subprocess.run([tool, "--strip-unneeded", str(copy)], check=False).returncode == 0:
                source = str(copy)
        result.append((name, source, kind))
    return result


def without_encoder(entries: Sequence[Entry], work: Path) -> list[Entry]:
    """Return the entries with the encoder x265 replaced by a stub.

    The HEIC decoder is linked to that encoder (22 MB, under the GPL), which the program never uses. The stub has the
    two functions that the decoder's library refers to, and reports that it can't encode. If there is no compiler, or
    the library needs more than those two functions, the real encoder stays.
    """
    encoder = next((entry for entry in entries if entry[2] != "SYMLINK" and _ENCODER.search(_posix(entry[0]))), None)
    compiler, lister = shutil.which("cc"), shutil.which("nm")
    if encoder is None or compiler is None or lister is None or not sys.platform.startswith("linux"):
        return list(entries)
    needed = _needed_from_encoder(lister, entries)
    if not needed or not needed <= _STUB_NAMES:
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
        if not _ONLY_FOR_ENCODER.search(_posix(name))
    ]


def _needed_from_encoder(lister: str, entries: Iterable[Entry]) -> set[str]:
    needed = set()
    for name, source, kind in entries:
        if kind != "SYMLINK" and "libheif" in name:
            listing = subprocess.run(
                [lister, "-D", "--undefined-only", source], capture_output=True, text=True, check=False
            )
            needed |= {word for word in listing.stdout.split() if word.startswith("x265_")}
    return needed


def write_metadata(work: Path, about: Mapping[str, Any], license_file: Path) -> list[tuple[str, str]]:
    """Write the metadata that `importlib.metadata` reads in the frozen program; return (file, folder in the package).

    Made from the `project` table of pyproject.toml instead of copied from an installation, which may be older and
    contains paths on this machine.
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
        f"License-File: {license_file.name}",
    )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return [(str(file), folder.name), (str(license_file), f"{folder.name}/licenses")]
