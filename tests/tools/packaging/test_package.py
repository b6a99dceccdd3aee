"""What goes into the packaged program, and the files made from it; `make package` itself builds and checks it."""

import ast
import contextlib
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

from tools.packaging import contents, package

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
    """Except by training, which checks first whether it is installed."""
    excluded = {*contents.EXCLUDED_MODULES, *contents.TRAINING_MODULES}
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "alpacasorter").rglob("*.py")
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if excluded & {name, name.split(".")[0]}
    }
    assert {path for path, _ in found} & {"alpacasorter/training/fit.py"}, "the search finds nothing"
    elsewhere = {(path, name) for path, name in found if not path.startswith("alpacasorter/training/")}
    assert not elsewhere
    assert not {path for path, name in found if name.startswith("sklearn")}


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
def test_needed_files_are_included(name: str) -> None:
    assert contents.is_included(name)
    assert contents.is_included(name, full=True)


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
def test_unneeded_files_are_left_out(name: str) -> None:
    assert not contents.is_included(name)
    assert not contents.is_included(name, full=True)


def test_weights_for_training_are_only_in_the_full_package() -> None:
    for name in contents.TRAINING_FILES:
        assert (ROOT / name).is_file()
        assert not contents.is_included(name)
        assert contents.is_included(name, full=True)


def test_keras_backends() -> None:
    assert contents.is_keras_module_included("keras.src.backend.tensorflow.nn")
    # Modules with the same name outside the backends are always imported.
    assert contents.is_keras_module_included("keras.src.export.openvino")
    assert not contents.is_keras_module_included("keras.src.backend.torch.nn")
    assert not contents.is_keras_module_included("keras.src.layers.layer_test")


def test_orphans_are_removed_and_needed_libraries_stay() -> None:
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
    left = contents.without_broken_links(left, [name for name, _, _ in left])
    assert {entry[0] for entry in entries} - {entry[0] for entry in left} == {
        "libgtk.so.0",
        "PySide6/Qt/lib/libQt6Lost.so.6",
        "libQt6Lost.so.6",
    }


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("cc") or not shutil.which("nm"),
    reason="the stub is only built on Linux, with a compiler",
)
@pytest.mark.parametrize(("function", "replaced"), [("x265_cleanup", True), ("x265_something_new", False)])
def test_encoder_is_replaced_if_the_stub_is_sufficient(tmp_path: Path, function: str, replaced: bool) -> None:
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


def test_frozen_program_gets_its_version_from_the_project(tmp_path: Path) -> None:
    (file, folder), license_file = contents.write_metadata(tmp_path, PROJECT, ROOT / "LICENSE")
    assert folder == f"alpacasorter-{PROJECT['version']}.dist-info"
    assert license_file == (str(ROOT / "LICENSE"), f"{folder}/licenses")
    code = "import importlib.metadata as m; print(m.version('alpacasorter'), m.metadata('alpacasorter')['Summary'])"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert output.strip() == f"{PROJECT['version']} {PROJECT['description']}"
    assert str(tmp_path) not in Path(file).read_text(encoding="utf-8")


def _built(folder: Path) -> Path:
    built = folder / "AlpacaSorter"
    (built / "_internal").mkdir(parents=True)
    (built / "AlpacaSorter").write_bytes(b"program")
    (built / "AlpacaSorter").chmod(0o700)
    (built / "_internal" / "ü.txt").write_bytes(b"x" * 3000)
    return built


def test_same_folder_gives_the_same_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several blocks, although the folder is small.
    monkeypatch.setattr(package, "_BLOCK", 1000)
    made: list[tuple[bytes, bytes]] = []
    for place in ("one", "other place"):
        built = _built(tmp_path / place)
        package.write_tar(built, tmp_path / "a.tar.xz", 1_700_000_000)
        package.write_zip(built, tmp_path / "a.zip", 1_700_000_000)
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


def test_hashes_and_sizes(tmp_path: Path) -> None:
    built = _built(tmp_path)
    assert package.sizes(built) == [(3000, "_internal/ü.txt"), (7, "AlpacaSorter")]
    package.write_hashes([built / "AlpacaSorter"], tmp_path / "SHA256SUMS")
    assert (
        tmp_path / "SHA256SUMS"
    ).read_bytes() == f"{hashlib.sha256(b'program').hexdigest()}  AlpacaSorter\n".encode()


