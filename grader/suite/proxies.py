"""What tests hold: `submission` and `reference`, asked in the same way.

Both take the same calls and give back the same plain data, so that a test cannot tell them apart
except by their values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from grader.suite import driving


class UnknownFile(AttributeError):
    """A test names a file that the assignment does not have: a fault of the suite."""


class Implementation(Protocol):
    """What a proxy needs."""

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """Call a function ('call') or run a probe ('probe')."""


class Proxy:
    """What tests see: `submission.gan.jsd(cp, cq)` and `submission(probes.some_probe, seed=3)`."""

    def __init__(self, implementation: Implementation, modules: tuple[str, ...]) -> None:
        self._implementation = implementation
        self._modules = modules

    def __getattr__(self, name: str) -> _Path:
        if name not in self._modules:
            raise UnknownFile(f"the assignment has no file {name!r}; it has {self._modules}")
        return _Path(self._implementation, name)

    def __call__(self, probe: Callable[..., Any], **kwargs: Any) -> Any:
        return self._implementation.ask("probe", probe_name(probe), {"kwargs": kwargs})


def probe_name(probe: Callable[..., Any]) -> str:
    """What a probe is asked by: `name` of `probes.py`, `probes.stem.name` of a file of the folder
    `probes/`, `driving.name` of the harness's own."""
    room, _, stem = probe.__module__.rpartition(".")
    if probe.__module__ == driving.__name__:
        return f"driving.{probe.__name__}"
    return f"probes.{stem}.{probe.__name__}" if room else probe.__name__


class _Path:
    """A dotted name inside a module; calling it asks the implementation."""

    def __init__(self, implementation: Implementation, path: str) -> None:
        self._implementation = implementation
        self._path = path

    def __getattr__(self, name: str) -> _Path:
        return _Path(self._implementation, f"{self._path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._implementation.ask("call", self._path, {"args": list(args), "kwargs": kwargs})
