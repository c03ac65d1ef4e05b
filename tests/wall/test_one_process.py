"""The files of a submission share a process, and each finds what it would find in its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.assignment import Limits
from grader.wall import isolation
from grader.wall.cell import CellHandle
from grader.wall.errors import WallError
from grader.wall.warm_handle import Warm

LIMITS = Limits(memory_mib=512, scratch_mib=16, processes=20, reply_mib=1, output_kib=64)
SECONDS = 20.0
# What each file of every student has; `other` must be what it is without the file beside it.
OTHER = """
import argparse, os, random, sys, warnings
import numpy as np
import torch
import torch.nn.functional as F

ARGUMENTS = argparse.ArgumentParser().parse_args()
PATH = sys.path[0]

def all_is_well(x):
    assert x.dtype == torch.float32 and torch.zeros(1).dtype == torch.float32
    assert torch.zeros(1).device.type == "cpu"
    x = x.clone().requires_grad_()
    y = F.softplus(torch.nn.Linear(3, 1)(x)).sum()
    y.backward()
    assert x.grad is not None
    warnings.warn("quietly")
    np.zeros(2) / np.zeros(2)
    assert not torch.are_deterministic_algorithms_enabled() and not torch.is_anomaly_enabled()
    assert sys.argv == ["other.py"], sys.argv
    assert str(np.float64(1.5)) == "1.5" and f"{1234.5:n}" == "1234.5"
    assert sys.path[0] == PATH and "NOISE" not in os.environ
    torch.manual_seed(3)
    first = torch.randn(2)
    torch.manual_seed(3)
    assert torch.equal(first, torch.randn(2))
    np.random.seed(3)
    random.seed(3)
    sys.setrecursionlimit(sys.getrecursionlimit())
    assert sys.getrecursionlimit() >= 900
    print("told")
    sys.stderr.write("too")
    assert len([1, 2]) == 2 and isinstance(3, int) and sum([1, 2]) == 3
    return torch.tensor([1.0, 2.0]).numpy()
