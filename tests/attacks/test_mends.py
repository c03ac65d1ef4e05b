"""Holes that were found besides what a batch shows, each kept shut by a test of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from grader.assignment import Assignment, Limits
from grader.batch import engine
from grader.batch.ledger import Progress
from grader.batch.task import Job, Task
from grader.intake import find_submissions
from grader.intake.notebooks.source import encoding_problem, outline
from grader.results import Result
from grader.store import Store
from grader.wall import isolation
from grader.wall.behind import kernel
from grader.wall.clearing import clear_away, usage
from grader.wall.warm_handle import Warm
from tests.attacks.attack import HONEST
from tests.conftest import write_tree

LIMITS = Limits(memory_mib=512, scratch_mib=4, processes=20)
SECONDS = 20.0


def grade(toy: Assignment, folder: Path, wall: isolation.WallKind, out: Path) -> dict[str, Result]:
    candidates, _ = find_submissions([folder], toy, "class")
    with Store(out, toy, "secret") as store:
        task = Task(toy.folder, toy.reference, wall, store.secret)
        engine.grade_all(task, [Job(c, "secret") for c in candidates], jobs=1, save=store.save)
        return {r.submission: r for r in store.results()}


def enterable(folder: Path) -> Path:
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.getuid() and place.parent != place:
            place.chmod(place.stat().st_mode | 0o055)
    return folder


@pytest.mark.needs_wall
def test_orphans_end_when_the_warm_process_is_killed(
    wall: isolation.WallKind, tmp_path: Path
) -> None:
    marker = str(os.getpid() * 1000 + 7)
    code = (
        "import os\n\ndef leave():\n    if os.fork() == 0:\n        os.setsid()\n"
        f"        os.execv('/bin/sleep', ['sleep', '{marker}'])\n"
    )
    with Warm(wall, LIMITS, enterable(tmp_path)) as warm:
        cell = warm.fork({"student.py": code.encode()}, {}, cpu_seconds=30)
        cell.request({"op": "load", "module": "student", "file": "student"}, SECONDS)
        call = {"op": "call", "target": "student.leave", "args": [], "kwargs": {}}
        assert cell.request(call, SECONDS)["ok"] is True
        assert _wait_until(lambda: len(_marked(marker)) == 1)
        warm.family.innermost.kill()
        assert _wait_until(lambda: _marked(marker) == [])
        cell.close()


def _marked(marker: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline() == ["sleep", marker]:
                found.append(process.pid)
    return found


def _wait_until(holds: Callable[[], bool]) -> bool:
    for _ in range(600):
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.needs_wall
def test_a_closed_umask_closes_nothing_that_students_need(
    wall: isolation.WallKind, toy: Assignment, tmp_path: Path
) -> None:
    package = {"mean.py": "from parts.one import mean\n", "parts/__init__.py": ""}
    folder = write_tree(tmp_path / "class" / "student", dict(HONEST) | package)
    write_tree(folder, {"parts/one.py": HONEST["mean.py"]})
    before = os.umask(0o077)
    try:
        result = grade(toy, tmp_path / "class", wall, tmp_path / "out")["student"]
    finally:
        os.umask(before)
    assert result.awarded == 7, [c.rationale for c in result.checks]


@pytest.mark.needs_wall
def test_what_is_hidden_is_hidden_also_within_what_python_needs(
    wall: isolation.WallKind, tmp_path: Path
) -> None:
    library = Path(os.__file__).parent
    shown, hidden = library / "json", library / "idlelib"
    code = (
        "import os\n\ndef look(path):\n    try:\n        return sorted(os.listdir(path))\n"
        "    except OSError:\n        return []\n"
    )
    with Warm(wall, LIMITS, enterable(tmp_path), hide=[hidden]) as warm:
        cell = warm.fork({"student.py": code.encode()}, {}, cpu_seconds=30)
        cell.request({"op": "load", "module": "student", "file": "student"}, SECONDS)
        seen = []
        for path in (shown, hidden):
            call = {"op": "call", "target": "student.look", "args": [str(path)], "kwargs": {}}
            seen.append(cell.request(call, SECONDS)["value"])
        cell.close()
    assert "decoder.py" in seen[0] and seen[1] == []


def test_landlock_leaves_out_the_harness_wherever_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usr = tmp_path / "usr"
    write_tree(usr, {"lib/python3/site-packages/grader/a.py": "", "lib/python3/os.py": ""})
    write_tree(usr, {"bin/tool": "", "lib/python3/site-packages/numpy/a.py": ""})
    (tmp_path / "lib").symlink_to(usr / "lib")
    monkeypatch.setattr(isolation, "SYSTEM_FOLDERS", (str(usr), str(tmp_path / "lib")))
    monkeypatch.setattr(isolation, "python_folders", lambda: [usr / "lib" / "python3"])
    monkeypatch.setattr(isolation, "site_folders", lambda: [usr / "lib/python3/site-packages"])
    readable = isolation.landlock_readable.__wrapped__((), (usr / "bin",))
    inside = [p for p in readable if p.startswith(str(tmp_path)) and p != str(tmp_path)]
    assert sorted(set(inside)) == [
        str(usr / "lib/python3/os.py"),
        str(usr / "lib/python3/site-packages/numpy"),
    ]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("same_file_system", [True, False])
def test_the_filter_ends_and_jumps_stay_within_it(machine: str, same_file_system: bool) -> None:
    about = kernel._MACHINES[machine]
    program = kernel._filter(about, same_file_system)
    assert len(program) < 4096  # BPF_MAXINSNS
    assert program[-1] == (kernel._RET, 0, 0, kernel._ALLOW)

    def verdict(number: int, *arguments: int) -> int:
        """What the program says, run here instead of in the kernel."""
        at, loaded = 0, 0
        values = {kernel._LOAD_NUMBER: number, kernel._LOAD_ARCH: about["arch"]}
        values |= dict(zip((16, 24), arguments, strict=False))
        while True:
            operation, yes, no, k = program[at]
            at += 1
            if operation == kernel._RET:
                return k
            if operation == kernel._LD:
                loaded = values.get(k, 0)
            else:
                holds = {
                    kernel._JEQ: loaded == k,
                    kernel._JSET: bool(loaded & k),
                    kernel._JGE: loaded >= k,
                }[operation]
                at += yes if holds else no

    refused = kernel._ERRNO | kernel._EPERM
    assert {verdict(n) for n in about["refused"]} == {refused}
    expected = refused if same_file_system else kernel._ALLOW
    assert {verdict(n) for n in about["unwatched"]} == {expected}
    assert verdict(about["clone"], 17) == kernel._ALLOW
    assert verdict(about["clone"], kernel.CLONE_NEWUSER | 17) == refused
    assert verdict(about["prlimit"], 0) == kernel._ALLOW
    assert verdict(about["prlimit"], 4711) == refused
    assert verdict(about["socket"], 2) == verdict(about["socket"], 1) == refused
    assert verdict(about["socketpair"], 1, 1) == refused
    assert verdict(1) == kernel._ALLOW


def test_folders_thousands_deep_and_closed_ones_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    root.mkdir()
    (root / "file").write_bytes(bytes(5000))
    (root / "link").symlink_to(tmp_path)
    closed = root / "closed"
    (closed / "inner").mkdir(parents=True)
    (closed / "inner").chmod(0)
    closed.chmod(0)
    here = os.open(root, os.O_RDONLY)
    for number in range(1500):
        os.mkdir(f"d{number}" * 8, dir_fd=here)
        below = os.open(f"d{number}" * 8, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    held, files = usage(root, most_bytes=2**30, most_files=10**6)
    assert held >= 5000 and files == 10**6 + 1  # too deep to be counted
    clear_away(root)
    assert not root.exists() and tmp_path.exists()


def test_usage_is_what_a_folder_holds(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a/b/c.txt": "x" * 10_000, "d.txt": "y"})
    held, files = usage(tmp_path, most_bytes=2**20, most_files=100)
    assert 10_000 <= held < 40_000 and files == 4
    assert usage(tmp_path, most_bytes=2**20, most_files=2)[1] == 3
    assert usage(tmp_path / "absent", most_bytes=1, most_files=1) == (0, 0)


def test_a_slot_cannot_take_the_whole_machine() -> None:
    code = (
        "import psutil, torch\nfrom grader.batch.slot import limit_memory\n"
        "limit_memory()\ntorch.zeros(10)\n"
        "torch.empty(int(0.9 * psutil.virtual_memory().total) // 4)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "allocate" in done.stderr, done.stderr


class OtherSlot:
    """Stands for the process of a slot: does each job at once, or dies of its first, but later."""

    def __init__(self, dies: bool) -> None:
        self.connection, self._theirs = multiprocessing.Pipe()
        self._dies = dies
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        self._theirs.send(("ready", None))
        with contextlib.suppress(EOFError, OSError):
            while self._theirs.recv() is not None:
                if self._dies:
                    time.sleep(0.5)
                    self._theirs.close()
                    return
                self._theirs.send(("result", []))

    def kill(self) -> None: ...

    def let_go(self) -> None: ...

    def end(self) -> None: ...


def test_a_slot_that_has_nothing_to_do_takes_over_what_another_is_lost_with(
    toy: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        write_tree(tmp_path / "class" / name, dict(HONEST))
    candidates, _ = find_submissions([tmp_path / "class"], toy, "class")
    fates = iter([False, True])

    monkeypatch.setattr(engine, "SlotProcess", lambda task: OtherSlot(next(fates)))
    task = Task(toy.folder, toy.reference, "none", "secret")
    said: list[Progress] = []
    jobs = [Job(candidate, "secret") for candidate in candidates]
    engine.grade_all(task, jobs, jobs=2, save=lambda _: None, tell=said.append)
    assert said[-1].done == 2


def test_an_encoding_that_takes_minutes_is_not_decoded() -> None:
    text = b"# coding: Punycode\n" + b"a" * 10 + b"-" + b"a" * 2_000_000
    started = time.process_time()
    assert "punycode" in str(encoding_problem(text))
    assert outline(text[:200_000]) is None
    assert time.process_time() - started < 1


@pytest.mark.needs_wall
def test_a_terminal_gets_no_codes_from_a_student(toy_home: Path, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "student", dict(HONEST))
    (folder / "mean.py").write_text("raise ValueError('\\x1b]0;owned\\x07\\x1b[2J\\u202eevil')\n")
    command = [sys.executable, "-P", "-c", "from grader.cli import main; main()", "check"]
    done = subprocess.run(
        [*command, str(folder), "--assignment", "toy"],
        env=os.environ | {"GRADER_HOME": str(toy_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ValueError" in done.stdout, done.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)


def test_complex_answers_are_told_apart_by_their_imaginary_part() -> None:
    from grader.suite.hints import distance

    assert distance(torch.tensor(1 + 2j), torch.tensor(1 + 0j)) > 0.1
