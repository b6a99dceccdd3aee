"""What goes into the packaged program, and what comes out beside it; `make package` itself builds and tries it."""

import ast
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.packaging import archive, contents, package

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_excluded_is_imported() -> None:
    """But for training, which asks first, and a check for developers, which does so too."""
    excluded = {*contents.EXCLUDED_MODULES, *contents.TRAINING_MODULES}
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "alpacasorter").rglob("*.py")
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if excluded & {name, name.split(".")[0]}
    }
    assert {path for path, _ in found} & {"alpacasorter/training/fit.py"}, "the search finds nothing at all"
    elsewhere = {(path, name) for path, name in found if not path.startswith("alpacasorter/training/")}
    assert not elsewhere
    assert {path for path, name in found if name.startswith("sklearn")} <= {"alpacasorter/training/checks.py"}


@pytest.mark.parametrize(
    "name",
    [
        "models/alpaca/backbone.tflite",
        "models/alpaca/model.json",
        "resources/icons/sort.svg",
        "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/Qt/plugins/imageformats/libqjpeg.so",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6/Qt/lib/libQt6Network.so.6",
        "tensorflow/libtensorflow_cc.so.2",
        "tensorflow/compiler/mlir/lite/python/_pywrap_converter_api.so",
        "alpacasorter-0.1.0.dist-info/METADATA",
    ],
)
def test_needed_files_stay(name: str) -> None:
    assert contents.wanted(name)
    assert contents.wanted(name, full=True)


@pytest.mark.parametrize(
    "name",
    [
        "ai_edge_litert/vendors/qualcomm/dispatch/libLiteRtDispatch_Qualcomm.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/platforms/libqlinuxfb.so",
        "PySide6/Qt/plugins/imageformats/libqtiff.so",
        "PySide6\\plugins\\imageformats\\qwebp.dll",
        "PySide6\\opengl32sw.dll",
        "PySide6/Qt/translations/qtbase_de.qm",
        "resources/packaging/windows/alpacasorter.ico",
        "numpy-2.4.6.dist-info/RECORD",
        "libstdc++.so.6",
        "tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so",
        "tensorflow/python/_pywrap_mlir.pyi",
    ],
)
def test_left_out_files(name: str) -> None:
    assert not contents.wanted(name)
    assert not contents.wanted(name, full=True)


def test_weights_for_training_are_in_the_full_package_only() -> None:
    for name in contents.TRAINING_FILES:
        assert (ROOT / name).is_file()
        assert not contents.wanted(name)
        assert contents.wanted(name, full=True)


def test_back_ends_of_keras() -> None:
    assert contents.is_used_of_keras("keras.src.backend.tensorflow.nn")
    # Others of the same name are imported at once.
    assert contents.is_used_of_keras("keras.src.export.openvino")
    assert not contents.is_used_of_keras("keras.src.backend.torch.nn")
    assert not contents.is_used_of_keras("keras.src.layers.layer_test")


def test_orphans_go_and_what_is_needed_stays() -> None:
    entries = [
        ("lib-dynload/_ssl.so", "/p/_ssl.so", "EXTENSION"),
        ("libssl.so.3", "/s/libssl.so.3", "BINARY"),
        ("libgtk.so.0", "/s/libgtk.so.0", "BINARY"),
        ("libpython3.11.so.1.0", "/s/libpython3.11.so.1.0", "BINARY"),
        ("PySide6/Qt/lib/libQt6Core.so.6", "/q/libQt6Core.so.6", "BINARY"),
        ("PySide6/Qt/lib/libQt6Lost.so.6", "/q/libQt6Lost.so.6", "BINARY"),
        ("PySide6/QtCore.abi3.so", "/q/QtCore.abi3.so", "EXTENSION"),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("libQt6Lost.so.6", "PySide6/Qt/lib/libQt6Lost.so.6", "SYMLINK"),
    ]
    needs = {"/p/_ssl.so": ["libssl.so.3"], "/q/QtCore.abi3.so": ["libQt6Core.so.6"], "/s/libgtk.so.0": ["libgtk.so.0"]}
    left = contents.without_orphans(entries, lambda source: needs.get(source, []))
    left = contents.without_dangling(left, [name for name, _, _ in left])
    assert {entry[0] for entry in entries} - {entry[0] for entry in left} == {
        "libgtk.so.0",
        "PySide6/Qt/lib/libQt6Lost.so.6",
        "libQt6Lost.so.6",
    }


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("cc") or not shutil.which("nm"),
    reason="the stand-in needs a compiler, on Linux",
)
@pytest.mark.parametrize(("function", "replaced"), [("x265_cleanup", True), ("x265_something_new", False)])
def test_encoder_is_replaced_where_the_stand_in_will_do(tmp_path: Path, function: str, replaced: bool) -> None:
    source = tmp_path / "user.c"
    source.write_text(f"void {function}(void); void user(void); void user(void) {{ {function}(); }}", encoding="utf-8")
    user = tmp_path / "libheif-1.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(user), str(source)], check=True)
    entries = [
        ("pillow_heif.libs/libheif-1.so", str(user), "BINARY"),
        ("pillow_heif.libs/libx265-0123abcd.so.217", "/nowhere/libx265", "BINARY"),
        ("libmvec.so.1", "/nowhere/libmvec.so.1", "BINARY"),
    ]
    after = {name: Path(origin) for name, origin, _ in contents.without_encoder(entries, tmp_path / "work")}
    encoder = after["pillow_heif.libs/libx265-0123abcd.so.217"]
    assert encoder.is_file() == replaced
    assert ("libmvec.so.1" in after) != replaced


