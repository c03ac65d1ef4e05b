"""The pytest plugin: collects a suite once, then runs it for one submission after another.

Pytest stays what it is, with its fixtures, marks, parametrisation and assertion rewriting; only its
run loop is ours. Nothing of the shell, of a file in the current folder or of a plugin that is
installed reaches it: that could change marks.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
import types
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import pytest
from _pytest.fixtures import FixtureLookupError
from _pytest.outcomes import Skipped

import grader.suite.stats
from grader.assignment import Assignment
from grader.catalogue import CatalogueError
from grader.marks.observed import NOT_RUN, TEST_SECONDS, Expected, Observed
from grader.suite import blame
from grader.suite.attempts import Attempts
from grader.suite.calls import Ask, held_bytes
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.failures import SubmissionFailed
from grader.suite.grafted import reading_of
from grader.suite.laws import Contract
from grader.suite.local import Local, ReferenceFailed, load_probes
from grader.suite.proxies import Proxy, UnknownFile
from grader.suite.remote import Remote
from grader.suite.titles import Titles
from grader.wall.errors import WallError

MAX_DETAIL = 6000
MAX_LINE = 300
OWN_FIXTURES = ("submission", "reference", "probes", "expect", "stats", "draw")
MAX_KEPT_BYTES = 256 * 2**20


class SuiteError(Exception):
    """A suite cannot be used: it does not collect, or a test has no question."""


@dataclass
class Pass:
    """One pass over the suite."""

    secret: str
    remote: Remote | Local
    attempts: Attempts
    observed: dict[str, Observed] = field(default_factory=dict)
    kept_bytes: int = 0


class SuitePlugin:
    """Fixtures, marks and reports of a suite.

    Args:
        assignment: whose suite.
        serve: called when collection is done, with this plugin; it calls `run` as often as it
            likes and returns when there is nothing more to grade.
    """

    def __init__(self, assignment: Assignment, serve: Callable[[SuitePlugin], None]) -> None:
        self._assignment = assignment
        self._serve = serve
        self._contracts = [c for q in assignment.description.questions for c in q.contracts]
        self._modules = tuple(f.name for f in assignment.description.files)
        self._probes: types.ModuleType = load_probes(assignment)
        self._local = Local.reference(assignment)
        self._readings: dict[str, Local] = {}
        self._titles = Titles(assignment)
        self._items: list[pytest.Item] = []
        self._found: list[pytest.Item] = []
        self._pass: Pass | None = None
        self._expect = Expect()
        self.expected: tuple[Expected, ...] = ()
        self.problem = ""

    # --- what the harness calls -------------------------------------------------------------------

    @property
    def reference_implementation(self) -> Local:
        """Our implementation, for whoever compares."""
        return self._local

    def of(
        self, questions: frozenset[str] | None, checks: frozenset[str] | None = None
    ) -> tuple[Expected, ...]:
        """The checks with these ids, of these questions; None: all."""
        return tuple(
            e
            for e in self.expected
            if (questions is None or e.question in questions) and (checks is None or e.id in checks)
        )

    def run(
        self,
        remote: Remote | Local,
        secret: str,
        expected: Sequence[Expected],
        checked: Callable[[], None] = lambda: None,
    ) -> dict[str, Observed]:
        """Run checks against one submission.

        Args:
            remote: the submission.
            secret: what inputs are drawn from.
            expected: the checks to run.
            checked: called after each of them.

        Returns:
            What each check reported, by its id.
        """
        remote.ask_log.secret = self._local.ask_log.secret = secret
        attempts = Attempts((remote.ask_log, self._local.ask_log), self._contracts)
        attempts.take_as_shown(set(self.expected) - set(expected))
        self._pass = Pass(secret, remote, attempts)
        wanted = {e.id: e.shows for e in expected}
        items = [item for item in self._items if check_id(item) in wanted]
        # Whether form counts is told by other checks of the question, so those come first.
        questions = list(dict.fromkeys(e.question for e in self.expected))
        items.sort(key=lambda item: (questions.index(_question(item)), -wanted[check_id(item)]))
        for item, following in zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            checked()
        observed = self._pass.observed
        self._pass = None
        for check in expected:
            if check.shows < 1 and check.id in observed:
                observed[check.id].attempted = attempts.were_made(check)
        return observed

    # --- what tests use ---------------------------------------------------------------------------

    @pytest.fixture
    def submission(self) -> Proxy:
        """The student's implementation, behind the wall."""
        assert self._pass is not None
        return Proxy(self._pass.remote, self._modules)

    @pytest.fixture
    def reference(self) -> Proxy:
        """Our implementation, asked in the same way."""
        return Proxy(self._local, self._modules)

    @pytest.fixture
    def probes(self) -> types.ModuleType:
        """The assignment's probes, to be handed to `submission` and `reference`."""
        return self._probes

    @pytest.fixture
    def expect(self) -> Expect:
        """Comparisons that explain themselves."""
        self._expect = Expect()
        return self._expect

    @pytest.fixture
    def stats(self) -> types.ModuleType:
        """Statistical tests with stated error rates, for answers that are random."""
        return grader.suite.stats

    @pytest.fixture
    def readings(self, request: pytest.FixtureRequest) -> Callable[[str], Proxy]:
        """By its name in the catalogue: the reference with a variant in its place.

        It is asked as often as the reference in a test, and so with the same seeds.
        """
        for local in self._readings.values():
            local.ask_log.secret = self._local.ask_log.secret
            local.ask_log.begin(check_id(request.node))
        return lambda name: Proxy(self._readings[name], self._modules)

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Draw:
        """Random inputs from the course's secret, other ones for each test."""
        assert self._pass is not None
        return Draw(self._pass.secret, check_id(request.node))

    @pytest.fixture
    def attempts(self, request: pytest.FixtureRequest) -> Attempts:
        """Takes note of whether the submission attempts a contract."""
        assert self._pass is not None
        self._pass.attempts.question = _question(request.node)
        return self._pass.attempts

    # --- what pytest calls ------------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "question(id, weight=1.0): the question a test marks")
        # Pytest's own style parses whole files for every failing check.
        config.option.tbstyle = "native"

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self._found.append(item)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._items = list(session.items)
        self.expected = tuple(self._expected(item) for item in session.items)
        for item in session.items:
            self._find_readings(getattr(item, "cls", None))
        ids = [e.id for e in self.expected]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise SuiteError(f"{self._assignment.hidden}: two checks are called {twice[0]}")
        left_out = {check_id(i) for i in self._found} - set(ids)
        if left_out:
            raise SuiteError(
                f"{self._assignment.hidden}: {min(left_out)} was collected and then left out; "
                "a conftest.py of the suite must not deselect checks"
            )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            self.problem = self.problem or "the suite cannot be collected"
            return True
        self._serve(self)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        assert self._pass is not None
        self._pass.remote.begin(check_id(item), _question(item))
        self._local.begin(check_id(item), "")

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        assert self._pass is not None
        seen = self._pass.observed.setdefault(check_id(item), Observed())
        calls = self._pass.remote.ask_log.calls
        self._pass.kept_bytes += sum(held_bytes(call.value) for call in calls)
        # Answers are kept for hints alone, and a hint is not worth gigabytes.
        seen.calls = calls if self._pass.kept_bytes <= MAX_KEPT_BYTES else []
        seen.findings = self._expect.findings
        self._expect = Expect()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if self._pass is None:
            return report
        key = check_id(item)
        seen = self._pass.observed.setdefault(key, Observed())
        seen.seconds += call.duration
        if call.excinfo is None:
            if call.when == "call":
                seen.outcome, seen.rationale, seen.detail = "passed", "", ""
                self._pass.attempts.take_as_shown([self._expected(item)])
            return report
        error = call.excinfo.value
        self._explain(item, seen, error, str(report.longrepr or ""))
        if call.when != "call" and not isinstance(error, CheckFailed):
            # A fixture that does not exist, say: the submission has not even been asked.
            seen.outcome, seen.rationale, seen.help = "not_graded", NOT_RUN, ""
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problem = f"{report.nodeid}: {report.longreprtext}"[-MAX_DETAIL:]

    # --- inside -----------------------------------------------------------------------------------

    def _expected(self, item: pytest.Item) -> Expected:
        marker = item.get_closest_marker("question")
        if marker is None or not marker.args:
            raise SuiteError(
                f"{item.nodeid} has no question; write @pytest.mark.question('q1.1') above it"
            )
        question = str(marker.args[0])
        try:
            self._assignment.question(question)
        except KeyError:
            known = ", ".join(q.id for q in self._assignment.description.questions)
            raise SuiteError(
                f"{item.nodeid} marks question {question!r}, but assignment.toml has only {known}"
            ) from None
        weight = float(marker.kwargs.get("weight", 1.0))
        if weight <= 0:
            raise SuiteError(f"{item.nodeid}: weight must be above zero, got {weight:g}")
        documentation = getattr(getattr(item, "obj", None), "__doc__", "") or ""
        kind = getattr(item, "cls", None)
        contract = getattr(kind, "contract", "")
        return Expected(
            contract=getattr(kind, "attempt", "") or contract,
            shows=getattr(getattr(item, "obj", None), "shows", 1.0),
            id=check_id(item),
            question=question,
            weight=weight,
            title=self._titles.of(item.name, documentation, contract, question),
            reason=" ".join(documentation.split()),
        )

    def _find_readings(self, kind: type | None) -> None:
        """Make ready the variants that a class of laws accepts besides the reference."""
        if kind is None or not issubclass(kind, Contract):
            return
        for name in kind.readings:
            try:
                self._readings[name] = reading_of(
                    self._assignment, self._local, name, kind.contract
                )
            except CatalogueError as error:
                raise SuiteError(str(error)) from None

    def _explain(self, item: pytest.Item, seen: Observed, error: BaseException, trace: str) -> None:
        assert self._pass is not None
        seen.detail = ""
        calls = self._pass.remote.ask_log.calls
        asked = "\n".join(call.full() for call in calls[-4:])
        if isinstance(error, (WallError, ReferenceFailed, UnknownFile)):
            seen.outcome = "not_graded"
            seen.rationale = NOT_RUN
            seen.detail = f"{error}\n{asked}"[:MAX_DETAIL]
        elif isinstance(error, CheckFailed):
            seen.outcome = "failed"
            seen.rationale, seen.help = error.rationale, error.help
            if isinstance(error, SubmissionFailed):
                seen.ending = error.ending
            elif calls:
                seen.rationale += f" (asked: {calls[-1].outline()})"
            seen.detail = f"{error.detail}\n{asked}".strip()[:MAX_DETAIL]
        elif isinstance(error, Skipped):
            seen.outcome = "failed"
            seen.rationale = "the check was skipped, which counts as failed"
        elif type(error).__name__ == "Failed" and "Timeout" in str(error):
            seen.outcome = "not_graded"
            seen.rationale = "this check took too long on the grader's side"
            seen.detail = f"{error}\n{asked}"[:MAX_DETAIL]
        else:
            said = f"{type(error).__name__}: {_first_line(error)} ({blame.place_of(error)})"
            if isinstance(error, FixtureLookupError):
                said = _no_fixture(str(error.argname), trace)
            elif not (blame.ours(error) or self._whatever_comes(item, error)):
                seen.outcome = "failed"
                seen.rationale = "what came back could not be compared with what the contract says"
                seen.help = "Look at the type and the shape of what the function returns."
                seen.detail = f"{said}\n{f'{trace}{chr(10)}{asked}'[-MAX_DETAIL:]}"
                return
            seen.outcome, seen.rationale, seen.help = "not_graded", NOT_RUN, ""
            seen.detail = f"an error in the suite itself: {said}\n{trace[-MAX_DETAIL:]}"

    def _whatever_comes(self, item: pytest.Item, error: BaseException) -> bool:
        """Whether a test raises the same if the answers are wrong, but of the right kind."""
        assert self._pass is not None
        if not isinstance(item, pytest.Function):
            return False
        given = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        # Any other may hold what the submission answered.
        if not given.keys() <= {*parameters, *OWN_FIXTURES}:
            return False
        of_laws = isinstance(item.instance, Contract)
        if "submission" not in given and not of_laws:
            return False
        key, secret = check_id(item), self._pass.secret
        self._local.ask_log.begin(key)
        wrong = blame.WrongAnswers(self._local, Ask(key, secret))
        own = {
            "submission": Proxy(wrong, self._modules),
            "draw": Draw(secret, key),
            "expect": Expect(),
            "attempts": Attempts(),
        }
        given |= {name: value for name, value in own.items() if name in given}
        test = item.obj
        if of_laws:
            again = type(item.instance)()
            again.enter(lambda name: own.get(name) or item._request.getfixturevalue(name))
            test = getattr(again, item.originalname)
        return blame.same(error, blame.raised_by(lambda: test(**given)))


