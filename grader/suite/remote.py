"""The submission, behind the wall."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from grader.assignment import Assignment, Limits
from grader.results import Ending
from grader.suite import driving
from grader.suite.calls import Ask, Call
from grader.suite.failures import HANG_HELP, Asked, StudentError, SubmissionFailed
from grader.suite.probed import driven, named
from grader.suite.syntax import grading_python, newer_python
from grader.wall.behind import wire
from grader.wall.cell import CellHandle
from grader.wall.errors import (
    BadReply,
    CallTimeout,
    CellKilled,
    CellLost,
    KeeperLost,
    WallError,
)
from grader.wall.warm_handle import Warm
from grader.wall.watch import WATCHED_FROM

# A function that has never answered is not tried any more after so many checks that it hung in.
MAX_HUNG_CHECKS = 3
# Of packages that are not installed; a list without end would fill the report.
MAX_STOOD_IN = 20
# What is asked may be asked again: nothing that was asked before matters to it.
REPEATABLE = frozenset({"call", "probe"})
# Of importing something else in the place of a file that cannot be imported.
MAX_ATTEMPTS = 2
# The share of its time after which a question leaves a fresh cell to the next.
SHARED_FOR = 0.1
# After so many cells in a row that could not be started, the rest is not graded either.
MAX_FAULTS = 3

KEEPERS_LOST = f"the process that started it was ended too, {MAX_FAULTS} times in a row"
# Of asking a cell what the submission has changed.
LOOK_SECONDS = 1.0
DOTTED = re.compile(r"\w{1,60}(\.\w{1,60}){1,5}")
# By what was changed: what somebody should know of it, with so many names at most.
SHOWN = 5
CHANGED = {
    "drivers": "{files}: what drives the submission was changed, {names}: what is reported of it "
    "may be forged, and somebody should read it",
    "libraries": "{files}: replaces {names}, which probes use as well; that may be harmless, and "
    "somebody should look at it",
}

# By the name of a file and the number of the attempt: files to put in the place of some.
Otherwise = Callable[[str, int], Mapping[str, bytes]]


def nothing_else(name: str, attempt: int) -> Mapping[str, bytes]:
    """Leaves a file that cannot be imported as it is."""
    return {}


class Remote:
    """A submission behind the wall. One that crashes or hangs gets a fresh cell for the next call.

    A question's trouble is its own: each has the time of `question_seconds`, and is asked in a
    cell into which nothing but the files with its contracts was imported, unless a probe needs
    others. Questions of the same files share a cell, until one of them has used much of its time,
    or has left an answer there that nobody asked for.

    Args:
        warm: the warm process of this slot.
        assignment: what is graded.
        files: the submission's files, by relative path.
        limits: what its cells may use; by default what the assignment says.
        modules: names of the files to import; None: all. What these import comes with them.
        places: the path in `files` of each file of the assignment, where it is not the usual one.
        otherwise: what to try where one cannot be imported, by its name and the number of the
            attempt from 1.
        apart: whether each question gets a cell of its own files; False: all files in one cell.
    """

    def __init__(
        self,
        warm: Warm,
        assignment: Assignment,
        files: Mapping[str, bytes],
        limits: Limits | None = None,
        modules: Collection[str] | None = None,
        places: Mapping[str, str] | None = None,
        otherwise: Otherwise = nothing_else,
        apart: bool = True,
    ) -> None:
        self._warm = warm
        self._assignment = assignment
        self._limits = limits or assignment.description.limits
        self._files = dict(files)
        self._modules = {
            f.name: (places or {}).get(f.name, f.path)
            for f in assignment.description.files
            if modules is None or f.name in modules
        }
        self._needed = self._needed_by_questions() if apart else {}
        self._question = ""
        self._otherwise = otherwise
        self._attempts: Counter[str] = Counter()
        self._as_handed_in: dict[str, tuple[str, str, str, Ending]] = {}
        self._sources = sources_of(assignment)
        given = [name.removesuffix(".py") for name in assignment.description.given]
        self._own_names = [*(f.name for f in assignment.description.files), *given]
        self.concerns: list[str] = []  # what somebody should look at
        self.stood_in: dict[str, str] = {}  # missing packages, and the file that imports each
        self._ended: dict[str, int] = {}
        self._driven = self._driven_by_probes(
            frozenset(f.name for f in assignment.description.files)
        )
        self._cell: CellHandle | None = None
        self._broken: dict[str, tuple[str, str, str, Ending]] = {
            name: (
                f"{path} was not handed in",
                f"Hand in a file called {path}.",
                "",
                "raised",
            )
            for name, path in self._modules.items()
            if path not in self._files
        }
        # By what was called: the checks in which it hung. One check may ask in several ways.
        self._hung: dict[str, set[str]] = {}
        self._hung_requests: dict[bytes, float] = {}
        self._answered: set[str] = set()
        # By question, in seconds: slow calls, and calls that hung.
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._spent_hanging: defaultdict[str, float] = defaultdict(float)
        self._spent_in_cell = 0.0
        self._loaded: frozenset[str] = frozenset()
        self._killed: set[str] = set()  # files whose import has cost a cell
        self._faults = 0
        self._keepers_lost: Counter[str] = Counter()  # by the file that was imported, in a row
        self._printed = bytearray()
        self.ask_log = Ask()

    @property
    def printed(self) -> str:
        """What the code printed, up to the limit."""
        printed = self._printed + (self._cell.printed if self._cell else b"")
        return bytes(printed[: self._limits.output_kib * 1024]).decode(errors="replace")

    def close(self) -> None:
        """End whatever of the submission still runs."""
        self._drop_cell()

    def look(self) -> None:
        """Ask the cell of now whether the submission has changed what drives it, or what probes
        use; `concerns` say so.

        A cell that gives no answer has said nothing: what cost it was told where it happened.
        """
        if self._cell is None or self._cell.closed:
            return
        try:
            told = self._cell.request({"op": "changed"}, LOOK_SECONDS).get("value")
        except (CellLost, WallError):
            self._cell.close()
            return
        for kind, sentence in CHANGED.items():
            listed = told.get(kind) if isinstance(told, dict) else None
            names = [n for n in listed if self._drives(n)] if isinstance(listed, list) else []
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                files = ", ".join(sorted(self._modules[name] for name in self._loaded))
                shown = ", ".join(names[:SHOWN]) + more
                concern = sentence.format(files=files, names=shown)
                self.concerns += [concern] if concern not in self.concerns else []

    def _drives(self, name: Any) -> bool:
        """Whether probes or the worker use what a name stands for, which a cell has told."""
        if not isinstance(name, str) or not DOTTED.fullmatch(name):
            return False
        own = name.startswith(("grader_", "behind.", "worker."))
        last = re.compile(rf"\b{name.rpartition('.')[2]}\b")
        return own or any(last.search(text) for text in self._sources.values())

    def begin(self, check: str, question: str) -> None:
        """A new check starts, of this question."""
        self.ask_log.begin(check)
        allowed = SHARED_FOR * self._limits.question_seconds
        if question != self._question:
            self._question = question
            spoiled = self._cell is not None and self._cell.speaks_unasked
            if spoiled or self._wanted != self._loaded or self._spent_in_cell > allowed:
                self._drop_cell()

    def ask(self, operation: str, target: str, arguments: dict[str, Any]) -> Any:
        """Ask the submission; see `Implementation`.

        Raises:
            SubmissionFailed: it gave no value; the message can be shown to the student.
            WallError: a fault of the harness or the machine.
        """
        call = Call(operation, target, arguments, self.ask_log.seed())
        if operation == "probe":
            call.functions = named(self._driven.get(target, ()), arguments.get("kwargs", {}))
        self.ask_log.calls.append(call)
        try:
            call.value = self._ask(call)
        except SubmissionFailed as failure:
            call.problem = failure.detail or failure.rationale
            raise
        return call.value

    def _ask(self, call: Call) -> Any:
        operation, target = call.operation, call.target
        limits = self._limits
        if self._spent[self._question] > limits.question_seconds:
            raise SubmissionFailed(
                f"the time for this question, {limits.question_seconds:g} s, "
                "was used up before this check",
                "Something earlier in it took very long, though it did answer.",
            )
        outline = call.outline()
        self._refuse_hopeless(target, outline)
        request = self._name_of(call) if self._hung_requests else b""
        if request in self._hung_requests:
            raise _hung(outline, self._hung_requests[request])
        if operation == "call":
            self.require(target.split(".")[0])
        try:
            value = self._exchange(call.request(), limits.call_seconds, outline, call.functions)
        except CallTimeout as timeout:
            self._hung.setdefault(target, set()).add(self.ask_log.test)
            self._hung_requests[self._name_of(call)] = timeout.seconds
            self._spent_hanging[self._question] += timeout.seconds
            raise _hung(outline, timeout.seconds) from None
        except SubmissionFailed as failure:
            if failure.ending == "raised":
                self._answered.add(target)
            raise
        self._answered.add(target)
        return value

    def _refuse_hopeless(self, target: str, outline: str) -> None:
        """Keep the time of a submission bounded, at the cost of functions that hang alone."""
        checks = len(self._hung.get(target, set()) - {self.ask_log.test})
        allowed = self._limits.question_seconds
        if checks < MAX_HUNG_CHECKS:
            return
        if target not in self._answered:
            reason = f"it has never answered, and {checks} checks waited for it"
        elif self._spent_hanging[self._question] > allowed:
            reason = f"{checks} checks waited for it, and calls that hung took {allowed:g} s in all"
        else:
            return
        raise SubmissionFailed(f"{outline} was not tried: {reason}", HANG_HELP, ending="hung")

    def _name_of(self, call: Call) -> bytes:
        """Names a request, whatever its seed, within a check."""
        request = wire.encode({**call.request(), "seed": 0})
        return hashlib.sha256(self.ask_log.test.encode() + b"\0" + request).digest()

    def require(self, module: str) -> None:
        """See that a module of the submission's is there and can be imported.

        Raises:
            SubmissionFailed: it is not, or cannot.
        """
        self._refuse_broken(module)
        self._need(module)
        self._ready_cell()
        self._refuse_broken(module)

    @property
    def _wanted(self) -> frozenset[str]:
        """The files that the question of now is asked with."""
        return frozenset(self._needed.setdefault(self._question, set(self._modules)))

    def _need(self, module: str) -> bool:
        """Have another file imported for the question of now; whether that is something new."""
        if module not in self._modules or module in self._wanted:
            return False
        self._needed[self._question].add(module)
        self._drop_cell()
        return True

    def _needed_by_questions(self) -> dict[str, set[str]]:
        """The files with the contracts of each question: one set for all of the same files."""
        sets: dict[frozenset[str], set[str]] = {}
        needed = {}
        for question in self._assignment.description.questions:
            files = {contract.split(".")[0] for contract in question.contracts}
            if own := frozenset(files & self._modules.keys()):
                needed[question.id] = sets.setdefault(own, set(own))
        return needed

    def exchange(
        self,
        message: dict[str, Any],
        seconds: float,
        outline: str,
        functions: tuple[str, ...] = (),
    ) -> Any:
        """Send one message to the submission's cell and return the value that it answers with.

        Args:
            message: as the worker understands it.
            seconds: limit of the answer.
            outline: what is asked, for messages to the student.
            functions: those of the student's that a probe drives.

        Raises:
            SubmissionFailed: it gave no value; its cell is over if it hung or crashed.
            WallError: a fault of the harness or the machine.
        """
        try:
            return self._exchange(message, seconds, outline, functions)
        except CallTimeout as timeout:
            raise _hung(outline, timeout.seconds) from None

    def _exchange(
        self,
        message: dict[str, Any],
        seconds: float,
        outline: str,
        functions: tuple[str, ...],
    ) -> Any:
        """The same, but a call that hangs raises CallTimeout."""
        try:
            reply = self._request(message, seconds)
        except CallTimeout:
            self._drop_cell()
            raise
        except BadReply as bad:
            # What is wrong with it may quote it, and so whatever its author wanted to be told.
            self._drop_cell()
            raise SubmissionFailed(
                f"the Python process was ended during {outline}: what came back was not an answer",
                "Nothing but the function's result may be sent to the grader.",
                str(bad),
                ending="crashed",
            ) from None
        except CellLost as lost:
            self._drop_cell()
            raise SubmissionFailed(
                f"the Python process ended during {outline}: {lost}",
                "A function must return; it must not end the program or use memory without bound.",
                ending="crashed",
            ) from None
        if reply.get("ok") is True:
            return reply.get("value")
        error = StudentError.read(reply.get("error"), self._files)
        if error.type == "MissingModule":
            self._refuse_broken(error.text)
            if message["op"] in REPEATABLE and self._need(error.text):
                return self._exchange(message, seconds, outline, functions)
        own = [text for name, text in self._sources.items() if name != "adapters"]
        words = " ".join([str(message.get("target", "")), *own])
        raise error.failure(Asked(message["op"], outline, functions, words, self._ended))

    def _driven_by_probes(self, modules: frozenset[str]) -> dict[str, tuple[str, ...]]:
        """The student's functions that each probe drives, by what the probe is asked by."""
        found: dict[str, tuple[str, ...]] = {}
        for source in self._assignment.probe_files:
            room = "" if source == "probes" else f"{source}."
            own = driven(self._sources[source], modules)
            found |= {f"{room}{probe}": functions for probe, functions in own.items()}
        return found

    def _request(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """One message and its answer, in another cell if somebody outside killed the first.

        Code that ends itself like that does so again. A run cannot be asked again in the middle.
        """
        try:
            return self._answer(message, seconds)
        except CellKilled:
            if message["op"] not in REPEATABLE:
                raise
        except KeeperLost:
            self._drop_cell()
            if message["op"] not in REPEATABLE:
                raise
            return self._ask_behind_new_keepers(message, seconds)
        except WallError:
            self._drop_cell()
            raise
        self._drop_cell()
        return self._answer(message, seconds)

    def _ask_behind_new_keepers(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Ask again after what is behind the cell was lost; what is lost with the same call again
        and again is lost by it.

        Raises:
            CellLost: it was.
        """
        for _ in range(MAX_FAULTS - 1):
            try:
                return self._answer(message, seconds)
            except KeeperLost:
                self._drop_cell()
        self._charge_with_keepers(message.get("target", message["op"]), "this was asked")
        raise CellLost(KEEPERS_LOST)

    def _charge_with_keepers(self, what: str, when: str) -> None:
        self.concerns.append(
            f"{what}: the process that starts the submission's cells was ended {MAX_FAULTS} times "
            f"while {when}; somebody should read it"
        )

    def _answer(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        cell = self._ready_cell()
        reply = cell.request(message, seconds)
        self._spent_in_cell += cell.spent
        # A short call is no burden, and its wall time says more of the machine than of the call.
        if cell.spent > WATCHED_FROM * seconds:
            self._spent[self._question] += cell.spent
        return reply

    def _refuse_broken(self, module: str) -> None:
        if module in self._broken:
            raise SubmissionFailed(*self._broken[module])

    def _ready_cell(self) -> CellHandle:
        """A cell in which the question's files are imported, as far as they can be."""
        while self._cell is None:
            if self._faults >= MAX_FAULTS:
                raise WallError("cells could not be started again and again; not tried any more")
            self._faults += 1
            cpu = int(self._limits.question_seconds) + 1
            cell = self._warm.fork(
                self._files,
                self._sources,
                cpu_seconds=cpu,
                own=self._own_names,
                limits=self._limits,
            )
            self._faults = 0
            self._cell, self._loaded, self._spent_in_cell = cell, self._wanted, 0.0
            try:
                for name in self._modules:
                    if name not in self._loaded or name in self._broken:
                        continue
                    if not self._load(cell, name):
                        break
                else:
                    self._adapt(cell)
            except WallError:
                self._drop_cell()
                raise
        return self._cell

    def _load(self, cell: CellHandle, name: str) -> bool:
        """Import one module; False when that cost the cell. Done before any input is seen."""
        path = self._modules[name]
        try:
            reply = cell.request(
                {"op": "load", "module": name, "file": path.removesuffix(".py")},
                self._limits.import_seconds,
            )
        except CallTimeout as timeout:
            self._broken[name] = (
                f"importing {path} took longer than {timeout.seconds:g} s",
                "Put what trains or plots under `if __name__ == '__main__':`.",
                "",
                "hung",
            )
        except CellLost as lost:
            if not self._may_be_chance(lost, name):
                self._broken[name] = _ended_by_import(path, str(lost))
        except KeeperLost:
            self._keepers_lost[name] += 1
            if self._keepers_lost[name] == MAX_FAULTS:
                self._charge_with_keepers(path, "it was imported")
                self._broken[name] = _ended_by_import(path, KEEPERS_LOST)
        else:
            del self._keepers_lost[name]
            loaded, error = reply.get("value"), reply.get("error")
            self._note_load(name, loaded if isinstance(loaded, dict) else error)
            known = name in self._as_handed_in
            failed = reply.get("ok") is not True
            if failed:
                self._broken[name] = self._import_failure(
                    path, StudentError.read(error, self._files)
                )
            elif line := self._cut_off(name):
                self._broken[name] = (
                    f"{path} ends itself in line {line}, as by exit()",
                    "Take that line away, or put it under `if __name__ == '__main__':`.",
                    "",
                    "raised",
                )
            if self._may_define(name):
                self._drop_cell()
                return False
            if not failed:
                self._broken.pop(name, None)  # what is above that line counts
                if not known:
                    self._as_handed_in.pop(name, None)
            return True
        self._may_define(name)
        self._drop_cell()
        return False

    @property
    def fallen_back(self) -> list[str]:
        """Of each file whose definitions alone could be imported, why."""
        return [
            f"{problem}; its definitions were taken, and nothing else of it is run"
            for name, (problem, *_) in self._as_handed_in.items()
            if name not in self._broken
        ]

    def _may_define(self, name: str) -> bool:
        """Is there something else to import in the place of a file that is broken as it is?"""
        if name not in self._broken:
            return False
        problem = self._as_handed_in.setdefault(name, self._broken[name])
        while self._attempts[name] < MAX_ATTEMPTS:
            self._attempts[name] += 1
            if files := self._otherwise(name, self._attempts[name]):
                self._files.update(files)
                del self._broken[name]
                return True
        self._broken[name] = problem
        return False

    def _cut_off(self, name: str) -> int:
        """The line in which a file ended itself, if it defines something below; else 0."""
        path = self._modules[name]
        line = self._ended.get(PurePosixPath(path).stem, 0)
        below = self._files[path].split(b"\n")[line:] if line else []
        return (
            line if any(text.startswith((b"def ", b"class ", b"async ")) for text in below) else 0
        )

    def _note_load(self, name: str, told: Any) -> None:
        """Keep what a load tells of missing packages, and of a file that ended itself."""
        told = told if isinstance(told, dict) else {}
        listed = told.get("stood_in")
        for pair in listed if isinstance(listed, list) else []:
            if len(self.stood_in) < MAX_STOOD_IN and isinstance(pair, list) and len(pair) == 2:
                file = str(pair[1]) if str(pair[1]) in self._files else self._modules[name]
                self.stood_in.setdefault(_name(pair[0]), file)
        line = told.get("ended")
        if isinstance(line, int) and 0 <= line < 10**6:
            self._ended[PurePosixPath(self._modules[name]).stem] = line

    def _import_failure(self, path: str, error: StudentError) -> tuple[str, str, str, Ending]:
        """What is told of a file that cannot be imported.

        No input has been seen yet, so the message gives nothing away.
        """
        told = f"{path} cannot be imported: {error.type}: {error.text}{error.place()}"
        help = f"Run `python -c 'import {PurePosixPath(path).stem}'` beside the file."
        missing = [package for package, file in self.stood_in.items() if file == path]
        if error.type in ("SyntaxError", "IndentationError", "TabError"):
            newer = newer_python(error.line(), error.text)
            told += f"; grading uses Python {grading_python()}"
            if newer:
                told += f", and this syntax is of Python {newer}"
                help = f"Write the line so that Python {grading_python()} reads it."
        elif missing:
            told += f"; not installed where grading runs: {', '.join(missing)}"
            help = (
                "An empty stand-in takes the place of a package that is not installed. "
                "Import and use it within the functions that plot or train, not in the whole file."
            )
        return told, help, error.full(), "raised"

    def _adapt(self, cell: CellHandle) -> None:
        if "adapters" in self._sources:
            try:
                cell.request({"op": "adapt"}, self._limits.import_seconds)
            except (CellLost, KeeperLost) as lost:
                self._drop_cell()
                if not self._may_be_chance(lost, "adapters"):
                    # What an adapter cannot cope with is tested as it is.
                    del self._sources["adapters"]

    def _may_be_chance(self, lost: CellLost | KeeperLost, name: str) -> bool:
        """Was the cell killed, for the first time with this file?

        That may have been somebody outside. Code that kills itself does so again.
        """
        first = isinstance(lost, CellKilled | KeeperLost) and name not in self._killed
        self._killed.add(name)
        return first

    def _drop_cell(self) -> None:
        if self._cell is not None:
            self.look()
            self._cell.close()
            self._printed += self._cell.printed
            self._cell = None


def sources_of(assignment: Assignment) -> dict[str, str]:
    """Text of what runs beside a submission, by its name behind the wall.

    The harness's package is not there: what imports the harness's probes finds them as
    `grader_driving`, which therefore comes first.
    """
    files = {"driving": Path(driving.__file__), **assignment.probe_files}
    if assignment.adapters.exists():
        files["adapters"] = assignment.adapters
    return {
        name: path.read_text(encoding="utf-8").replace(
            f"from {driving.__name__} import", "from grader_driving import"
        )
        for name, path in files.items()
    }


def _ended_by_import(path: str, how: str) -> tuple[str, str, str, Ending]:
    return (
        f"importing {path} ended the Python process: {how}",
        "Look at what runs when the file is imported.",
        "",
        "crashed",
    )


def _hung(outline: str, seconds: float) -> SubmissionFailed:
    return SubmissionFailed(
        f"{outline} gave no answer within {seconds:g} s and was stopped", HANG_HELP, ending="hung"
    )


def _name(text: Any) -> str:
    """A name that the student's side gave, cut to what a name may be."""
    return str(text)[:60] if str(text).isidentifier() else "(odd name)"
