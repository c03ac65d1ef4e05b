"""The suites of ift6135_a3, driven in this process, without the wall.

What is held here is the suite's own promise: the reference passes whatever the secret, a skeleton
gets nothing, and every check says which question it belongs to and why it exists.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import grader.suite.stats
from grader.assignment import Assignment
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.local import load_probes
from grader.suite.plugin import check_id

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "assignments" / "ift6135_a3"
REFERENCE = ROOT / "reference" / "ift6135_a3"
ASSIGNMENT = Assignment(FOLDER, REFERENCE)
SECRETS = [s for s in os.environ.get("SUITE_SECRETS", "one,two,three").split(",") if s]


# --- a small stand-in for the harness ---------------------------------------------------------


def load(path: Path, name: str) -> types.ModuleType:
    """A fresh module from a file."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def implementation(folder: Path) -> types.SimpleNamespace:
    """The assignment's files in a folder, as modules, adapted."""
    impl = types.SimpleNamespace(
        **{f.name: load(folder / f.path, f"suite_{f.name}") for f in ASSIGNMENT.about.files}
    )
    load(FOLDER / "adapters.py", "suite_adapters").adapt(impl)
    return impl


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
                probe, args = args[0], (self._impl, *args[1:])
                return plain(probe(*args, **{k: plain(v) for k, v in keywords.items()}))
            found = self._impl
            for name in self._path:
                found = getattr(found, name)
            return plain(found(*plain(args), **plain(keywords)))
        except Exception as error:
            raise CheckFailed(f"raised {type(error).__name__}: {error}") from error


@dataclass
class Check:
    """One check, as it went."""

    id: str
    question: str
    weight: float
    reason: str
    outcome: str = "missing"
    rationale: str = ""
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Harness:
    """A pytest plugin that gives a suite its fixtures and keeps what came out."""

    impl: Any
    reference_impl: Any
    secret: str
    checks: dict[str, Check] = field(default_factory=dict)
    collection_errors: list[str] = field(default_factory=list)

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "question(id, weight=1.0): where the marks go")

    @pytest.fixture
    def submission(self) -> Here:
        return Here(self.impl)

    @pytest.fixture
    def reference(self) -> Here:
        return Here(self.reference_impl)

    @pytest.fixture(scope="session")
    def probes(self) -> types.ModuleType:
        return load_probes(ASSIGNMENT)

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Draw:
        return Draw(self.secret, check_id(request.node))

    @pytest.fixture
    def expect(self) -> Expect:
        return Expect()

    @pytest.fixture
    def stats(self) -> types.ModuleType:
        return grader.suite.stats

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("question")
            self.checks[check_id(item)] = Check(
                check_id(item),
                mark.args[0] if mark else "",
                float(mark.kwargs.get("weight", 1.0)) if mark else 0.0,
                (getattr(item, "function", None).__doc__ or "").strip(),
            )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.collection_errors.append(str(report.longrepr))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        check = self.checks[check_id(item)]
        start = time.perf_counter()
        try:
            yield
            check.outcome = "passed"
        except CheckFailed as error:
            check.outcome = "failed"
            check.rationale, check.detail = error.rationale, error.detail
        except Exception as error:
            check.outcome = "error"
            check.rationale = f"{type(error).__name__}: {error}"
        check.seconds = time.perf_counter() - start


def run_suite(impl: Any, secret: str, path: Path = FOLDER / "hidden") -> dict[str, Check]:
    """All checks of a suite, or of one of its files, on an implementation."""
    harness = Harness(impl, implementation(REFERENCE), secret)
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:timeout"]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(
            [*options, "-c", os.devnull, "--rootdir", str(FOLDER), str(path)], plugins=[harness]
        )
    assert not harness.collection_errors, "\n".join(harness.collection_errors)
    return harness.checks


def awarded(checks: dict[str, Check]) -> dict[str, float]:
    """Share of each question's marks, from 0 to 1."""
    total: dict[str, float] = {}
    earned: dict[str, float] = {}
    for check in checks.values():
        total[check.question] = total.get(check.question, 0.0) + check.weight
        if check.outcome == "passed":
            earned[check.question] = earned.get(check.question, 0.0) + check.weight
    return {question: earned.get(question, 0.0) / total[question] for question in total}


def failures(checks: dict[str, Check]) -> str:
    return "\n".join(
        f"{c.id}: {c.outcome}: {c.rationale} {c.detail}"
        for c in checks.values()
        if c.outcome != "passed"
    )


# --- a skeleton -------------------------------------------------------------------------------


def skeleton_of(source: str) -> str:
    """A reference file with a NotImplementedError in the place of each solution."""
    lines, inside = [], False
    for line in source.splitlines():
        mark = line.strip()
        if mark == "### BEGIN SOLUTION":
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(f'{indent}raise NotImplementedError("to be written")')
        elif mark == "### END SOLUTION":
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skeleton")
    for file in ASSIGNMENT.about.files:
        source = skeleton_of((REFERENCE / file.path).read_text(encoding="utf-8"))
        (folder / file.path).write_text(source, encoding="utf-8")
    return folder


