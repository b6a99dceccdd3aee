"""The Debian package, made from a small imitation of the folder that PyInstaller builds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.tools.packaging.commands import needs, run
from tools.packaging import installers

MOMENT = 1_790_000_000
VERSION = "1.2.3"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """An imitation of the folder that PyInstaller builds, with the kinds of names and files that matter."""
    needs("dpkg-deb", "objdump")
    program = Path("/bin/true").resolve()
    if not program.is_file():
        pytest.skip("there is no program to use in place of ours")
    folder = tmp_path / "dist" / "AlpacaSorter"
    (folder / "_internal" / "models and more").mkdir(parents=True)
    shutil.copyfile(program, folder / "AlpacaSorter")
    (folder / "_internal" / "models and more" / "größe.json").write_text("{}", encoding="utf-8")
    (folder / "_internal" / "secret").write_bytes(b"1")
    (folder / "_internal" / "secret").chmod(0o600)
    (folder / "_internal" / "link").symlink_to("secret")
    return folder


def _package(built: Path, out: Path, version: str = VERSION) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "tools.packaging.installers", "debian")
    return run(*command, built, out, "--version", version, SOURCE_DATE_EPOCH=str(MOMENT))


def _made(built: Path, out: Path, version: str = VERSION) -> Path:
    done = _package(built, out, version)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_package_contains_program_and_desktop_files(built: Path, tmp_path: Path) -> None:
    package = _made(built, tmp_path / "out")
    listed = run("dpkg-deb", "-c", package).stdout.splitlines()
    assert all(line.split()[1] == "root/root" for line in listed)
    modes = {line.split(maxsplit=5)[5].removeprefix("./"): line[:10] for line in listed}
    assert modes["usr/bin/alpacasorter -> ../lib/alpacasorter/AlpacaSorter"].startswith("l")
    assert modes["usr/lib/alpacasorter/AlpacaSorter"] == "-rwxr-xr-x"
    assert modes["usr/lib/alpacasorter/_internal/secret"] == "-rw-r--r--"
    assert modes["usr/lib/alpacasorter/_internal/link -> secret"].startswith("l")
    share = "usr/share"
    app_id = "org.alpacasorter.AlpacaSorter"
    sizes = [f"{size}x{size}" for size in (16, 22, 24, 32, 48, 64, 128, 256, 512)]
    wanted = {
        f"{share}/applications/{app_id}.desktop",
        f"{share}/metainfo/{app_id}.metainfo.xml",
        f"{share}/icons/hicolor/scalable/apps/{app_id}.svg",
        *(f"{share}/icons/hicolor/{size}/apps/{app_id}.png" for size in sizes),
        f"{share}/doc/alpacasorter/copyright",
        f"{share}/doc/alpacasorter/changelog.gz",
        f"{share}/man/man1/alpacasorter.1.gz",
    }
    assert wanted <= modes.keys()
    assert {mode for name, mode in modes.items() if name in wanted} == {"-rw-r--r--"}


def test_unpacked_package_is_complete(built: Path, tmp_path: Path) -> None:
    package = _made(built, tmp_path / "out")
    root = tmp_path / "root"
    assert run("dpkg-deb", "-R", package, root).returncode == 0
    assert (root / "usr" / "bin" / "alpacasorter").resolve() == root / "usr" / "lib" / "alpacasorter" / "AlpacaSorter"
    sums = (root / "DEBIAN" / "md5sums").read_text(encoding="utf-8")
    checked = subprocess.run(["md5sum", "-c", "--quiet"], input=sums, cwd=root, text=True, check=False)
    assert checked.returncode == 0
    files = [path for path in (root / "usr").rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(sums.splitlines()) == len(files)
    for size in (16, 512):
        icon = root / f"usr/share/icons/hicolor/{size}x{size}/apps/org.alpacasorter.AlpacaSorter.png"
        with Image.open(icon) as picture:
            assert picture.size == (size, size)
            low, high = picture.getchannel("A").getextrema()
        assert (low, high) == (0, 255)
    words = (root / "usr/share/doc/alpacasorter/copyright").read_text(encoding="utf-8")
    assert "AlpacaSorter contributors" in words
    assert "Permission is hereby granted" in words
    assert "@" not in words


def test_package_declares_its_dependencies(built: Path, tmp_path: Path) -> None:
    package = _made(built, tmp_path / "out")
    fields = {
        line.split(": ", 1)[0].strip(): line.split(": ", 1)[1]
        for line in run("dpkg-deb", "-f", package).stdout.splitlines()
        if not line.startswith(" ")
    }
    assert (fields["Package"], fields["Version"]) == ("alpacasorter", VERSION)
    assert package.name == f"alpacasorter_{VERSION}_{fields['Architecture']}.deb"
    depends = fields["Depends"].split(", ")
    assert {"libegl1", "libgl1", "xkb-data"} <= set(depends)
    (libc,) = [name for name in depends if name.startswith("libc6 (>= 2.")]
    assert libc.endswith(")")
    assert 100 < int(fields["Installed-Size"]) < 1000  # KiB: icons, the program, and one per folder
    assert "uploa" not in fields["Description"].splitlines()[0]


def test_same_input_gives_same_bytes(built: Path, tmp_path: Path) -> None:
    first = _made(built, tmp_path / "out").read_bytes()
    os.utime(built / "_internal" / "secret", (1, 1))
    assert _made(built, tmp_path / "again").read_bytes() == first


def test_lintian_finds_no_errors(built: Path, tmp_path: Path) -> None:
    needs("lintian")
    package = _made(built, tmp_path / "out")
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", package)
    assert done.returncode == 0, done.stdout + done.stderr


def test_missing_or_unsuitable_program_is_rejected(tmp_path: Path) -> None:
    needs("dpkg-deb", "objdump")
    done = _package(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "does not contain the program AlpacaSorter" in done.stderr
    (tmp_path / "AlpacaSorter").write_text("#!/bin/sh\n", encoding="utf-8")
    done = _package(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "is not a Linux program" in done.stderr
    assert not list(tmp_path.rglob("*.deb"))


def test_unknown_library_is_rejected(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installers, "_LIBC", frozenset())
    with pytest.raises(installers.InstallerError, match=r"needs libc\.so\.6, which is neither in"):
        installers.debian_dependencies(built)
    (built / "_internal" / "libc.so.6").write_bytes(b"")
    (built / "_internal" / "ld-linux-x86-64.so.2").write_bytes(b"")
    (built / "_internal" / "ld-linux-aarch64.so.1").write_bytes(b"")
    assert "libegl1" in installers.debian_dependencies(built)


@pytest.mark.parametrize(
    ("version", "debian"),
    [("1.2.3", "1.2.3"), ("1.0rc1", "1.0~rc1"), ("1.0a2", "1.0~a2"), ("1.0b1", "1.0~b1"), ("1.0.dev3", "1.0~dev3")],
)
def test_versions_are_ordered_the_way_debian_orders_them(version: str, debian: str) -> None:
    assert installers.debian_version(version) == debian
    if shutil.which("dpkg") and debian != version:
        final = version.split("rc")[0].split("a")[0].split("b")[0].split(".dev")[0]
        assert run("dpkg", "--compare-versions", debian, "lt", final).returncode == 0
    with pytest.raises(installers.InstallerError):
        installers.debian_version("1.0/2")


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.2.3", "alpacasorter_1.2.3_amd64.deb"),
        ("1.0~rc1", "alpacasorter_1.0.rc1_amd64.deb"),
        ("1.0+local", "alpacasorter_1.0.local_amd64.deb"),
    ],
)
def test_package_file_keeps_its_name_when_uploaded(version: str, name: str) -> None:
    assert installers.debian_file_name(version, "amd64") == name


def test_prerelease_is_marked_in_the_package_but_not_in_the_file_name(built: Path, tmp_path: Path) -> None:
    package = _made(built, tmp_path / "out", "1.0rc1")
    assert "~" not in package.name
    assert run("dpkg-deb", "-f", package, "Version").stdout.strip() == "1.0~rc1"
