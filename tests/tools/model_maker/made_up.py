"""A table of photos that are nowhere."""

from pathlib import Path

from tools.model_maker.photo_table import PhotoTable


def made_up(**counts):
    """Return a table with so many photos in each folder, such as `article__alpaca=3`, each with its own source.

    Every second alpaca is dark, look-alikes are llamas, and all others are other animals.
    """
    rows = []
    for folder, count in counts.items():
        for number in range(count):
            name = f"{folder.replace('__', '/')}/{number:03}.jpg"
            llama, alpaca = "lookalike" in folder, folder.endswith("__alpaca")
            kinds = frozenset({"dark"} if alpaca and number % 2 else {"other animals"} if "not" in folder else ())
            rows.append((name, "llama" if llama else "alpaca" if alpaca else "", kinds))
    rows.sort()
    names, species, kinds = zip(*rows, strict=True)
    return PhotoTable(Path("nowhere"), names, tuple(f"source of {name}" for name in names), species, kinds)
