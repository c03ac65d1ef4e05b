"""Runs the public tests on the files in this folder, and says in words what went wrong.

You need not read this file to work on the assignment, and you should not change it.
"""

from __future__ import annotations

import dis
import hashlib
import importlib
import importlib.util
import json
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

import driving  # type: ignore[import-not-found]
import numpy as np
import pytest
import torch
from draw import Draw  # type: ignore[import-not-found]
from expect import CheckFailed, Expect  # type: ignore[import-not-found]

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
ABOUT = json.loads((TESTS / "assignment.json").read_text(encoding="utf-8"))
FILES: dict[str, str] = ABOUT["files"]
QUESTIONS: dict[str, str] = ABOUT["questions"]
FUNCTIONS: dict[str, list[str]] = ABOUT["functions"]
NOTEBOOKS = {f"<{path}>" for path in FILES.values() if path.endswith(".ipynb")}
UNWRITTEN = "is not written yet"
SHOWN_FRAMES = 4

MODULES = pytest.StashKey["Modules"]()

sys.path.insert(0, str(ROOT))
if NOTEBOOKS:
    importlib.import_module("notebooks").install()


class FileBroken(AttributeError):
    """One of your files is missing or cannot be imported."""


class NameMissing(Exception):
    """A function or class of the template is not in your file any more."""


class Modules:
    """Your files as attributes, each imported once: what a probe gets as `impl`."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}
        for name, path in FILES.items():
            try:
                setattr(self, name, importlib.import_module(Path(path).stem))
            # Whatever ends the import of one file must not end the tests of the others.
            except (Exception, SystemExit) as error:
                self._problems[name] = _import_problem(path, error)
        adapters = _our_module("adapters")
        if adapters is not None:
            # What an adapter cannot cope with is tested as it is.
            try:
                adapters.adapt(self)
            except Exception:
                return

    def __getattr__(self, name: str) -> Any:
        if name in self._problems:
            raise FileBroken(self._problems[name])
        raise AttributeError(f"the assignment has no file {name!r}")


def unwritten(modules: Modules, names: list[str]) -> list[str]:
    """Those of the functions that are as the template has them, or cannot be imported."""
    found = []
    for name in names:
        function: Any = modules
        for part in name.split("."):
            # What is defined inside a function is found in its code.
            if not hasattr(function, "__code__"):
                function = getattr(function, part, None)
        code = getattr(function, "__code__", None)
        if function is None or (code is not None and _says(code, f"{name} {UNWRITTEN}")):
            found.append(name)
    return found


def _says(code: CodeType, text: str) -> bool:
    """Does the function, or one inside it, hold the text where it can be reached?"""
    inside = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return any(step.argval == text for step in dis.get_instructions(code)) or any(
        _says(one, text) for one in inside
    )


class Submission:
    """What tests ask: `submission.gan.jsd(cp, cq)`, or `submission(probes.some_probe, seed=3)`.

    As when your work is marked, every call gets copies of its arguments and seeded random numbers,
    and what comes back is plain data without gradients.
    """

    def __init__(self, modules: Modules, test: str) -> None:
        self._modules = modules
        self._test = test
        self._calls = 0

    def __getattr__(self, name: str) -> Target:
        return Target(self, name)

    def __call__(self, probe: Callable[..., Any], **arguments: Any) -> Any:
        return self.ask(lambda: probe(self._modules, **plain(arguments)))

    def call(self, target: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of yours by its dotted name."""
        function: Any = self._modules
        for name in target.split("."):
            if function is not self._modules and not hasattr(function, name):
                raise NameMissing(target)
            function = getattr(function, name)
        return self.ask(lambda: function(*plain(args), **plain(kwargs)))

    def ask(self, question: Callable[[], Any]) -> Any:
        """Run something of yours with the same random numbers each time."""
        self._calls += 1
        digest = hashlib.sha256(f"{self._test}:{self._calls}".encode()).digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        return plain(question())


