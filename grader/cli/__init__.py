"""The command line: `grader COMMAND --help` explains each command with an example."""

from grader.cli.app import main

__all__ = ["main"]