def _no_fixture(name: str, trace: str) -> str:
    """What is said of a fixture that does not exist, from what pytest says of it."""
    listed = re.search(r"available fixtures: (.*)", trace)
    known = listed[1].strip().split(", ") if listed else []
    near = difflib.get_close_matches(name, known, 1)
    meant = f"; is {near[0]!r} meant?" if near else ""
    return f"there is no fixture {name!r}{meant} There are: {', '.join(known)}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:MAX_LINE]


def _question(item: pytest.Item) -> str:
    marker = item.get_closest_marker("question")
    return str(marker.args[0]) if marker else ""


def check_id(item: pytest.Item) -> str:
    """Name of a check: file, class if any, test and parameters, wherever the suite lies."""
    _, _, inside = item.nodeid.partition("::")
    return f"{Path(str(item.path)).name}::{inside}"


def serve_suite(assignment: Assignment, suite: Path, serve: Callable[[SuitePlugin], None]) -> None:
    """Collect a suite and hand the plugin to `serve`; returns when `serve` does.

    Raises:
        SuiteError: it does not collect; the message says which file and why.
    """
    errors: list[BaseException] = []

    def guarded(plugin: SuitePlugin) -> None:
        try:
            serve(plugin)
        except BaseException as error:
            errors.append(error)

    plugin = SuitePlugin(assignment, guarded)
    root = suite if suite.is_dir() else suite.parent
    collector = _ErrorCollector()
    arguments = [
        str(suite),
        *(
            "-p",
            "no:cacheprovider",
            "-p",
            "no:terminal",
            "-p",
            "no:logging",
            "-p",
            "no:faulthandler",
            # It would put a hook of its own in the place of the slot's: see `leave_when_told`.
            "-p",
            "no:unraisableexception",
        ),
        *("-p", "pytest_timeout", "--timeout", str(TEST_SECONDS), "--capture=no"),
        *("--import-mode=importlib", "--strict-markers", "-c", os.devnull),
        *("--rootdir", str(assignment.folder), "--confcutdir", str(root)),
    ]
    try:
        with _nothing_of_the_shell():
            status = pytest.main(arguments, plugins=[plugin, collector])
    finally:
        _forget_modules(suite)
    if errors:
        raise errors[0]
    if plugin.problem or collector.text:
        raise SuiteError(plugin.problem or collector.text)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and not plugin.expected:
        raise SuiteError(f"{suite}: there is no test in it")


@contextlib.contextmanager
def _nothing_of_the_shell() -> Iterator[None]:
    """No options and no plugins from the environment, nor such as happen to be installed."""
    before = {k: v for k, v in os.environ.items() if k.startswith("PYTEST_")}
    for name in before:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        os.environ.update(before)


class _ErrorCollector:
    """Keeps what pytest would have printed about an error of its own."""

    def __init__(self) -> None:
        self.text = ""

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        self.text = str(excinfo.value) or type(excinfo.value).__name__
        return True


def _forget_modules(suite: Path) -> None:
    """Pytest names modules by their place below the root, so two assignments' would collide."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and suite in Path(file).parents:
            del sys.modules[name]
