"""A suite tried on modules in this process, without a wall: for modules that are trusted."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.assignment import Assignment
from grader.marks.scoring import score
from grader.results import Check
from grader.suite.failures import SubmissionFailed
from grader.suite.local import Local, ReferenceFailed, load_file, load_probes
from grader.suite.plugin import SuitePlugin, serve_suite


class Trial(Local):
    """Modules in the place of a submission: what they raise is their own fault.

    Args:
        assignment: whose probes and adapters are used.
        modules: by name. Adapters change them as they change a submission's.
    """

    def __init__(self, assignment: Assignment, modules: Mapping[str, types.ModuleType]) -> None:
        implementation = types.SimpleNamespace(**modules)
        if assignment.adapters.exists():
            load_file(assignment.adapters, f"adapters_{assignment.name}").adapt(implementation)
        super().__init__(lambda: vars(implementation), load_probes(assignment))

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """Ask; see `Implementation`.

        Raises:
            SubmissionFailed: a module raised.
        """
        try:
            return super().ask(operation, target, arguments)
        except ReferenceFailed as failure:
            raise SubmissionFailed(str(failure).removeprefix("the reference ")) from None


def try_suite(
    assignment: Assignment,
    modules: Mapping[str, types.ModuleType],
    secret: str,
    suite: Path | None = None,
    questions: frozenset[str] | None = None,
) -> list[Check]:
    """The checks of a suite, as modules in the place of a submission pass or fail them.

    Args:
        assignment: whose suite.
        modules: by name; one that is missing fails every check that asks it.
        secret: what inputs are drawn from.
        suite: a folder or a file; None: the hidden suite.
        questions: those whose checks are run; None: all.

    Raises:
        SuiteError: the suite does not collect.
        ReferenceFailed: the reference or the adapters cannot be imported.
    """
    found: list[Check] = []

    def serve(plugin: SuitePlugin) -> None:
        expected = plugin.of(questions)
        observed = plugin.run(Trial(assignment, modules), secret, expected)
        found.extend(score(assignment, expected, observed)[1])

    serve_suite(assignment, suite or assignment.hidden, serve)
    return found
