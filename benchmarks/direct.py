"""A submission in this very process, without a wall: what the walled slot is compared with."""

from __future__ import annotations

import importlib
import random
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grader.assignment import Assignment
from grader.suite.calls import Ask, Call
from grader.suite.local import find_probe
from grader.suite.remote import SubmissionFailed


class Direct:
    """Calls the student's functions where pytest runs. For trusted code only.

    Args:
        assignment: what is graded.
        folder: holds the submission's files.
        given: holds the files that every student has.
        probes: the assignment's probes.
    """

    def __init__(
        self, assignment: Assignment, folder: Path, given: Path, probes: types.ModuleType
    ) -> None:
        self.ask_log = Ask()
        self._probes = probes
        self._places = (str(folder), str(given))
        self._before = set(sys.modules)
        sys.path[:0] = self._places
        importlib.invalidate_caches()
        self._namespace = types.SimpleNamespace(
            **{f.name: importlib.import_module(f.name) for f in assignment.description.files}
        )

    def begin(self, check: str, question: str) -> None:
        """A new check starts, of this question."""
        self.ask_log.begin(check)

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """As the other implementations do, but straight away."""
        call = Call(operation, target, arguments, self.ask_log.seed())
        self.ask_log.calls.append(call)
        random.seed(call.seed)
        np.random.seed(call.seed)
        # torch.manual_seed formats the whole stack for CUDA: half a millisecond under pytest.
        torch.default_generator.manual_seed(call.seed)
        try:
            if operation == "probe":
                probe = find_probe(self._probes, target)
                call.value = _plain(probe(self._namespace, **arguments["kwargs"]))
            else:
                function: Any = self._namespace
                for name in target.split("."):
                    function = getattr(function, name)
                call.value = _plain(function(*arguments["args"], **arguments["kwargs"]))
        except Exception as error:
            raise SubmissionFailed(f"{target} raised {type(error).__name__}") from error
        return call.value

    def close(self) -> None:
        """Forget the submission's modules."""
        for place in self._places:
            sys.path.remove(place)
        for name in set(sys.modules) - self._before:
            where = getattr(sys.modules[name], "__file__", None)
            if where and str(Path(where).parent) in self._places:
                del sys.modules[name]


def _plain(value: Any) -> Any:
    """Without gradients, as what crosses the wall is."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
