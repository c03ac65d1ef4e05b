"""Attacks on the Python around them: frames, modules, hooks, comparisons."""

from __future__ import annotations

from tests.attacks.attack import Attack, Marks, in_total

NO_VERDICT = "no verdict comes from the worker"
NEVER_IMPORTED = "nothing of a submission is imported on the trusted side"

# What it answers is its input: of q1.1 only the check that the input is left alone holds.
WRONG = "def mean(x):\n    attack()\n    return x\n"


def in_mean(
    name: str, tries: str, stopped_by: str, code: str, *, marks: Marks = (1, 3), **more: str
) -> Attack:
    """An attack beside a mean that only returns its input: 1 of 4 marks, and no more."""
    text = "from tools import *\n\n" + code.replace("\n        ", "\n") + "\n\n" + WRONG
    files: dict[str, str | bytes] = {"mean.py": text}
    files.update({key.replace("__", "."): content for key, content in more.items()})
    return Attack(name, tries, stopped_by, files, marks=marks)


COMMON_NAMES = (
    *("torch", "numpy", "json", "pytest", "probes", "adapters", "pickle", "socket", "struct"),
    *("sqlite3", "grader", "random", "tempfile", "signal", "selectors", "copyreg", "argparse"),
)

INTERPRETER: list[Attack] = [
    in_mean(
        "walk_frames",
        "find expected values in the frames of its callers, and change them",
        NO_VERDICT,
        """
        import inspect

        def attack():
            for info in inspect.stack(0):
                for name, value in list(info.frame.f_locals.items()):
                    if name in ("expected", "reference", "wanted", "hidden", "secret", "answer"):
                        breach(name)
                    if name == "request" and isinstance(value, dict):
                        value.update(op="call", ok=True, outcome="passed", awarded=4.0)
        """,
    ),
    in_mean(
        "trace_the_worker",
        "change the worker's local variables with settrace and setprofile",
        NO_VERDICT,
        """
        import threading

        def tracer(frame, event, argument):
            for name in ("ok", "passed", "outcome", "reply"):
                if name in frame.f_locals:
                    frame.f_locals[name] = True
            return tracer

        def attack():
            sys.settrace(tracer)
            sys.setprofile(tracer)
            threading.settrace(tracer)
        """,
    ),
    in_mean(
        "outlive_the_call",
        "go on in threads, timers, atexit handlers and finalisers after it has answered",
        NO_VERDICT,
        """
        import atexit
        import threading
        import time
        import weakref

        class Thing:
            pass

        def haunt():
            while True:
                time.sleep(0.01)
                for module in ("torch", "numpy"):
                    try:
                        sys.modules[module].allclose = lambda *a, **k: True
                    except Exception:
                        pass

        KEPT = Thing()

        def attack():
            atexit.register(print, "at exit")
            weakref.finalize(KEPT, print, "finalised")
            threading.Thread(target=haunt, daemon=True).start()
            threading.Timer(0.05, print, ["later"]).start()
        """,
    ),
    in_mean(
        "patch_comparisons",
        "replace what compares: torch, numpy, builtins, math, assertions",
        NO_VERDICT,
        """
        import builtins
        import math

        import numpy
        import torch

        def yes(*args, **kwargs):
            return True

        def attack():
            for module, names in (
                (torch, ("allclose", "equal", "isclose", "eq")),
                (numpy, ("allclose", "array_equal", "isclose", "equal")),
                (math, ("isclose",)),
                (builtins, ("all", "any", "abs")),
            ):
                for name in names:
                    setattr(module, name, yes)
            torch.Tensor.__eq__ = torch.Tensor.equal = torch.Tensor.allclose = yes
            torch.testing.assert_close = numpy.testing.assert_allclose = yes
        """,
    ),
    in_mean(
        "replace_modules",
        "put other modules into sys.modules in place of torch, numpy, json, pytest and the harness",
        NO_VERDICT,
        """
        import types

        class Yes(types.ModuleType):
            def __getattr__(self, name):
                return lambda *a, **k: True

        def attack():
            for name in ("pytest", "_pytest", "grader", "grader.suite.expect", "json", "struct",
                         "torch.testing", "numpy.testing", "expect"):
                sys.modules[name] = Yes(name)
        """,
    ),
    in_mean(
        "import_hooks",
        "answer imports of others through meta_path, path_hooks and builtins.__import__",
        NO_VERDICT,
        """
        import builtins
        import importlib.abc

        class Hook(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name.startswith(("grader", "reference", "pytest", "hidden")):
                    breach("asked for " + name)
                return None

        REAL = builtins.__import__

        def watching(name, *args, **kwargs):
            if name.startswith(("reference", "hidden", "test_")):
                breach("imports " + name)
            return REAL(name, *args, **kwargs)

        def attack():
            sys.meta_path.insert(0, Hook())
            sys.path_hooks.insert(0, lambda path: (_ for _ in ()).throw(ImportError()))
            builtins.__import__ = watching
        """,
    ),
    in_mean(
        "modules_of_known_names",
        "hand in torch.py, numpy.py, json.py, pytest.py, probes.py and others to be imported by us",
        NEVER_IMPORTED,
        """
        def attack():
            pass
        """,
        **dict.fromkeys(
            (f"{name}__py" for name in COMMON_NAMES),
            "open('@TRAP@', 'w').write('imported by the trusted side')\n",
        ),
    ),
    in_mean(
        "files_that_run_by_themselves",
        "hand in conftest.py, sitecustomize.py, a plugin's dist-info, pytest.ini, .pth files",
        NEVER_IMPORTED,
        """
        def attack():
            pass
        """,
        **{
            "conftest.py": "open('@TRAP@', 'w').write('conftest')\n",
            "sitecustomize.py": "open('@TRAP@', 'w').write('sitecustomize')\n",
            "usercustomize.py": "open('@TRAP@', 'w').write('usercustomize')\n",
            "evil.py": "open('@TRAP@', 'w').write('plugin')\n",
            "evil.pth": "import evil\n",
            "evil-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
            "evil-1.0.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n",
            "pytest.ini": "[pytest]\naddopts = -p evil\npythonpath = .\n",
            "setup.cfg": "[tool:pytest]\naddopts = -p evil\n",
            "tox.ini": "[pytest]\naddopts = -p evil\n",
            "test_mine.py": "open('@TRAP@', 'w').write('collected')\n",
            "matplotlibrc": "backend: module://evil\n",
        },
    ),
    in_total(
        "lying_objects",
        "answer with objects whose comparisons, conversions and subclasses say yes",
        "only plain data crosses the wall",
        """
        import numpy
        import torch

        class Yes(float):
            def __eq__(self, other):
                return True
            __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __eq__
            __hash__ = float.__hash__

        class Tensor(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return True

        class Array(numpy.ndarray):
            def __array_ufunc__(self, *args, **kwargs):
                return True

        class Thing:
            def __array__(self, *args, **kwargs):
                raise SystemExit(0)
            def __reduce__(self):
                return (os._exit, (0,))
            __eq__ = lambda self, other: True
            __hash__ = None

        KINDS = [Yes(float("nan")), torch.zeros(1).as_subclass(Tensor),
                 numpy.zeros(1).view(Array), Thing()]

        def total(x):
            return KINDS.pop()
        """,
    ),
    in_total(
        "not_a_number",
        "answer with NaN and infinities, which compare oddly",
        "comparisons are written so that NaN is wrong",
        """
        ANSWERS = [float("nan"), float("inf")]

        def total(x):
            return ANSWERS.pop()
        """,
        says="NaN",
    ),
    in_total(
        "odd_types",
        "answer with texts, bytes, booleans, complex numbers, sets, None and nested lists",
        "checked on the trusted side",
        """
        import torch

        ANSWERS = [True, torch.tensor(1 + 2j), "passed", b"passed", {1, 2}, [[1], [2, 3]], [None]]

        def total(x):
            return ANSWERS.pop()
        """,
    ),
    in_total(
        "numbers_without_end",
        "answer with integers of thousands of digits, which overflow what compares them",
        "checked on the trusted side",
        """
        ANSWERS = [10**400, -(10**4000)]

        def total(x):
            return ANSWERS.pop()
        """,
    ),
    in_total(
        "answers_that_grow_when_compared",
        "answer with shapes that broadcast to terabytes beside the expected value",
        "sizes are compared before values",
        """
        import torch

        def total(x):
            return torch.zeros(200_000, 1)
        """,
        says="shape",
    ),
    in_total(
        "half_characters",
        "put half of a surrogate pair into errors, which nothing can write as UTF-8",
        "texts are made whole when they are decoded",
        """
        Error = type("E", (Exception,), {})

        def total(x):
            print("\\ud800 printed")
            raise Error("\\ud800\\udfff" * 10)
        """,
        says="raised E",
    ),
    in_total(
        "hidden_inputs_in_names",
        "carry hidden inputs to the student's own page in names of exceptions and files",
        "only names that are in the submission are shown to the student",
        """
        def total(x):
            digits = "".join(f"{b:02x}" for b in x.numpy().tobytes())
            path = os.path.dirname(__file__) + f"/LEAK{digits}.py"
            code = compile("def go(E):\\n    raise E", path, "exec")
            space = {}
            exec(code, space)
            space["go"](type("LEAK" + digits, (Exception,), {}))
        """,
    ),
    in_total(
        "hidden_inputs_in_shapes",
        "carry hidden inputs to the student's own page in shapes and type names of answers",
        "long shapes and names are not shown to the student",
        """
        import torch

        calls = []

        def total(x):
            calls.append(x)
            digits = [7_700_000 + int(b) for b in x.numpy().tobytes()[:12]]
            if len(calls) % 2:
                return torch.zeros(0, *digits)
            name = "LEAK" + "".join(f"{b:02x}" for b in x.numpy().tobytes())
            return type(name, (), {})()
        """,
    ),
    in_total(
        "hostile_exceptions",
        "raise exceptions whose text, name and traceback fail or never end",
        "described under limits, behind the wall",
        """
        class Bad(Exception):
            def __str__(self):
                raise SystemExit(1)
            __repr__ = __str__

        class Loop(Exception):
            pass

        KINDS = [Bad(), Loop("x" * 10**7)]

        def total(x):
            error = KINDS.pop()
            error.__cause__ = error.__context__ = error
            raise error
        """,
        says="raised",
    ),
    in_total(
        "behave_when_watched",
        "be right for the inputs of the public suite and wrong for others",
        "hidden inputs are drawn from a secret",
        """
        import torch

        def total(x):
            return torch.tensor(6.0) if x.shape == (6,) else torch.tensor(0.0)
        """,
    ),
    in_total(
        "table_of_answers",
        "answer from a table of seeds and inputs of an earlier grading",
        "hidden inputs are drawn from a secret",
        """
        import random

        import torch

        TABLE = {0.123: 1.0}

        def total(x):
            state = random.getstate()
            return torch.tensor(TABLE.get(round(float(x[0]), 3), 0.0))
        """,
    ),
    Attack(
        "forge_the_probe",
        "replace the probe, which runs beside it, by one that hides what the contract forbids",
        "not stopped: what a probe reports can be forged; values of the reference's cannot",
        {
            "mean.py": """
            import sys

            def mean(x):
                probes = sys.modules["grader_probes"]
                probes.mean_and_input = lambda impl, x: {"mean": x, "x": x}
                x.zero_()
                return x
            """
        },
        marks=(1, 3),
        says="names grader_probes",
        not_stopped="the check that the input is left alone passes though it is overwritten; "
        "the report tells of the name",
    ),
    in_total(
        "answers_outside_memory",
        "answer with tensors that point outside their memory: strides, sparse indices, fakes",
        "it costs the call that did it",
        """
        import torch
        from torch._subclasses.fake_tensor import FakeTensorMode

        def total(x):
            if len(x) == 1:
                return FakeTensorMode().from_tensor(x.sum())
            there = torch.tensor([2**40])
            return torch.sparse_csr_tensor(
                torch.tensor([0, 2**40]), there, torch.ones(1), (1, 1), check_invariants=False
            )
        """,
    ),
    in_total(
        "shared_with_the_warm_process",
        "write into memory and change files that it shares with the process it was forked from",
        "nothing is shared that can be changed",
        """
        import fcntl

        @once
        def total(x):
            try:
                with open("/proc/self/maps") as file:
                    shared = [line for line in file if line.split()[1] in ("rw-s", "rwxs")]
            except OSError:
                shared = []
            if shared:
                breach(shared[0])
            for descriptor in range(256):
                try:
                    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
                    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK | os.O_ASYNC)
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.lseek(descriptor, 0, os.SEEK_SET)
                except OSError:
                    continue
        """,
    ),
]
