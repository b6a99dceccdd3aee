"""AlpacaSorter: finds the alpacas in your photos, learns from each correction, and uploads nothing.

The version is only in pyproject.toml. `__version__` is read when it is first used, so that importing this package
is fast.
"""

import os

# NumPy's linear algebra on one thread, set here because it is read when NumPy is first imported. While a scan keeps
# all cores busy, OpenBLAS's threads wait for each other: a click took 230 ms with two threads and 44 ms with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__all__ = ["__version__"]

__version__: str


def _read_version() -> str:
    from pathlib import Path

    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        # The checkout comes first: the metadata of an editable install is from the last `make setup`.
        import tomllib

        about = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if about.get("name") == "alpacasorter":
            return str(about["version"])
    from importlib.metadata import version

    return version("alpacasorter")


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = _read_version()
    globals()["__version__"] = found
    return found
