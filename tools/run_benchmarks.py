"""Runs the scripts in benchmarks/ one after another, each in its own process; exits 1 if one failed."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run them all; a failure is reported at the end and stops none of the others."""
    scripts = [
        path
        for path in sorted((ROOT / "benchmarks").glob("*.py"))
        # A module that the scripts share has no such line.
        if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
    ]
    if not scripts:
        print("There are no benchmarks.")
        return 1
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    failed: list[str] = []
    for script in scripts:
        print(f"=== {script.stem}", flush=True)
        started = time.perf_counter()
        if subprocess.run([sys.executable, str(script)], cwd=ROOT, env=environment, check=False).returncode:
            failed.append(script.stem)
        print(f"    ({time.perf_counter() - started:.0f} s)", flush=True)
    if failed:
        print("Failed: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
