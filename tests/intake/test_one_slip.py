"""One slip in a notebook, or an odd notebook, costs what it touches and nothing else."""

import json
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.intake.limits import Notes
from grader.intake.locate import locate
from grader.intake.notebooks.cells import exported_cells, read_cells
from grader.intake.notebooks.notebook import definitions
from grader.intake.notebooks.places import left_out, original


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, **more}


def packed(*cells: Any) -> bytes:
    return json.dumps({"cells": list(cells), "nbformat": 4, "nbformat_minor": 5}).encode()


def module(*cells: str, wanted: tuple[str, ...] = ("f",), execute: bool = True) -> dict[str, Any]:
    """What there is after the module of these cells was imported."""
    there: dict[str, Any] = {}
    content = packed(*map(code, cells))
    exec(definitions(content, "hw.ipynb", Notes(), set(wanted), execute), there)
    return there


GOOD = "def f(x):\n    return x + 1"


@pytest.mark.parametrize(
    "slip",
    [
        "tries = 0; hits = 0\nwhile tries < 9:\n    tries += 1\nrate = hits / tries",
        "import math\nbest = 0.0\nlog_best = math.log(best)",
        "sizes = {}\nfor k in 'ab':\n    sizes[k] = 1\nfirst = sizes['a']",
        "from torch import no_such_name",
        "import no_such_package_at_all",
        "class A(no_such_package.Base):\n    pass",
        "N = 0\nclass A:\n    share = 1 / N",
        "N = 0\n@(1 / N)\ndef g():\n    pass",
        "N = 0\ndef g(x=1 / N):\n    pass",
        "import sys\nN = sys.exit",
    ],
)
def test_what_fails_at_import_costs_what_needs_it_alone(slip: str) -> None:
    assert module(slip, GOOD)["f"](1) == 2


def test_a_failed_constant_is_told_with_its_cell(capsys: pytest.CaptureFixture[str]) -> None:
    module("hits = 0\nrate = 1 / hits", GOOD)
    assert "hw.ipynb, cell 1, line 2 failed" in capsys.readouterr().out


def test_a_default_of_a_failed_constant_is_none() -> None:
    there = module("hits = 0\nrate = 1 / hits", "def f(x, r=rate):\n    return x, r")
    assert there["f"](1) == (1, None)


def test_of_several_imported_names_the_others_are_there() -> None:
    assert "pi" in module("from math import no_such_name, pi", GOOD)


@pytest.mark.parametrize(
    "later",
    [
        "f = f(3)",
        "f: int = f(3)",
        "f = 0.5",
        "f, k = f(3), 4",
        "for f in range(3):\n    pass",
        "with open('x') as f:\n    pass",
        "from math import floor as f",
        "f += 1",
        "print(f := 3)",
        "if True:\n    f = 3",
        "try:\n    f = f(3)\nexcept ValueError:\n    f = None",
        "del f",
        "def f(x):\n    raise NotImplementedError",
        "def f(x):\n    pass",
        "def f(x):\n    return 0  # a stand-in",
        "f = lambda x: 0",
        "class f:\n    pass",
        "def g():\n    global f\n    f = 3\ng()",
    ],
)
def test_a_variable_or_a_stub_does_not_replace_a_function(later: str) -> None:
    assert module(GOOD, later)["f"](1) == 2


def test_an_instance_does_not_replace_its_class() -> None:
    there = module("class Critic:\n    def go(self):\n        return 2", "Critic = Critic()")
    assert there["Critic"]().go() == 2


@pytest.mark.parametrize(
    "later",
    [
        "def f(x):\n    return x + 2",
        "f = lambda x: x + 2",
        "if True:\n    def f(x):\n        return x + 2",
    ],
)
def test_a_later_definition_that_is_filled_in_counts(later: str) -> None:
    assert module(GOOD, later)["f"](1) == 3


def test_a_wrapped_function_counts() -> None:
    there = module(
        "import numpy as np", "def f(x):\n    return x if x > 0 else 0", "f = np.vectorize(f)"
    )
    assert list(there["f"]([-1, 2])) == [0, 2]


def test_what_is_needed_beside_a_variable_of_the_name_is_still_made() -> None:
    there = module("def f(x):\n    return g(x)", "f, g = f, abs", wanted=("f",))
    assert there["f"](-1) == 1


