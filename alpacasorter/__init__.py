"""AlpacaSorter: finds the alpacas among a person's photos, learns from each correction, uploads nothing.

The version lives in pyproject.toml and nowhere else; `__version__` is read when first asked for, so that
importing this package costs nothing.
"""

__all__ = ["__version__"]

__version__: str


def _read_version() -> str:
    from pathlib import Path

    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        # The checkout comes first: the metadata of an editable install is as old as the last `make setup`.
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
