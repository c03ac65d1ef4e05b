"""What student code can and cannot do in a cell; each test runs behind each wall there is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from grader.assignment import Limits
from grader.wall.cell import CellHandle
from grader.wall.errors import BadReply, CallTimeout, CellLost, WallError
from grader.wall.isolation import WallKind
from grader.wall.warm_handle import Warm
from grader.wall.watch import PATIENCE, WATCH_SECONDS
from tests.conftest import SharedWarm

LIMITS = Limits(memory_mib=512, scratch_mib=16, processes=20, reply_mib=1, output_kib=4)
CODE = Path(__file__).with_name("student.py").read_bytes()
SECONDS = 10.0


@pytest.fixture
def warm(wall: WallKind, shared_warm: SharedWarm) -> Warm:
    return shared_warm(wall, LIMITS)


@pytest.fixture
def cell(warm: Warm) -> Iterator[CellHandle]:
    handle = fresh(warm)
    yield handle
    handle.close()


def fresh(warm: Warm, beside: dict[str, bytes] | None = None) -> CellHandle:
    probes = "def twice(impl, *, x):\n    return impl.student.double(x)\n"
    files = {"student.py": CODE, **(beside or {})}
    handle = warm.fork(files, {"probes": probes}, cpu_seconds=30)
    reply = load(handle, "student")
    assert reply["ok"] is True, reply
    return handle


def load(cell: CellHandle, name: str) -> dict[str, Any]:
    return cell.request({"op": "load", "module": name, "file": name}, SECONDS)


def call(cell: CellHandle, name: str, *args: Any, seconds: float = SECONDS) -> dict[str, Any]:
    request = {"op": "call", "target": f"student.{name}", "args": list(args), "kwargs": {}}
    return cell.request(request, seconds)


def value(cell: CellHandle, name: str, *args: Any) -> Any:
    reply = call(cell, name, *args)
    assert reply["ok"] is True, reply
    return reply["value"]


def test_calls_and_probes_give_values(cell: CellHandle) -> None:
    x = torch.arange(3.0)
    assert torch.equal(value(cell, "double", x), 2 * x)
    reply = cell.request({"op": "probe", "target": "twice", "kwargs": {"x": x}}, SECONDS)
    assert torch.equal(reply["value"], 2 * x)
    assert value(cell, "given") == 42


def test_training_works_behind_the_wall(cell: CellHandle) -> None:
    assert torch.isfinite(value(cell, "train")).all()


def test_an_exception_costs_nothing_but_the_call(cell: CellHandle) -> None:
    reply = call(cell, "boom")
    assert reply["error"]["type"] == "ValueError"
    assert reply["error"]["frames"][-1]["file"] == "student.py"
    assert call(cell, "leave")["error"]["type"] == "SystemExit"
    assert call(cell, "absent")["error"]["type"] == "MissingName"
    assert value(cell, "double", 1) == 2


def test_packages_that_are_missing_are_stood_in_for(warm: Warm) -> None:
    code = (
        "import math\nfrom tqdm_nowhere import tqdm\nimport nosuch.part as part\n\n"
        "part.style.use('x')\n\n"
        "@part.compile\ndef f(n):\n    return sum(math.sqrt(i) for i in tqdm(range(n)))\n"
    )
    files = {"student.py": code.encode(), "other.py": b"import student_of_another_name\n"}
    handle = warm.fork(files, {}, cpu_seconds=30, own=["student", "other", "given_file"])
    reply = load(handle, "student")
    stood_in = [["nosuch", "student.py"], ["tqdm_nowhere", "student.py"]]
    assert reply["value"] == {"stood_in": stood_in, "ended": 0}
    assert value(handle, "f", 5) == pytest.approx(sum(i**0.5 for i in range(5)))
    assert load(handle, "other")["ok"] is True
    missing = load(handle, "given_file")
    assert missing["error"]["type"] == "ModuleNotFoundError"
    handle.close()


def test_seeds_make_calls_repeatable(cell: CellHandle) -> None:
    request = {"op": "call", "target": "student.noise", "args": [], "kwargs": {}, "seed": 7}
    first = cell.request(request, SECONDS)["value"]
    second = cell.request(request, SECONDS)["value"]
    assert torch.equal(first, second)


def test_a_hang_is_stopped_and_the_next_cell_works(warm: Warm) -> None:
    handle = fresh(warm)
    with pytest.raises(CallTimeout) as stopped:
        call(handle, "hang", seconds=1.0)
    assert stopped.value.seconds in (1.0, PATIENCE)
    again = fresh(warm)
    assert value(again, "double", 2) == 4
    again.close()


@pytest.mark.parametrize(("name", "words"), [("quit_at_once", "status 3"), ("crash", "signal")])
def test_a_crash_is_told_apart(warm: Warm, name: str, words: str) -> None:
    with pytest.raises(CellLost, match=words):
        call(fresh(warm), name)


def test_memory_is_limited(warm: Warm) -> None:
    handle = fresh(warm)
    try:
        assert call(handle, "swallow_memory")["ok"] is False
    except CellLost as lost:
        assert "memory" in str(lost) or "signal" in str(lost)
    handle.close()


def test_the_sum_of_all_processes_is_limited(warm: Warm) -> None:
    handle = fresh(warm)
    with pytest.raises(CellLost, match="memory"):
        call(handle, "swallow_memory_together", seconds=30.0)


def test_processes_are_limited(cell: CellHandle) -> None:
    assert value(cell, "fork_many") <= LIMITS.processes


def test_nothing_survives_its_cell(warm: Warm) -> None:
    warm.start()
    before = len(warm.family.all())
    handle = fresh(warm)
    assert value(handle, "leave_orphan") > 0
    assert len(warm.family.all()) > before + 2
    handle.close()
    assert len(warm.family.all()) == before


def test_nothing_is_left_for_the_next_submission(warm: Warm) -> None:
    first = fresh(warm)
    assert value(first, "leave_traces") is True
    first.close()
    second = fresh(warm)
    assert value(second, "find_traces") == []
    second.close()


def test_a_cell_is_as_the_first_one_was_whatever_the_last_one_changed(
    wall: WallKind, tmp_path: Path
) -> None:
    with Warm(wall, LIMITS, tmp_path) as warm:
        with contextlib.closing(fresh(warm)) as first:
            before = value(first, "state")
            value(first, "spoil")
            assert value(first, "state") != before
        with contextlib.closing(fresh(warm)) as second:
            assert value(second, "state") == before


@pytest.mark.parametrize("name", ["kill_the_group", "kill_everybody"])
def test_the_warm_process_outlives_a_cell_that_kills_all_in_reach(
    wall: WallKind, tmp_path: Path, name: str
) -> None:
    with Warm(wall, LIMITS, tmp_path) as warm:
        with contextlib.closing(fresh(warm)) as cell:
            family = warm.family
            # The first process of a namespace cannot be killed from within.
            with contextlib.suppress(CellLost):
                call(cell, name)
        with contextlib.closing(fresh(warm)) as cell:
            assert warm.family is family
            assert value(cell, "double", 1) == 2


def test_there_is_no_network(cell: CellHandle) -> None:
    assert value(cell, "reach_network") == []


def test_the_harness_cannot_be_read(cell: CellHandle) -> None:
    here = Path(__file__).resolve()
    secrets = [str(here), str(here.parents[2] / "grader" / "__init__.py"), "/etc/passwd"]
    assert value(cell, "read_files", secrets) == []


def test_the_environment_is_empty(cell: CellHandle) -> None:
    names = set(value(cell, "environment"))
    assert names <= {
        *("HOME", "LOGNAME", "TMPDIR", "PATH", "LANG", "OMP_NUM_THREADS"),
        *("MPLBACKEND", "MPLCONFIGDIR"),
    }


def test_it_is_an_ordinary_user_without_capabilities(cell: CellHandle) -> None:
    uid, effective, no_new = value(cell, "identity")
    assert uid != 0
    assert effective & ~(1 << 2) == 0  # reading what root owns is kept under Landlock alone
    assert no_new == 1


def test_dangerous_system_calls_are_refused(cell: CellHandle) -> None:
    assert value(cell, "dangerous_calls") == []


def test_the_submission_is_read_only_and_the_scratch_is_small(cell: CellHandle) -> None:
    assert value(cell, "write_beside_the_code") is False
    assert value(cell, "fill_scratch") <= LIMITS.scratch_mib + 1


def test_the_copy_of_a_submission_takes_no_room_from_the_scratch(warm: Warm) -> None:
    size = 3 * LIMITS.scratch_mib * 2**20
    with contextlib.closing(fresh(warm, {"weights.bin": bytes(size)})) as cell:
        assert value(cell, "size_here", "weights.bin") == size
        time.sleep(3 * WATCH_SECONDS)  # it is looked at in the meantime
        assert LIMITS.scratch_mib - 1 <= value(cell, "fill_scratch")


def test_printing_is_kept_up_to_the_limit(cell: CellHandle) -> None:
    assert value(cell, "shout") is None
    assert 0 < len(cell.printed) <= LIMITS.output_kib * 1024


def test_what_is_too_large_to_send_is_an_error(cell: CellHandle) -> None:
    assert call(cell, "large")["error"]["type"] == "WireError"


@pytest.mark.parametrize("what", ["noise", "huge", "half"])
def test_forged_frames_end_the_cell(warm: Warm, what: str) -> None:
    with pytest.raises((BadReply, CallTimeout, CellLost)):
        call(fresh(warm), "forge", what, seconds=2.0)


def test_the_warm_process_cannot_be_signalled_or_traced(warm: Warm) -> None:
    handle = fresh(warm)
    value(handle, "attack_other_processes")
    handle.close()
    pid = warm.pid
    again = fresh(warm)
    assert warm.pid == pid
    assert value(again, "double", 3) == 6
    again.close()


def test_a_dead_warm_process_is_started_again(wall: WallKind, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (tmp_path / "constants.py").write_text("ANSWER = 42\n")
    with Warm(wall, LIMITS, tmp_path) as warm:
        warm.start()
        assert warm.pid is not None
        psutil.Process(warm.pid).kill()
        # Whether its end is noticed before or during the next fork is a matter of luck.
        with contextlib.suppress(WallError):
            fresh(warm).close()
        handle = fresh(warm)
        assert value(handle, "double", 4) == 8
        handle.close()