def test_a_cell_that_is_not_python_is_told_with_line_reason_and_what_goes_with_it() -> None:
    notes = Notes()
    text = definitions(
        packed(code(GOOD), code("x = 1\ndef g(:\n    pass", execution_count=7)), "hw.ipynb", notes
    )
    assert notes.texts == [
        "hw.ipynb, cell 2 (In [7]), line 2: invalid syntax; the cell was left out, and with it g"
    ]
    assert left_out(text, "g") == "hw.ipynb, cell 2 (In [7]), line 2: invalid syntax"
    assert left_out(text, "f") is None


@pytest.mark.parametrize(
    "line",
    [
        "cd A3",
        "pip install x -q",
        "ls -l *.py",
        "%matplotlib inline",
        "!wget x",
        "?help",
        "help??",
        "x = !ls",
        "y = %time 3",
        "%%time",
        "%%capture out",
        "nvidia-smi",
        "git clone https://x.org/y",
    ],
)
def test_magic_costs_its_line(line: str) -> None:
    content = packed(code(f"{line}\n{GOOD}"))
    notes = Notes()
    there: dict[str, Any] = {}
    text = definitions(content, "hw.ipynb", notes, {"f"})
    exec(text, there)
    assert there["f"](1) == 2 and notes.texts == []
    number = text.decode().split("\n").index("    return x + 1") + 1
    assert original(text, number) == "hw.ipynb, cell 1, line 3"


@pytest.mark.parametrize("default", ["rate", "(rate +\n 1)"])
def test_lines_of_a_changed_definition_are_the_students(default: str) -> None:
    """Multi-line strings keep their value where a definition is guarded."""
    source = f'def f(x, r={default}):\n    """A\n  text."""\n    return x.shape'
    content = packed(code("import math\nrate = math.log(2)"), code(source))
    text = definitions(content, "hw.ipynb", Notes(), {"f"})
    there: dict[str, Any] = {}
    exec(compile(text, "m", "exec"), there)
    assert there["f"].__doc__ == "A\n  text."
    with pytest.raises(AttributeError) as raised:
        there["f"](1)
    line = raised.traceback[-1].lineno + 1
    assert original(text, line) == f"hw.ipynb, cell 2, line {source.count(chr(10)) + 1}"


def test_a_file_that_was_handed_in_as_it_is_has_its_own_lines() -> None:
    assert original(b"import torch\n\ndef f(x):\n    return x\n", 4) is None


CELL = {"cell_type": "code", "source": GOOD}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"cells": [CELL]}).encode(),
        packed({**CELL, "source": [GOOD[:5], GOOD[5:]]}),
        packed({"cell_type": "code"}, CELL),
        packed({"cell_type": "code", "source": None}, CELL, 3, "x", None),
        packed({"cell_type": "odd", "source": "("}, CELL),
        packed({**CELL, "id": "a"}, {"cell_type": "code", "source": "", "id": "a"}),
        packed(code("TEXT = '''" + "It was the best of times.\n" * 12_000 + "'''"), CELL),
        packed(code("x = " + "1+" * 200_000 + "1"), CELL),
        packed(CELL) + b"\n\ngarbage }",
        b"\xef\xbb\xbf" + packed(CELL),
        packed(CELL).decode().encode("utf-16"),
        json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": GOOD}]}]}).encode(),
        json.dumps(
            {
                "nbformat": 2,
                "worksheets": [
                    {
                        "cells": [
                            {
                                "cell_type": "code",
                                "input": GOOD.split("\n")[0] + "\n    return x + 1",
                                "prompt_number": 3,
                            }
                        ]
                    }
                ],
            }
        ).encode(),
        packed(CELL, code("", outputs=[{"data": {"image/png": "A" * (17 << 20)}}])),
    ],
    ids=[
        "bare",
        "list",
        "no-source",
        "not-cells",
        "odd-type",
        "ids",
        "corpus",
        "too-much",
        "garbage",
        "bom",
        "utf-16",
        "v3",
        "v2",
        "outputs",
    ],
)
def test_only_cells_and_their_sources_are_needed(content: bytes) -> None:
    there: dict[str, Any] = {}
    exec(definitions(content, "hw.ipynb", Notes(), {"f"}), there)
    assert there["f"](1) == 2


TRAINING = "import torch\nfor _ in range(3):\n    loss.backward()\n"