class Target:
    """A name in one of your files; calling it calls your function."""

    def __init__(self, submission: Submission, path: str) -> None:
        self._submission = submission
        self._path = path

    def __getattr__(self, name: str) -> Target:
        return Target(self._submission, f"{self._path}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._submission.call(self._path, *args, **kwargs)


def plain(value: Any) -> Any:
    """A copy without ties to what it was copied from."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    return value


def _our_module(name: str) -> ModuleType | None:
    """A module beside this file, whatever else is called the same."""
    path = TESTS / f"{name}.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _import_problem(path: str, error: BaseException) -> str:
    if not (ROOT / path).exists():
        return f"{path} is not in this folder"
    lines = [f"{path} cannot be imported: {type(error).__name__}: {error}", *_own_frames(error)]
    return "\n".join(lines)


# --- what tests use -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _modules(request: pytest.FixtureRequest) -> Modules:
    return _modules_of(request.config)


@pytest.fixture
def submission(_modules: Modules, request: pytest.FixtureRequest) -> Submission:
    """Your implementation."""
    return Submission(_modules, request.node.name)


@pytest.fixture(scope="session")
def probes() -> ModuleType:
    """Small programs that drive an implementation: the assignment's, and some for any function."""
    found = _our_module("probes") or ModuleType("probes")
    for path in sorted((TESTS / "probes").glob("*.py")):
        setattr(found, path.stem, _our_module(f"probes/{path.stem}"))
    for name in driving.PROBES:
        if not hasattr(found, name):
            setattr(found, name, getattr(driving, name))
    return found


@pytest.fixture
def expect() -> Expect:
    """Comparisons that explain themselves."""
    return Expect()


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    """Random inputs: the same ones each time, other ones for each test."""
    return Draw("public", request.node.name)


# --- what you read --------------------------------------------------------------------------------


class Explanation:
    """A failure in words; pytest prints it in the place of a traceback."""

    def __init__(self, lines: list[str]) -> None:
        self.text = "\n".join(lines)
        # pytest takes the short summary's line from here.
        self.reprcrash = SimpleNamespace(message=lines[0])

    def __str__(self) -> str:
        return self.text

    def toterminal(self, writer: Any) -> None:
        for line in self.text.splitlines():
            writer.line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marker = item.get_closest_marker("question")
    question = str(marker.args[0]) if marker and marker.args else "other"
    report.user_properties.append(("question", question))
    if report.passed and call.when == "call":
        # A template refuses wrong arguments by itself; that earns nothing yet.
        names = FUNCTIONS.get(question, [])
        missing = unwritten(_modules_of(item.config), names)
        if names and missing == names:
            report.outcome = "failed"
            report.longrepr = Explanation([f"{missing[0]} {UNWRITTEN}"])  # type: ignore[assignment]
    if report.failed and call.excinfo is not None:
        report.longrepr = Explanation(_explain(item, call.excinfo.value))  # type: ignore[assignment]
    return report


def _modules_of(config: pytest.Config) -> Modules:
    if MODULES not in config.stash:
        config.stash[MODULES] = Modules()
    return config.stash[MODULES]


def _explain(item: pytest.Item, error: BaseException) -> list[str]:
    reason = " ".join((getattr(getattr(item, "obj", None), "__doc__", None) or "").split())
    if isinstance(error, NotImplementedError) and str(error).endswith(UNWRITTEN):
        return [str(error)]
    if isinstance(error, FileBroken):
        return str(error).splitlines()
    if isinstance(error, NameMissing):
        return [f"{error} is not defined", "  look at:  the template; keep its names"]
    if isinstance(error, CheckFailed):
        told = [("look at", error.help), ("why", reason), ("values", error.detail)]
        return [error.rationale, *(line for pair in told for line in _paragraph(*pair))]
    frames = _own_frames(error)
    if not frames:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        frames = [f"  {Path(f.filename).name}, line {f.lineno}: {f.line}" for f in last]
    first = f"{type(error).__name__}: {error}".splitlines() or [type(error).__name__]
    return [*first, *frames, *_paragraph("why", reason)]


def _paragraph(label: str, text: str) -> list[str]:
    if not text:
        return []
    first, *more = text.splitlines()
    return [f"  {label + ':':<9} {first}", *(f"  {'':<9} {line}" for line in more)]


def _own_frames(error: BaseException) -> list[str]:
    """The last places in the student's own files that an exception went through."""
    shown = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in NOTEBOOKS:
            name = frame.filename.strip("<>")
            shown.append(f"  {name}, in {frame.name}: {frame.line}")
            continue
        path = Path(frame.filename).resolve()
        inside = path.is_relative_to(ROOT) and not path.is_relative_to(TESTS)
        if inside and path.is_file() and "site-packages" not in path.parts:
            name = path.relative_to(ROOT).as_posix()
            shown.append(f"  {name}, line {frame.lineno}, in {frame.name}: {frame.line}")
    return shown[-SHOWN_FRAMES:]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Count the functions that are written, and the checks of each question."""
    passed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            question = dict(getattr(report, "user_properties", [])).get("question")
            if question is not None:
                total[question] += 1
                passed[question] += outcome == "passed"
    if not total:
        return
    terminalreporter.section(f"{ABOUT['title']}: public checks passed")
    for question in [*QUESTIONS, *sorted(total.keys() - QUESTIONS.keys())]:
        if total[question]:
            count = f"{passed[question]} of {total[question]}"
            title = QUESTIONS.get(question, "")
            terminalreporter.line(f"{question:<8} {count:<10} {title}".rstrip())
    terminalreporter.line("")
    names = sorted({name for group in FUNCTIONS.values() for name in group})
    left = unwritten(_modules_of(config), names)
    terminalreporter.line(f"{len(names) - len(left)} of {len(names)} functions are written.")
    terminalreporter.line(
        "These are the public checks. Your work is marked by a hidden suite with other inputs and "
        "more checks."
    )
