"""A class graded on a real Dask cluster, whose workers die, against the same class graded here."""

from __future__ import annotations

import builtins
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from grader.assignment import Assignment
from grader.batch import cluster as on_cluster
from grader.batch.ledger import BatchError
from grader.batch.shipment import UnfitError, files_of, shipped
from grader.store import StoreError
from grader.store.store import read_results
from tests.batch.dask_cluster import Cluster, cluster, wait_for
from tests.conftest import RIGHT, write_tree
from tests.faults.course import CLASS, Course

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

# Each worker starts a slot, each slot two or three seconds of torch, and the machine may be busy.
pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(1200)]

# It counts the hidden tests that it finds; behind the wall there are none to be found.
SPY = """
from pathlib import Path

def total(x):
    tops = [p for p in Path('/tmp').iterdir() if p.is_dir()] if Path('/tmp').is_dir() else []
    found = 0
    for top in tops:
        try:
            found += sum(1 for _ in top.rglob('test_toy.py'))
        except OSError:
            pass
    return x.sum() + found
"""
DYING = Path(__file__).with_name("dying_worker.py")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers, one thread each."""
    with cluster(tmp_path_factory.mktemp("cluster"), 2) as found:
        yield found


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What the class gets on this machine."""
    course = Course.make(tmp_path_factory.mktemp("here"))
    status, said = course.grade()
    assert status == 0, said
    return course.results()


def on(found: Cluster, *options: str) -> tuple[str, ...]:
    return ("--engine", "dask", "--scheduler", found.address, "--jobs", "0", *options)


def stored(course: Course) -> int:
    with contextlib.suppress(StoreError):
        return len(read_results(course.out)[1])
    return 0


def busy_with(client: Any) -> dict[str, int]:
    """How many jobs each worker is at, by its process id."""
    workers = client.run(
        lambda dask_worker: (dask_worker.address, len(dask_worker.state.executing))
    )
    pids = client.run(lambda: __import__("os").getpid())
    return {pids[address]: count for address, (_, count) in workers.items()}


def test_results_are_those_of_one_machine_though_a_worker_dies(
    tmp_path: Path, here: dict[str, dict[str, object]]
) -> None:
    course = Course.make(tmp_path)
    with cluster(tmp_path / "cluster", 2) as found:
        process = course.start(*on(found))
        while stored(course) < 2 and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[1]
        with distributed.Client(found.address, set_as_default=False) as client:
            busy = next(pid for pid, n in busy_with(client).items() if n)
        family = psutil.Process(busy)
        slots = family.children()
        nanny = next(w for w in found.workers if family.ppid() == w.pid)
        found.kill(nanny)
        _, said = process.communicate()
        assert process.returncode == 0, said + found.logs()
        assert course.results() == course.pages() == here
        # The slot of the dead worker found its master gone.
        _, alive = psutil.wait_procs(slots, timeout=60)
        assert slots and not alive


def test_what_the_reference_fails_is_not_graded_for_anybody(tmp_path: Path, two: Cluster) -> None:
    course = Course.make(tmp_path)
    test = "import pytest\n\n@pytest.mark.question('q1.2')\ndef test_x(stats):\n    stats.no()\n"
    write_tree(course.home, {"assignments/toy/hidden/test_broken.py": test})
    status, said = course.grade(*on(two))
    assert status == 3 and "test_broken.py::test_x: the reference fails this check" in said
    for result in read_results(course.out)[1]:
        if result.status != "unreadable":
            marks = {q.id: q.awarded for q in result.questions}
            assert result.status == "not_graded"
            assert marks["q1.1"] is not None and marks["q1.2"] is None


def test_a_second_batch_and_a_resumed_one(
    tmp_path: Path, two: Cluster, here: dict[str, dict[str, object]]
) -> None:
    course = Course.make(tmp_path)
    status, said = course.grade(*on(two))
    assert status == 0, said + two.logs()
    assert course.results() == here
    status, said = course.grade(*on(two))
    assert status == 0 and f"{len(CLASS)} of {len(CLASS)} are graded already" in said
    # Nothing of the batch stays on the workers: neither its slots nor the hidden suite.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _left_behind(two):
        time.sleep(0.2)
    assert _left_behind(two) == []


def _left_behind(found: Cluster) -> list[str]:
    return _slots(found) + [str(p) for p in found.folder.rglob("test_toy.py")]


