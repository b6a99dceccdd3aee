"""The window imports the events before it is shown, so they must import fast."""

from tests.engines import run_python


def test_importing_them_loads_nothing_heavy() -> None:
    script = """
import sys
import alpacasorter.core.events, alpacasorter.core.labels, alpacasorter.core.session_paths
sys.exit(", ".join(sorted({"numpy", "PIL", "sqlite3", "PySide6"} & sys.modules.keys())) or 0)
"""
    done = run_python(script)
    assert (done.returncode, done.stderr) == (0, "")