def test_frozen_program_knows_its_version_from_the_project(tmp_path: Path) -> None:
    (file, folder), licence = contents.write_metadata(tmp_path, PROJECT, ROOT / "LICENSE")
    assert folder == f"alpacasorter-{PROJECT['version']}.dist-info"
    assert licence == (str(ROOT / "LICENSE"), f"{folder}/licenses")
    code = "import importlib.metadata as m; print(m.version('alpacasorter'), m.metadata('alpacasorter')['Summary'])"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert said.strip() == f"{PROJECT['version']} {PROJECT['description']}"
    assert str(tmp_path) not in Path(file).read_text(encoding="utf-8")


def _built(folder: Path) -> Path:
    built = folder / "AlpacaSorter"
    (built / "_internal").mkdir(parents=True)
    (built / "AlpacaSorter").write_bytes(b"program")
    (built / "AlpacaSorter").chmod(0o700)
    (built / "_internal" / "ü.txt").write_bytes(b"x" * 3000)
    return built


def test_same_folder_gives_the_same_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several blocks, though it is small.
    monkeypatch.setattr(archive, "_BLOCK", 1000)
    made: list[tuple[bytes, bytes]] = []
    for place in ("one", "other place"):
        built = _built(tmp_path / place)
        archive.write_tar(built, tmp_path / "a.tar.xz", 1_700_000_000)
        archive.write_zip(built, tmp_path / "a.zip", 1_700_000_000)
        made.append(((tmp_path / "a.tar.xz").read_bytes(), (tmp_path / "a.zip").read_bytes()))
    assert made[0] == made[1]
    names = ["AlpacaSorter", "AlpacaSorter/AlpacaSorter", "AlpacaSorter/_internal", "AlpacaSorter/_internal/ü.txt"]
    with tarfile.open(tmp_path / "a.tar.xz") as tar:
        members = tar.getmembers()
        tar.extractall(tmp_path / "out", filter="data")
    assert [member.name for member in members] == names
    assert {(member.mtime, member.uid, member.uname) for member in members} == {(1_700_000_000, 0, "")}
    assert [member.mode for member in members] == [0o755, 0o755, 0o755, 0o644]
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.namelist() == [names[1], names[3]]
        assert packed.read(names[3]) == b"x" * 3000
    assert (tmp_path / "out" / names[3]).read_bytes() == b"x" * 3000


def test_sums_and_sizes(tmp_path: Path) -> None:
    built = _built(tmp_path)
    assert archive.sizes(built) == [(3000, "_internal/ü.txt"), (7, "AlpacaSorter")]
    archive.write_sums([built / "AlpacaSorter"], tmp_path / "SHA256SUMS")
    assert (
        tmp_path / "SHA256SUMS"
    ).read_bytes() == f"{hashlib.sha256(b'program').hexdigest()}  AlpacaSorter\n".encode()


def test_date_of_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234")
    assert archive.commit_time(ROOT) == 1234