# --- the tests --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_reference() -> dict[str, Check]:
    return run_suite(implementation(REFERENCE), "collected")


def test_every_check_has_a_question_a_weight_and_a_reason(on_reference: dict[str, Check]) -> None:
    ids = {q.id for q in ASSIGNMENT.about.questions if q.kind == "unit"}
    assert on_reference
    for check in on_reference.values():
        assert check.question in ids, check.id
        assert check.weight > 0, check.id
        assert check.reason.endswith("."), check.id


def test_every_unit_question_has_checks(on_reference: dict[str, Check]) -> None:
    ids = {q.id for q in ASSIGNMENT.about.questions if q.kind == "unit"}
    assert {check.question for check in on_reference.values()} == ids


def test_questions_add_up_as_the_assignment_says() -> None:
    marks = {q.id: q.marks for q in ASSIGNMENT.about.questions}
    unit = sum(q.marks for q in ASSIGNMENT.about.questions if q.kind == "unit")
    assert unit == pytest.approx(34)
    assert sum(marks.values()) == pytest.approx(122)
    assert [p.marks for p in ASSIGNMENT.about.parts] == [40, 55, 27]


@pytest.mark.parametrize("secret", SECRETS)
def test_reference_passes_whatever_the_secret(secret: str) -> None:
    checks = run_suite(implementation(REFERENCE), secret)
    assert all(c.outcome == "passed" for c in checks.values()), failures(checks)


def test_skeleton_gets_nothing(skeleton: Path) -> None:
    checks = run_suite(implementation(skeleton), "skeleton")
    assert not [c.id for c in checks.values() if c.outcome != "failed"], failures(checks)


def test_skeleton_fails_the_public_suite_only_where_something_is_to_be_written(
    skeleton: Path,
) -> None:
    checks = run_suite(implementation(skeleton), "public", FOLDER / "public")
    assert {c.outcome for c in checks.values()} <= {"passed", "failed"}, failures(checks)
    assert any(c.outcome == "failed" for c in checks.values())


def test_reference_passes_the_public_suite() -> None:
    checks = run_suite(implementation(REFERENCE), "public", FOLDER / "public")
    assert checks
    assert all(c.outcome == "passed" for c in checks.values()), failures(checks)


def test_suite_is_quick(on_reference: dict[str, Check]) -> None:
    assert len(on_reference) <= 140
    assert sum(c.seconds for c in on_reference.values()) < 10


@pytest.mark.parametrize(
    "path",
    [
        *(FOLDER / name for name in ("probes.py", "adapters.py")),
        *sorted(FOLDER.glob("hidden/*.py")),
        *sorted(FOLDER.glob("public/*.py")),
    ],
    ids=lambda p: p.name,
)
def test_files_import_nothing_of_the_harness(path: Path) -> None:
    allowed = {"pytest", "numpy", "torch"} | set(sys.stdlib_module_names)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        # Laws and probes of the harness are for assignments to use; the rest of it is not.
        names = [n for n in names if n not in ("grader.suite.laws", "grader.suite.driving")]
        assert {name.split(".")[0] for name in names} <= allowed, f"{path}: {names}"


# --- the adapter ------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "rows": lambda x, u, w, b: x + u * torch.tanh(x @ w.t() + b),
    "vectors": lambda x, u, w, b: x + torch.outer(torch.tanh(torch.mv(x, w) + b), u),
    "columns": lambda x, u, w, b: x + torch.tanh(x @ w + b) @ u.t(),
    "other order": lambda z, w, u, b: z + u * torch.tanh((z * w).sum(1, keepdim=True) + b),
    "method": lambda self, x: x + self.u * torch.tanh(x @ self.w.t() + self.b),
    "keyword h": lambda x, u, w, b, h=torch.tanh: x + u * h(x @ w.t() + b),
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
@pytest.mark.parametrize("has_class", [True, False])
def test_a_function_stands_for_an_unwritten_method(
    name: str, has_class: bool, skeleton: Path
) -> None:
    impl = implementation(skeleton)
    if not has_class:
        del impl.solution.PlanarTransformation
    impl.solution.planar_transformation = FUNCTIONS[name]
    load(FOLDER / "adapters.py", "suite_adapters").adapt(impl)
    shares = awarded(run_suite(impl, "adapter", FOLDER / "hidden" / "test_q3_flow.py"))
    assert shares["q3.1"] == pytest.approx(1.0)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_a_written_method_is_left_alone() -> None:
    impl = implementation(REFERENCE)
    before = impl.solution.PlanarTransformation.forward
    impl.solution.planar_transformation = FUNCTIONS["rows"]
    load(FOLDER / "adapters.py", "suite_adapters").adapt(impl)
    assert impl.solution.PlanarTransformation.forward is before