def _slots(found: Cluster) -> list[str]:
    slots = []
    for worker in found.workers:
        for child in psutil.Process(worker.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "slot_process" in " ".join(child.cmdline()):
                    slots.append(str(child.pid))
    return slots


def test_the_wall_stands_on_every_worker(tmp_path: Path, two: Cluster) -> None:
    course = Course.make(tmp_path)
    for path in course.submissions.iterdir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    for name in ("spy_a", "spy_b", "spy_c"):
        write_tree(course.submissions / name, RIGHT | {"total.py": SPY})
    status, said = course.grade(*on(two))
    assert status == 0, said
    for result in read_results(course.out)[1]:
        assert result.environment is not None
        assert result.environment.wall in ("bubblewrap", "landlock")
        assert result.awarded == 7, result.checks
    status, said = course.grade(*on(two, "--isolation", "none", "--again"))
    assert status == 0 and "No wall" in said
    assert {r.awarded for r in read_results(course.out)[1]} == {4.0}  # so it does find them


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """Gets a line for each time that a submission goes wrong in a worker."""
    path = tmp_path / "visits"
    path.touch()
    return path


def bad(visits: Path, ways: str) -> dict[str, str]:
    """The environment of workers in which one submission goes wrong."""
    return {"BAD_FOR": "e_raises", "BAD_WAYS": ways, "VISITS": str(visits)}


def test_a_submission_whose_workers_die_is_given_up(tmp_path: Path, visits: Path) -> None:
    course = Course.make(tmp_path)
    environment = bad(visits, "die") | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with cluster(tmp_path / "cluster", 2, ("--preload", str(DYING)), **environment) as found:
        status, said = course.grade(*on(found))
        results = {r.submission: r for r in read_results(course.out)[1]}
        assert status == 3, said + found.logs()
        assert len(visits.read_text().split()) == 2  # one more than is allowed
        assert results["e_raises"].status == "not_graded"
        assert "one worker after another died" in results["e_raises"].problem
        assert results["e_raises"].awarded == 0 and results["e_raises"].decided_marks == 0
        assert [r.submission for r in results.values() if r.status == "not_graded"] == ["e_raises"]
        assert set(results) == set(CLASS)
        visits.unlink()
        wait_for(found, 2)
        status, said = course.grade(*on(found))
        assert status == 0, said
    after = {r.submission: r for r in read_results(course.out)[1]}
    assert after["e_raises"].status == "graded"


def test_new_workers_take_over_when_all_have_died(
    tmp_path: Path, visits: Path, here: dict[str, dict[str, object]]
) -> None:
    course = Course.make(tmp_path)
    options = ("--no-nanny", "--preload", str(DYING))
    with cluster(tmp_path / "cluster", 2, options, **bad(visits, "lose hang")) as found:
        process = course.start(*on(found))
        # Lost by one worker, it is given to the other one, and to that one alone.
        while len(set(visits.read_text().split())) < 2 and process.poll() is None:
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[1]
        for worker in found.workers:
            found.kill(worker)
        visits.unlink()
        time.sleep(2)  # until the scheduler has noticed
        found.start_worker("--no-nanny")
        _, said = process.communicate()
        assert process.returncode == 0, said + found.logs()
    assert course.results() == here


def test_a_slot_that_dies_costs_nothing(
    tmp_path: Path, two: Cluster, here: dict[str, dict[str, object]]
) -> None:
    course = Course.make(tmp_path)
    process = course.start(*on(two))
    killed: list[int] = []
    while process.poll() is None:
        time.sleep(0.05)
        slots = [pid for pid in map(int, _slots(two)) if pid not in killed]
        if slots and len(killed) < 2 and stored(course):
            psutil.Process(slots[0]).kill()
            killed.append(slots[0])
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert len(killed) == 2 and course.results() == here


# --- what is said when it cannot be ---------------------------------------------------------------


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "distributed":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with (
        pytest.raises(BatchError, match=r"pip install 'grader\[cluster\]'"),
        on_cluster._client("tcp://127.0.0.1:1"),
    ):
        raise AssertionError


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1", "what://x:1", ""])
def test_a_scheduler_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(on_cluster, "CONNECT_SECONDS", 2.0)
    with (
        pytest.raises(BatchError, match="no Dask scheduler answers there"),
        on_cluster._client(address),
    ):
        raise AssertionError


def test_engine_and_scheduler_belong_together(tmp_path: Path) -> None:
    course = Course.make(tmp_path)
    for options in (("--engine", "dask"), ("--scheduler", "tcp://127.0.0.1:1")):
        status, said = course.grade(*options)
        assert status == 2 and "belong together" in said


def test_a_scheduler_without_workers_is_named(
    toy: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_cluster, "WORKERLESS_SECONDS", 1.0)
    with (
        cluster(tmp_path / "cluster") as found,
        shipped(toy, "s", "auto", out=tmp_path) as shipment,
        pytest.raises(BatchError, match="has no workers; start some with `dask worker tcp"),
    ):
        on_cluster.grade_on_cluster(
            shipment, toy, [], scheduler=found.address, save=lambda result: None
        )


def test_a_worker_of_another_version_is_named(
    toy: Assignment, tmp_path: Path, two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.batch.shipment.harness_version", lambda: "0.0.0+other")
    with (
        shipped(toy, "s", "auto", out=tmp_path) as shipment,
        pytest.raises(BatchError, match=r"tcp://.* has version .* and this is 0\.0\.0\+other"),
    ):
        on_cluster.grade_on_cluster(
            shipment, toy, [], scheduler=two.address, save=lambda result: None
        )


@pytest.fixture
def unpacked(toy: Assignment, tmp_path: Path) -> Callable[..., Any]:
    """Pack and unpack, with something changed in between."""

    def go(**changes: Any) -> Any:
        from dataclasses import replace

        with shipped(toy, "s", "none", out=tmp_path) as shipment:
            (tmp_path / "root").mkdir()
            return replace(shipment, **changes).unpack(tmp_path / "root")

    return go


def test_what_is_unpacked_is_what_was_packed(toy: Assignment, unpacked: Callable[..., Any]) -> None:
    task = unpacked()
    there = task.load()
    assert there.digest == toy.digest and there.folder != toy.folder
    assert files_of(there) == files_of(toy)
    assert (task.wall, task.secret) == ("none", "s") and task.answers.is_dir()


def test_a_worker_that_received_something_else_is_unfit(
    toy: Assignment, unpacked: Callable[..., Any]
) -> None:
    files = files_of(toy)
    files["reference/toy/mean.py"] += b"\n"
    with pytest.raises(UnfitError, match="as it was sent"):
        unpacked(files=files)


def test_a_worker_that_does_not_see_the_output_folder_is_unfit(
    tmp_path: Path, unpacked: Callable[..., Any]
) -> None:
    with pytest.raises(UnfitError, match="an --out that all workers share"):
        unpacked(sign=tmp_path / "elsewhere" / "sign")


def test_a_worker_of_another_harness_is_unfit(unpacked: Callable[..., Any]) -> None:
    with pytest.raises(UnfitError, match="install the same on both"):
        unpacked(harness="0.0.0+other")
