"""The texts that stand in the code: which of them people read, and are in no call of `_()`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.pseudo import ROOT, Literal

_PACKAGE: Final = ROOT / "alpacasorter"
_WRAPPERS: Final = {"_", "N_", "ngettext", "pgettext"}
_FOR_DEVELOPERS: Final = {
    # Calls with texts that only developers read: logs, identifiers, patterns.
    *("log", "getLogger"),
    *("setObjectName", "setProperty", "property", "compile", "TypeVar", "ContextVar", "import_module", "getattr"),
    *("execute", "executemany", "executescript", "startswith", "endswith", "encode", "decode", "environ", "get"),
    *("AssertionError", "RuntimeError", "TypeError", "NotImplementedError", "KeyError", "QSettings", "setStyleSheet"),
}
_FOR_PEOPLE: Final = {
    # Calls whose texts are shown, be they single words.
    *("setText", "setWindowTitle", "setToolTip", "setAccessibleName", "setAccessibleDescription", "setPlaceholderText"),
    *(
        "setTitle",
        "setSuffix",
        "setPrefix",
        "setSpecialValueText",
        "setHeaderLabels",
        "setInformativeText",
        "setFormat",
    ),
    *("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "QToolButton", "QMenu", "QAction", "QToolBar"),
    *("addRow", "addItem", "addTab", "addMenu", "addAction", "addButton", "drawText", "setIconText", "setStatusTip"),
    *("complain", "print", "say", "tell"),
}
_CODE_LIKE: Final = re.compile(
    r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|ATTACH|BEGIN|WITH|REPLACE|VACUUM)\b|^[<#.{(\[/-]|[;{]\s|::"
    r"|^\S*$"
)
_WORDS: Final = re.compile(r"[A-Za-z]{2,}")


def all_literals() -> list[Literal]:
    """Return all texts of the code that have letters, but for docstrings."""
    return [one for path in _modules() for one, _sentence in _literals(path)]


def sentences() -> list[Literal]:
    """Return those that people seem to read and that are not wrapped. It is a guess, for going through a room."""
    return [one for path in _modules() for one, sentence in _literals(path) if sentence and not one.wrapped]


def _modules() -> list[Path]:
    return sorted(_PACKAGE.rglob("*.py"))


def _literals(path: Path) -> Iterator[tuple[Literal, bool]]:
    module = path.relative_to(_PACKAGE).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from _visit(tree, module, calls=())


def _visit(node: ast.AST, module: str, calls: tuple[str, ...]) -> Iterator[tuple[Literal, bool]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        # A docstring, or words about a constant.
        return
    if isinstance(node, ast.Compare | ast.Subscript | ast.MatchValue):
        # Compared or looked up, not shown.
        calls = (*calls, "get")
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORDS.search(node.value):
        text = " ".join(re.sub(r"\{[^{}]*\}", "\n", node.value).replace("&", "").split(" "))
        wrapped = bool(_WRAPPERS.intersection(calls[-1:]))
        longest = max((part.strip() for part in text.split("\n")), key=len)
        yield Literal(module, node.lineno, longest, wrapped), _is_sentence(node.value, calls)
        return
    if isinstance(node, ast.Call):
        name = _name(node.func)
        yield from _visit(node.func, module, calls)
        for child in (*node.args, *node.keywords):
            yield from _visit(child, module, (*calls, name))
        return
    for child in ast.iter_child_nodes(node):
        yield from _visit(child, module, calls)


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return "log" if isinstance(called.value, ast.Name) and "log" in called.value.id else called.attr
    return getattr(called, "id", "")


def _is_sentence(text: str, calls: tuple[str, ...]) -> bool:
    if _FOR_DEVELOPERS.intersection(calls):
        return False
    if _FOR_PEOPLE.intersection(calls[-1:]):
        return True
    return len(_WORDS.findall(text)) > 1 and not _CODE_LIKE.search(text)
