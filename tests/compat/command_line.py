"""Runs the command line by its most public entry point, `alpacasorter.cli.main`, and inspects its parsers."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

from alpacasorter.cli import main

COMMANDS = ("", "scan", "sort", "watch", "export", "import", "evaluate", "models", "dataset", "train", "export-model")
"""All commands; "" is the window."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


def invoke(*arguments: object, variables: Mapping[str, str] | None = None) -> Done:
    """Run the command line in this process, with other variables of the environment if wanted."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with (
        mock.patch.dict(os.environ, variables or {}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as end:
            code = int(str(end.code or 0))
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    return Done(code, *texts)


class _Seen(BaseException):
    """A parser was about to parse."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def parser_of(command: str) -> argparse.ArgumentParser:
    """Return the parser that the arguments of a command go to."""

    def stop(parser: argparse.ArgumentParser, *_: object, **__: object) -> Any:
        raise _Seen(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_known_args", stop):
        try:
            main([command] if command else [])
        except _Seen as seen:
            return seen.parser
    raise AssertionError(f"{command or 'the window'} parses no arguments")


def arguments_of(command: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the arguments of a command and of those below it: by full name of the command, by argument."""
    return dict(_walk(command or "alpacasorter", parser_of(command)))


def _walk(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    found: dict[str, dict[str, Any]] = {}
    positional = 0
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below, one in action.choices.items():
                yield from _walk(f"{name} {below}", one)
            continue
        if action.option_strings:
            key = " ".join(sorted(action.option_strings))
        else:
            positional += 1
            key = f"{positional}"
        found[key] = _about(action)
    yield name, found


def _about(action: argparse.Action) -> dict[str, Any]:
    about: dict[str, Any] = {} if action.nargs is None else {"nargs": action.nargs}
    if action.choices is not None:
        about["choices"] = sorted(map(str, action.choices))
    # What a flag is before it is given is a matter of the code behind it, but for those that can be said both ways.
    is_flag = action.nargs == 0 and not isinstance(action.default, bool)
    if action.default and action.default != argparse.SUPPRESS and not is_flag:
        about["default"] = _plain(action.default)
    if action.required:
        about["required"] = True
    if isinstance(action, argparse._AppendAction):
        about["repeatable"] = True
    return about


def _plain(value: object) -> object:
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, bool | int | float | str):
        return value
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else str(value)
