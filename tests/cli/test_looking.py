"""What the commands that only look say, and how the program ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from grader.cli.app import main; main()", *arguments],
        env=os.environ | {"COLUMNS": "80"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


TOML = """
name = "{name}"
title = "A title"
course = "C"
university = "U"
[[files]]
name = "hw"
path = "hw.py"
[[parts]]
id = "q1"
title = "Part"
marks = 1
[[questions]]
id = "q1.1"
title = "Question"
kind = "unit"
marks = 1
contracts = ["hw.A_class_with_a_long_name.and_a_method_with_a_longer_one"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("fine", "odd"):
        folder = tmp_path / "assignments" / name
        folder.mkdir(parents=True)
        (folder / "assignment.toml").write_text(TOML.format(name=name), encoding="utf-8")
    return tmp_path


def test_a_broken_assignment_is_named_and_hides_no_other(home: Path) -> None:
    (home / "assignments" / "odd" / "assignment.toml").write_text("name = [", encoding="utf-8")
    done = run("list", GRADER_HOME=str(home))
    assert done.returncode == 1
    assert "fine" in done.stdout
    assert "odd" not in done.stdout
    assert "odd/assignment.toml:1: not valid TOML" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["list"], ["show", "ift6135_a3"]])
def test_a_home_that_is_not_there_is_an_error(command: list[str], tmp_path: Path) -> None:
    done = run(*command, GRADER_HOME=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "GRADER_HOME" in done.stderr
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_version_and_short_help_are_there() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "grader")
    for arguments in (["-h"], ["show", "-h"], ["grade", "-h"]):
        done = run(*arguments)
        assert done.returncode == 0
        assert "Usage" in done.stdout


def test_contracts_are_whole_at_80_columns(home: Path) -> None:
    done = run("show", "fine", GRADER_HOME=str(home))
    assert "hw.A_class_with_a_long_name.and_a_method_with_a_longer_one" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 110


def test_a_second_interrupt_does_not_disturb_the_end(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, tempfile, time\n"
        "from grader.cli import app as cli\n"
        "@cli.app.command()\n"
        "def work(folder: str):\n"
        "    with tempfile.TemporaryDirectory(dir=folder):\n"
        "        try:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "            time.sleep(60)\n"
        "        finally:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "            time.sleep(0.1)\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "work", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert "the same command goes on" in done.stderr
    assert not list(tmp_path.iterdir())


def test_commands_start_without_torch() -> None:
    """It takes seconds to import; slots do that, and commands that measure in this process."""
    code = (
        "import importlib, sys\n"
        "from grader.cli.app import COMMANDS\n"
        "for name in COMMANDS: importlib.import_module(f'grader.cli.{name}')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
