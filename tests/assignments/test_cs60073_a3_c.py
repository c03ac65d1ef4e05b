"""Part C of cs60073_a3, driven in this process, without the wall.

The reference passes whatever the secret, and a skeleton gets nothing. The audit holds what becomes
of the catalogue.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import grader.suite.stats
from grader.assignment import Assignment
from grader.publish.skeleton import cut
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.local import load_file, load_text

ROOT = Path(__file__).resolve().parents[2]
REAL = Assignment(ROOT / "assignments" / "cs60073_a3", ROOT / "reference" / "cs60073_a3")
SECRETS = [s for s in os.environ.get("SUITE_SECRETS", "one,two").split(",") if s]
NAME = "language_model"
SOURCE = (REAL.reference / f"{NAME}.py").read_text(encoding="utf-8")


@functools.cache
def reference() -> types.SimpleNamespace:
    return types.SimpleNamespace(language_model=load_text(SOURCE, "reference_of_part_c"))


@functools.cache
def probes() -> types.ModuleType:
    return load_file(REAL.probes, "probes_of_part_c")


def plain(value: Any) -> Any:
    """A value as it would come back over the wire."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, (np.ndarray, np.generic)):
        return torch.as_tensor(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise CheckFailed(f"a value of type {type(value).__name__} came back")


class Here:
    """`submission` or `reference`, in this process."""

    def __init__(self, impl: Any, path: tuple[str, ...] = ()) -> None:
        self._impl = impl
        self._path = path

    def __getattr__(self, name: str) -> Here:
        return Here(self._impl, (*self._path, name))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        try:
            if not self._path:
                return plain(args[0](self._impl, **plain(keywords)))
            target = self._impl
            for name in self._path:
                target = getattr(target, name)
            return plain(target(*plain(args), **plain(keywords)))
        except Exception as error:
            raise CheckFailed(f"raised {type(error).__name__}: {error}") from error


@dataclass
class Harness:
    """A pytest plugin that gives a suite its fixtures and keeps what came out."""

    impl: Any
    secret: str
    questions: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "question(id, weight=1.0): where the marks go")

    @pytest.fixture
    def submission(self) -> Here:
        return Here(self.impl)

    @pytest.fixture
    def reference(self) -> Here:
        return Here(reference())

    @pytest.fixture
    def probes(self) -> types.ModuleType:
        return probes()

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Draw:
        torch.manual_seed(0)
        return Draw(self.secret, f"{request.node.path.name}::{request.node.name}")

    @pytest.fixture
    def expect(self) -> Expect:
        return Expect()

    @pytest.fixture
    def stats(self) -> types.ModuleType:
        return grader.suite.stats

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("question")
            assert mark is not None, item.name
            self.questions[item.name] = mark.args[0]
            self.failed[item.name] = "did not run"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.errors.append(str(report.longrepr))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        try:
            yield
            del self.failed[item.name]
        except CheckFailed as error:
            self.failed[item.name] = f"{error.rationale} {error.detail}"
        except Exception as error:
            self.failed[item.name] = f"ERROR in the test: {type(error).__name__}: {error}"


def run(impl: Any, secret: str, folder: str = "hidden") -> Harness:
    """What a suite finds in an implementation."""
    harness = Harness(impl, secret)
    paths = [str(p) for p in sorted((REAL.folder / folder).glob("test_c*.py"))]
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:timeout", "--rootdir"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*options, str(REAL.folder), "-c", os.devnull, *paths], plugins=[harness])
    assert not harness.errors, "\n".join(harness.errors)
    assert harness.questions
    return harness


def made(text: str, name: str) -> Any:
    return types.SimpleNamespace(language_model=load_text(text, f"part_c_{name}"))


@pytest.mark.parametrize("secret", SECRETS)
def test_the_reference_passes_whatever_the_secret(secret: str) -> None:
    harness = run(reference(), secret)
    assert not harness.failed
    units = {q.id for q in REAL.about.questions if q.kind == "unit" and q.id[0] == "c"}
    assert set(harness.questions.values()) == units


def test_the_reference_passes_the_public_suite() -> None:
    assert not run(reference(), "public", "public").failed


def test_a_skeleton_gets_nothing() -> None:
    skeleton = made(cut(SOURCE, NAME, f"{NAME}.py").text, "skeleton")
    harness = run(skeleton, "skeleton")
    assert set(harness.failed) == set(harness.questions)
    assert not [why for why in harness.failed.values() if "ERROR in the test" in why]
