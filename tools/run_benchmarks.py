"""Runs the scripts in benchmarks/ one after another, each in its own process; exits with 1 if one fails."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run all of them, even if one fails; failures are listed at the end."""
    scripts = [
        path
        for path in sorted((ROOT / "benchmarks").glob("*.py"))
        # Modules that the scripts share do not have this line.
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
