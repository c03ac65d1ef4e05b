"""Every command and option that a page names exists, and every command is on some page."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pages import DOCS, ROOT, blocks, pages, read, without_blocks

from grader.cli import app as cli

_INLINE = re.compile(r"`(grader [^`]+)`")


def _commands() -> dict[str, set[str]]:
    """Commands of the CLI with their options."""
    for name in cli.COMMANDS:
        importlib.import_module(f"grader.cli.{name}")
    top = typer.main.get_command(cli.app)
    found: dict[str, Any] = dict(top.commands)  # type: ignore[attr-defined]
    for name, command in list(found.items()):
        below = getattr(command, "commands", {})
        found |= {f"{name} {inner}": within for inner, within in below.items()}
    return {
        name: {"--help", *(o for p in command.params for o in p.opts)}
        for name, command in found.items()
    }


def _named(text: str) -> list[str]:
    """Command lines in code blocks and in running text."""
    lines = [line for body in blocks(text) for line in body.splitlines()]
    commands = [line for line in lines if line.startswith("grader ")]
    return commands + _INLINE.findall(without_blocks(text))


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_commands_exist(page: Path) -> None:
    known = _commands()
    for line in _named(read(page)):
        _, command, *words = shlex.split(line)
        assert command in known, f"{page.name}: {line}"
        if any(name.startswith(f"{command} ") for name in known) and words:
            command = f"{command} {words[0]}"
            assert command in known, f"{page.name}: {line}"
        for word in words:
            if word.startswith("--"):
                assert word in known[command], f"{page.name}: {line}"


def test_every_command_is_documented() -> None:
    text = "\n".join(read(page) for page in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))])
    for command in _commands():
        assert f"grader {command}" in text, command


def test_options_are_named_as_one_would_type_them() -> None:
    """An argument with an underscore at its end would give an option with a hyphen there."""
    for command, options in _commands().items():
        for option in options:
            assert not option.endswith("-"), f"grader {command} {option}"


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in pages():
        for target in re.findall(r"`?make ([a-z]+)`", read(page)):
            assert target in targets, f"{page.name}: make {target}"