"""
DOES = {
    "replaces stdout": "class L:\n    def __init__(self): self.t = sys.stdout\n"
    "    def write(self, m): self.t.write(m)\nsys.stdout = L()",
    "wraps stdout": "import io\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf-8')",
    "wraps stdout and lets go": "import io\nio.TextIOWrapper(sys.stdout.buffer, 'utf-8')",
    "detaches stdout": "sys.stdout.detach()",
    "closes the streams": "sys.stdout.close()\nsys.stderr.close()\nsys.stdin.close()",
    "has no streams": "sys.stdout = sys.stderr = sys.stdin = None",
    "silences with a file": "with open(os.devnull, 'w') as f:\n    sys.stdout = sys.stderr = f",
    "redirects": "import contextlib\ncontextlib.redirect_stdout(open('log', 'w')).__enter__()",
    "moves descriptors": "n = os.open(os.devnull, os.O_RDWR)\nfor i in range(3): os.dup2(n, i)",
    "closes descriptors": "for i in range(3): os.close(i)",
    "replaces print": "import builtins\nbuiltins.print = lambda *a, **k: None",
    "replaces builtins": "import builtins\nfor n in 'len isinstance open sum getattr'.split():"
    "\n    setattr(builtins, n, lambda *a, **k: 1 / 0)",
    "removes builtins": "import builtins\ndel builtins.isinstance, builtins.len",
    "replaces exit": "sys.exit = lambda *a: None\nsys.excepthook = None",
    "replaces time": "import time\ntime.time = time.monotonic = time.sleep = lambda *a: 0.0",
    "replaces traceback": "import traceback, linecache\ntraceback.extract_tb = None\n"
    "linecache.getline = None",
    "replaces random": "import random\nrandom.seed = random.random = lambda *a: 4",
    "replaces seeds": "torch.manual_seed = lambda s: None\nnp.random.seed = lambda s: None",
    "replaces torch": "torch.tensor = torch.zeros = torch.load = torch.save = None",
    "replaces methods": "torch.Tensor.numpy = torch.Tensor.detach = lambda self: 1 / 0\n"
    "torch.Tensor.__repr__ = lambda self: 'T'",
    "replaces functional": "import torch.nn.functional as F\nF.softplus = lambda x: 1 / 0",
    "replaces a network's call": "torch.nn.Module.__call__ = lambda self, *a: 1 / 0",
    "replaces json": "import json\njson.dumps = json.loads = lambda *a, **k: 1 / 0",
    "replaces importlib": "import importlib\nimportlib.import_module = lambda *a: 1 / 0",
    "sets threads": "torch.set_num_interop_threads(4)\ntorch.set_num_threads(2)\n"
    "torch.set_num_interop_threads(2)",
    "sets the start method": "import multiprocessing as m\nm.set_start_method('spawn')",
    "sets a dtype": "torch.set_default_dtype(torch.float64)",
    "sets a device": "torch.set_default_device('meta')",
    "enters a device": "torch.device('meta').__enter__()",
    "sets gradients off": "torch.set_grad_enabled(False)",
    "is deterministic": "torch.use_deterministic_algorithms(True)",
    "looks for anomalies": "torch.autograd.set_detect_anomaly(True)",
    "hooks all networks": "from torch.nn.modules import module as m\n"
    "m.register_module_forward_pre_hook(lambda *a: 1 / 0)",
    "raises warnings": "import warnings\nwarnings.simplefilter('error')",
    "raises numpy's errors": "np.seterr(all='raise')",
    "prints otherwise": "np.set_printoptions(precision=1)\ntorch.set_printoptions(precision=1)",
    "has another locale": "import locale\nlocale.setlocale(locale.LC_ALL, 'C')",
    "goes elsewhere": "os.chdir('/')\nsys.path.insert(0, '/nowhere')\nos.environ['NOISE'] = '1'",
    "reads other arguments": "sys.argv = ['x.py', '--lr', '3']",
    "recurses deep": "sys.setrecursionlimit(100000)",
    "recurses hardly": "sys.setrecursionlimit(130)",
    "traces": "sys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)",
    "handles signals": "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGALRM, lambda *a: 1 / 0)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)",
    "logs": "import logging\nlogging.basicConfig(level='DEBUG', stream=sys.stdout)\n"
    "logging.disable()",
    "leaves threads": "import threading\nthreading.Thread(target=threading.Event().wait).start()",
    "says goodbye": "import atexit, faulthandler\natexit.register(lambda: 1 / 0)\n"
    "faulthandler.enable()",
    "switches often": "sys.setswitchinterval(1e-6)\nimport gc\ngc.disable()",
}
HEAD = "import os, sys\nimport numpy as np\nimport torch\n"
TAIL = "\n\ndef double(x):\n    return 2 * x\n"


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    try:
        wall = isolation.choose("auto")
    except WallError as error:
        pytest.skip(str(error))
    with Warm(wall, LIMITS, tmp_path_factory.mktemp("given")) as started:
        yield started


Loaded = Callable[..., CellHandle]


@pytest.fixture
def loaded(warm: Warm) -> Iterator[Loaded]:
    """A cell in which files are loaded in their order, each without an error."""
    handles = []

    def of(files: Mapping[str, str], *names: str, probes: str = "") -> CellHandle:
        content = {f"{name}.py": text.encode() for name, text in files.items()}
        handle = warm.fork(content, {"probes": probes} if probes else {}, cpu_seconds=30, own=names)
        handles.append(handle)
        for name in names or files:
            reply = load(handle, name)
            assert reply["ok"] is True, reply
        return handle

    yield of
    for handle in handles:
        handle.close()


def load(cell: CellHandle, name: str) -> dict[str, Any]:
    return cell.request({"op": "load", "module": name, "file": name}, SECONDS)


def value(cell: CellHandle, target: str, *args: Any) -> Any:
    request = {"op": "call", "target": target, "args": list(args), "kwargs": {}, "seed": 5}
    reply = cell.request(request, SECONDS)
    assert reply["ok"] is True, reply
    return reply["value"]


@pytest.mark.parametrize("what", DOES)
def test_a_file_that(what: str, loaded: Loaded) -> None:
    """Costs neither itself nor the file after it anything."""
    cell = loaded({"noisy": HEAD + DOES[what] + TAIL, "other": OTHER})
    assert value(cell, "noisy.double", 2) == 4
    for _ in range(2):
        assert value(cell, "other.all_is_well", torch.ones(2, 3)).tolist() == [1.0, 2.0]
        assert value(cell, "noisy.double", 2) == 4
    # After a call of a file that prints otherwise, prints go where they always did.
    assert cell.printed.count(b"told") == 2


def test_a_function_that_changes_everything_costs_no_call_after_it(loaded: Loaded) -> None:
    does = [text for what, text in DOES.items() if not what.startswith("replaces ")]
    changes = "".join(f"def change{i}():\n" + "".join(f"    {line}\n" for line in t.split("\n"))
                      for i, t in enumerate(does))  # fmt: skip
    cell = loaded({"noisy": HEAD + changes, "other": OTHER})
    for i in range(len(does)):
        cell.request(
            {"op": "call", "target": f"noisy.change{i}", "args": [], "kwargs": {}}, SECONDS
        )
        assert value(cell, "other.all_is_well", torch.ones(2, 3)).tolist() == [1.0, 2.0]


def test_a_file_keeps_its_own_settings_for_its_functions(loaded: Loaded) -> None:
    code = HEAD + (
        "torch.set_default_dtype(torch.float64)\nnp.seterr(all='raise')\n"
        "import builtins\nbuiltins.input = lambda: 'here'\n"
        "def mine():\n    return str(torch.zeros(1).dtype), np.geterr()['divide'], input()\n"
    )
    cell = loaded({"own": code, "other": OTHER})
    for _ in range(2):
        assert value(cell, "own.mine") == ("torch.float64", "raise", "here")
        value(cell, "other.all_is_well", torch.ones(2, 3))


def test_a_probe_finds_the_settings_of_the_file_that_it_uses(loaded: Loaded) -> None:
    probes = (
        "import torch\n"
        "def kinds(impl):\n"
        "    with torch.no_grad():\n"
        "        return [impl.one.kind(), impl.two.kind(), impl.one.kind()]\n"
    )
    kind = "def kind():\n    return f'{torch.zeros(1).dtype} {torch.is_grad_enabled()}'\n"
    files = {"one": HEAD + "torch.set_default_dtype(torch.float64)\n" + kind, "two": HEAD + kind}
    cell = loaded(files, probes=probes)
    reply = cell.request({"op": "probe", "target": "kinds", "kwargs": {}}, SECONDS)
    assert reply["value"] == ["torch.float64 False", "torch.float32 False", "torch.float64 False"]


def test_what_a_companion_sets_holds_for_every_file_that_imports_it(loaded: Loaded) -> None:
    kind = "def kind():\n    return str(torch.zeros(1).dtype)\n"
    files = {
        "settings": HEAD + "torch.set_default_dtype(torch.float64)\n",
        "one": HEAD + "import settings\n" + kind,
        "two": HEAD + "from settings import torch\n" + kind,
        "three": HEAD + kind,
    }
    cell = loaded(files, "one", "two", "three")
    kinds = [value(cell, f"{name}.kind") for name in ("one", "two", "three")]
    assert kinds == ["torch.float64", "torch.float64", "torch.float32"]


def test_compiled_functions_are_the_functions(loaded: Loaded) -> None:
    code = HEAD + (
        "@torch.compile\ndef double(x):\n    return 2 * x\n"
        "@torch.compile(mode='max-autotune', fullgraph=True)\ndef triple(x):\n    return 3 * x\n"
        "net = torch.compile(torch.nn.Identity())\nnet.compile()\n"
        "def same(x):\n    return net(x)\n"
    )
    cell = loaded({"fast": code})
    x = torch.arange(3.0)
    assert torch.equal(value(cell, "fast.double", x), 2 * x)
    assert torch.equal(value(cell, "fast.triple", x), 3 * x)
    assert torch.equal(value(cell, "fast.same", x), x)


@pytest.mark.parametrize(
    "end", ["exit()", "quit()", "import sys\nsys.exit('done')", "raise SystemExit"]
)
def test_a_file_that_ends_itself_keeps_what_it_had_defined(warm: Warm, end: str) -> None:
    code = f"def early():\n    return 3\n\n\n{end}\n\ndef late():\n    return 4\n"
    handle = warm.fork({"gan.py": code.encode()}, {}, cpu_seconds=30)
    reply = load(handle, "gan")
    assert reply["value"]["ended"] == 5 + end.count("\n")
    assert value(handle, "gan.early") == 3
    handle.close()


def test_a_companion_is_never_replaced(loaded: Loaded) -> None:
    files = {"tqdm_like": "def bar(x):\n    return [9]\n", "main": "from tqdm_like import bar\n"}
    assert value(loaded(files, "main"), "main.bar", 1) == [9]


def test_the_main_module_is_empty(loaded: Loaded) -> None:
    code = "import __main__\n\ndef names():\n    return sorted(vars(__main__))\n"
    names = value(loaded({"gan": code}), "gan.names")
    assert all(name.startswith("__") for name in names)


def test_standins_are_of_no_inner_name(warm: Warm, tmp_path: Path) -> None:
    code = (
        "import nosuch\n\ndef f():\n    return nosuch.x\n\ndef g():\n    return nosuch.x.y + []\n"
    )
    handle = warm.fork({"gan.py": (code + "\ndef h():\n    return [] [nosuch]\n").encode()}, {},
                       cpu_seconds=30)  # fmt: skip
    load(handle, "gan")
    request = {"op": "call", "target": "gan.h", "args": [], "kwargs": {}}
    replies = [str(value(handle, "gan.f")), str(value(handle, "gan.g")),
               str(handle.request(request, SECONDS)["error"])]  # fmt: skip
    assert not any(word in r for r in replies for word in ("Nothing", "StandIn", "behind", "Base"))
    handle.close()