def test_archive_date_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234")
    assert package.commit_time(ROOT) == 1234


def test_tensorflow_is_only_installed_for_the_full_package() -> None:
    lean = package.requirements(PROJECT, full=False)
    full = package.requirements(PROJECT, full=True)
    assert [line for line in full if line not in lean] == [
        line for line in PROJECT["dependencies"] if line.startswith("tensorflow")
    ]
    assert any(line.startswith("pyinstaller") for line in lean)


def test_packages_with_and_without_training_use_separate_folders() -> None:
    assert not set(package.output_folders(full=True)) & set(package.output_folders(full=False))


def test_budgets() -> None:
    assert package.over_budget(260_000_000, 90_000_000, full=False) == []
    folder, packed = package.over_budget(260_200_000, 90_200_000, full=False)
    assert (folder, packed) == (
        "The folder is 260.2 MB; the budget is 260 MB.",
        "The archive is 90.2 MB; the budget is 90 MB.",
    )


def test_package_with_training_must_be_small_enough_for_a_release() -> None:
    assert package.over_budget(9_000_000_000, 2_147_483_647, full=True) == []
    assert package.over_budget(9_000_000_000, 2_147_483_648, full=True) == [
        "The archive is 2147.5 MB; the budget is 2147 MB."
    ]


@pytest.mark.parametrize("place", ["_internal/resources", "Contents/Resources/resources"])
def test_licenses_go_to_the_programs_own_resources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """And not to another folder with the same name, or one that only differs in case."""
    ran: list[list[str]] = []
    monkeypatch.setattr(package, "run", lambda command, **_: ran.append(command))
    others = (
        "Contents/Frameworks/PySide6/Qt/lib/QtCore.framework/resources",
        "_internal/PySide6/resources",
        "resources",
    )
    for other in others:
        (tmp_path / other).mkdir(parents=True)
    with pytest.raises(SystemExit, match="has no resources folder"):
        package.add_licenses(tmp_path, Path("python"))
    (tmp_path / place).mkdir(parents=True)
    package.add_licenses(tmp_path, Path("python"))
    ((_, _, _, folder, out, _, _),) = ran
    assert (folder, out) == (str(tmp_path), str(tmp_path / place / "LICENSES.txt"))


def test_macos_application_is_signed_again_and_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(package, "run", lambda command, **_: ran.append(command))
    for system in ("linux", "win32"):
        package.sign(tmp_path, system)
    assert ran == []
    package.sign(tmp_path, "darwin")
    assert ran == [
        ["codesign", "--force", "--deep", "--sign", "-", str(tmp_path)],
        ["codesign", "--verify", "--deep", "--strict", str(tmp_path)],
    ]


def test_nothing_is_changed_after_signing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    packed = tmp_path / "packed"
    packed.write_bytes(b"")

    def replace(name: str, result: object) -> None:
        def record(*_arguments: object, **_named: object) -> object:
            done.append(name)
            return result

        monkeypatch.setattr(package, name, record)

    results = {"build": tmp_path, "add_licenses": None, "sign": None, "check_everything": None, "write_archive": packed}
    for name, result in (results | {"show_sizes": 1, "make_environment": tmp_path, "write_extras": []}).items():
        replace(name, result)
    monkeypatch.setattr(package, "installed_copy", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(package, "BUILD", tmp_path)
    monkeypatch.setattr(package, "ROOT", tmp_path)
    monkeypatch.setattr(package, "project", lambda: {"version": "1"})
    assert package.main([]) == 0
    assert [name for name in done if name in results] == list(results)
    # Only built and checked, as for every change.
    done.clear()
    assert package.main(["--no-archive"]) == 0
    assert [name for name in done if name in results] == list(results)[:-1]


@pytest.mark.parametrize(("frozen", "words"), [(True, "“with-training”"), (False, "for Python 3.11")])
def test_missing_training_is_explained(frozen: bool, words: str) -> None:
    code = (
        f"import sys; sys.frozen = {frozen}\n"
        "from alpacasorter.training.requirements import no_tensorflow\n"
        "sys.stdout.buffer.write(no_tensorflow().encode())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    text = done.stdout.decode()
    assert "TensorFlow" in text
    assert words in text
    # The name of the other package, which is part of the same release.
    assert ("“with-training”" in text) == frozen