@pytest.mark.parametrize(
    "text",
    [
        f"# %%\n{GOOD}\n\n# %% [markdown]\n# text\n\n# %%\n{TRAINING}",
        f"#%%\n{GOOD}\n#%%\n%matplotlib inline\n{TRAINING}",
        f"# In[3]:\n\n{GOOD}\n\n# In[ ]:\n\nget_ipython().run_line_magic('x', '')\n{TRAINING}",
        f"# In[1]:\n\nget_ipython().run_cell_magic('time', '', {GOOD!r})\n",
        f"# Databricks notebook source\n{GOOD}\n\n# COMMAND ----------\n\n{TRAINING}",
        f"# Cell\n{GOOD}\n\n# Cell\n{TRAINING}",
        f'"""Automatically generated by Colab."""\n\n!pip install x\n{GOOD}\n\n{TRAINING}',
        f'"""Automatically generated by Colab."""\n\n{GOOD}\n\nx = (\n\ny = 2\n',
        f"!pip install x\n{GOOD}\n{TRAINING}",
        f"# ---\n# jupytext:\n# ---\n\n# +\n{GOOD}\n\n# +\n{TRAINING}",
    ],
)
def test_scripts_in_cells_are_read_as_notebooks(text: str) -> None:
    assert exported_cells(text.encode())
    there: dict[str, Any] = {}
    out = definitions(text.encode(), "hw.py", Notes(), {"f"})
    exec(out, there)
    assert there["f"](1) == 2
    if "run_cell_magic" not in text:
        number = out.decode().split("\n").index("    return x + 1") + 1
        typed = text.split("\n").index("    return x + 1") + 1
        assert original(out, number) == f"hw.py, line {typed}"


def test_a_module_that_is_only_divided_into_cells_is_a_module() -> None:
    assert exported_cells(f"# %%\nimport math\n# %%\n{GOOD}\n".encode()) == []


def test_cells_are_counted_as_people_count_them() -> None:
    cells = read_cells(
        packed({"cell_type": "markdown", "source": "x"}, code("", execution_count=4))
    )
    assert [cell.label for cell in cells] == ["cell 1", "cell 2 (In [4])"]


def test_a_script_gives_its_definitions_without_what_it_does() -> None:
    script = b"import sys\nDATA = open('/not/there').read()\nN = len(DATA)\n" + GOOD.encode()
    there: dict[str, Any] = {}
    exec(definitions(script, "gan.py", Notes(), {"f"}, execute=False), there)
    assert there["f"](1) == 2


class TestSeveralFiles:
    """One file of the assignment in several of the student's."""

    JSD = b"LOG = 2\ndef jsd(cp, cq):\n    return cp - LOG * cq\n"
    CRITIC = b"LOG = 3\nclass Critic:\n    def forward(self, x):\n        return LOG * x\n"

    def of(self, assignment: Assignment, files: dict[str, bytes]) -> tuple[Any, list[str]]:
        notes = Notes()
        return locate(files, assignment.description, notes)[1], notes.texts

    @pytest.mark.parametrize("other", ["losses.py", "part_2.ipynb", "sub/gan.py"])
    def test_names_are_looked_for_in_all_of_them(self, assignment: Assignment, other: str) -> None:
        lines = self.CRITIC.decode()
        content = packed(code(lines)) if other.endswith("ipynb") else self.CRITIC
        choice, notes = self.of(assignment, {"gan.py": self.JSD, other: content})
        assert [(part.path, dict(part.names)) for part in choice.parts] == [
            (other, {"Critic": False})
        ]
        assert any(f"Critic taken from {other}" in note for note in notes)

    def test_what_is_filled_in_replaces_what_is_not(self, assignment: Assignment) -> None:
        stub = self.CRITIC + b"def jsd(cp, cq):\n    raise NotImplementedError\n"
        choice, _ = self.of(assignment, {"gan.py": stub, "losses.py": self.JSD})
        assert [dict(part.names) for part in choice.parts] == [{"jsd": True}]

    def test_what_is_imported_is_not_looked_for(self, assignment: Assignment) -> None:
        own = b"from losses import jsd\n" + self.CRITIC
        choice, _ = self.of(assignment, {"gan.py": own, "losses.py": self.JSD})
        assert choice.path == "gan.py" and not choice.parts
