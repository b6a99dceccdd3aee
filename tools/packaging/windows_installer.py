"""Makes the installer for Windows from the built folder: `python -m tools.packaging.windows_installer DIST OUT`.

Needs Inno Setup 6.3 or later; the path of the installer is printed.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.packaging.app_info import INSTALLER_SCRIPT, NAME, project, version_numbers


def find_compiler() -> Path | None:
    """Return Inno Setup's compiler: the one on the PATH, else where its own installer puts it; None where it is not."""
    found = shutil.which("iscc")
    if found:
        return Path(found)
    for variable in ("ProgramFiles(x86)", "ProgramFiles"):
        place = Path(os.environ.get(variable, "")) / "Inno Setup 6" / "ISCC.exe"
        if os.environ.get(variable) and place.is_file():
            return place
    return None


def installer_name(version: str) -> str:
    """Return the name of the installer's file."""
    return f"{NAME}-{version}-windows-setup.exe"


def command(compiler: Path, dist: Path, version: str, out: Path) -> list[str]:
    """Return the command that makes the installer of a built folder in the folder `out`."""
    numbers = ".".join(map(str, version_numbers(version)))
    values = {
        "Version": version,
        "Numbers": numbers,
        # Absolute: the script counts from the root of the checkout.
        "Source": str(dist.absolute()),
        "Out": str(out.absolute()),
        "OutName": installer_name(version).removesuffix(".exe"),
    }
    return [str(compiler), "/Qp", *(f"/D{name}={value}" for name, value in values.items()), str(INSTALLER_SCRIPT)]


def main() -> int:
    """Read the arguments, make the installer, print its path, and return the exit code."""
    parser = argparse.ArgumentParser(description="Make the installer for Windows from the built folder.")
    parser.add_argument("dist", metavar="DIST", type=Path, help="the folder that PyInstaller built")
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder for the installer")
    options = parser.parse_args()
    if not (options.dist / f"{NAME}.exe").is_file():
        print(f"{options.dist} holds no program {NAME}.exe. Build it first.", file=sys.stderr)
        return 1
    compiler = find_compiler()
    if compiler is None:
        print("Inno Setup is needed: install it from https://jrsoftware.org/isinfo.php", file=sys.stderr)
        return 1
    version = project()["version"]
    done = subprocess.run(command(compiler, options.dist, version, options.out), check=False)
    if done.returncode:
        print(f"Inno Setup failed with code {done.returncode}; its messages are above.", file=sys.stderr)
        return 1
    print(options.out / installer_name(version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
