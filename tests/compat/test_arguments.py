"""The command line accepts everything that an earlier version accepted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compat.command_line import COMMANDS, arguments_of

BEFORE: dict[str, dict[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("arguments.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("command", COMMANDS)
def test_takes_what_it_took(command: str) -> None:
    now = arguments_of(command)
    name = command or "alpacasorter"
    before = {one: arguments for one, arguments in BEFORE.items() if one == name or one.startswith(f"{name} ")}
    assert before.keys() <= now.keys()
    for one, arguments in before.items():
        for strings, was in arguments.items():
            found = [about for key, about in now[one].items() if set(strings.split()) <= set(key.split())]
            assert found, f"{one} no longer takes {strings}"
            _check(found[0], was, f"{one} {strings}")
        needed = {key for key, about in now[one].items() if about.get("required")}
        assert needed <= {key for key in now[one] if _is_known(key, arguments)}, f"{one} needs something new"


def _check(now: dict[str, Any], was: dict[str, Any], name: str) -> None:
    assert now.get("nargs") == was.get("nargs"), name
    assert now.get("default") == was.get("default"), name
    assert now.get("repeatable", False) == was.get("repeatable", False), name
    assert was.get("required", False) or not now.get("required", False), name
    if "choices" in now:
        assert set(was.get("choices", ())) <= set(now["choices"]), name
        assert "choices" in was, f"{name} took anything"


def _is_known(key: str, before: dict[str, Any]) -> bool:
    return any(set(strings.split()) <= set(key.split()) for strings in before)