def test_tensorflow_is_installed_for_the_full_package_only() -> None:
    lean = package.requirements(PROJECT, full=False)
    full = package.requirements(PROJECT, full=True)
    assert [line for line in full if line not in lean] == [
        line for line in PROJECT["dependencies"] if line.startswith("tensorflow")
    ]
    assert any(line.startswith("pyinstaller") for line in lean)


def test_neither_package_gets_into_the_place_of_the_other() -> None:
    assert not set(package.places(full=True)) & set(package.places(full=False))


def test_budgets() -> None:
    assert package.too_large(260_000_000, 90_000_000, full=False) == []
    folder, packed = package.too_large(260_200_000, 90_200_000, full=False)
    assert (folder, packed) == (
        "The folder has 260.2 MB; the budget is 260 MB.",
        "The archive has 90.2 MB; the budget is 90 MB.",
    )


def test_package_with_training_must_be_small_enough_for_a_release() -> None:
    assert package.too_large(9_000_000_000, 2_147_483_647, full=True) == []
    assert package.too_large(9_000_000_000, 2_147_483_648, full=True) == [
        "The archive has 2147.5 MB; the budget is 2147 MB."
    ]


@pytest.mark.parametrize("place", ["_internal/resources", "Contents/Resources/resources"])
def test_licences_go_where_the_programs_own_resources_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    """And not into a folder of the same name that is another's, or that only differs in capitals."""
    ran: list[list[str]] = []
    monkeypatch.setattr(package, "run", lambda command, **_: ran.append(command))
    others = (
        "Contents/Frameworks/PySide6/Qt/lib/QtCore.framework/resources",
        "_internal/PySide6/resources",
        "resources",
    )
    for other in others:
        (tmp_path / other).mkdir(parents=True)
    with pytest.raises(SystemExit, match="holds no resources"):
        package.add_licences(tmp_path, Path("python"))
    (tmp_path / place).mkdir(parents=True)
    package.add_licences(tmp_path, Path("python"))
    ((_, _, _, folder, out, _, _),) = ran
    assert (folder, out) == (str(tmp_path), str(tmp_path / place / "LICENCES.txt"))


def test_seal_is_put_on_anew_on_macos_and_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(package, "run", lambda command, **_: ran.append(command))
    for system in ("linux", "win32"):
        package.seal(tmp_path, system)
    assert ran == []
    package.seal(tmp_path, "darwin")
    assert ran == [
        ["codesign", "--force", "--deep", "--sign", "-", str(tmp_path)],
        ["codesign", "--verify", "--deep", "--strict", str(tmp_path)],
    ]


def test_nothing_is_changed_after_the_seal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    packed = tmp_path / "packed"
    packed.write_bytes(b"")

    def stand_in(name: str, result: object) -> None:
        def note(*_arguments: object, **_named: object) -> object:
            done.append(name)
            return result

        monkeypatch.setattr(package, name, note)

    results = {"build": tmp_path, "add_licences": None, "seal": None, "try_program": None, "pack": packed}
    for name, result in (results | {"show_sizes": 1, "make_environment": tmp_path, "write_extras": []}).items():
        stand_in(name, result)
    monkeypatch.setattr(package, "BUILD", tmp_path)
    monkeypatch.setattr(package, "ROOT", tmp_path)
    monkeypatch.setattr(package, "project", lambda: {"version": "1"})
    monkeypatch.setattr(sys, "argv", ["package.py"])
    assert package.main() == 0
    assert [name for name in done if name in results] == list(results)
    # Only built and tried, as for each change.
    done.clear()
    monkeypatch.setattr(sys, "argv", ["package.py", "--no-archive"])
    assert package.main() == 0
    assert [name for name in done if name in results] == list(results)[:-1]


@pytest.mark.parametrize(("frozen", "words"), [(True, "not part of this package"), (False, "not installed")])
def test_where_training_would_be_a_sentence_says_how_to_get_it(frozen: bool, words: str) -> None:
    code = (
        f"import sys; sys.frozen = {frozen}\n"
        "from alpacasorter.training.keras_here import NO_TENSORFLOW as said; sys.stdout.buffer.write(said.encode())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    said = done.stdout.decode()
    # export-model puts its own subject in the place of this one.
    assert said.startswith("Training ")
    assert words in said
    assert "TensorFlow for Python" in said or "with Python" in said
    # That is how the other package is named, which the release holds as well.
    assert ("“with-training”" in said) == frozen
