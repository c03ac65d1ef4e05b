"""Notebooks give their definitions, and nothing that runs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake.limits import Notes, UnreadableEntryError
from grader.intake.notebook import definitions


def notebook(*cells: str) -> bytes:
    """A notebook of code cells, after one of text."""
    text = {"cell_type": "markdown", "metadata": {}, "source": "# def no(): pass"}
    code = [
        {
            "cell_type": "code",
            "metadata": {},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for cell in cells
    ]
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [text, *code]}
    ).encode()


def kept(*cells: str) -> tuple[str, list[str]]:
    """The lines kept, without comments, and the notes."""
    notes = Notes()
    text = definitions(notebook(*cells), "hw.ipynb", notes).decode()
    return "\n".join(x for x in text.splitlines() if x and not x.startswith("# code")), notes.texts


@pytest.mark.parametrize(
    "cell",
    [
        "import torch",
        "from math import pi",
        "def f(x):\n    # why\n    return x",
        "@staticmethod\ndef f(x):\n    return x",
        "class A:\n    pass",
        "N = 3",
        "N: int = 3",
        "NAMES = ['JSD', None, -1.5]",
        "A, B = 1, 2",
        "import math\nLOG_2PI = math.log(2 * math.pi)",
        "import torch\ndevice = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
    ],
)
def test_definitions_are_kept_as_they_were_typed(cell: str) -> None:
    assert kept(cell) == (cell, [])


@pytest.mark.parametrize(
    "cell",
    [
        "train()",
        "for i in range(3): pass",
        "model = VAE()",
        "x = open('f').read()",
        "with open('f') as f: pass",
        "x[0] = 1",
        "best = model",
        "y = [i for i in range(3)]",
        "import IPython\nfrom google.colab import drive",
        "%%bash\nrm -rf /",
        "!pip install torch",
    ],
)
def test_what_runs_is_left_out(cell: str) -> None:
    assert kept(cell) == ("", [])


def test_magics_and_shell_lines_are_dropped() -> None:
    cell = (
        "%matplotlib inline\n!pip install x\nfiles = !ls\nhelp?\ndef f():\n    %time\n    return 1"
    )
    assert kept(cell) == ("def f():\n    pass\n    return 1", [])


def test_a_percent_sign_within_parentheses_is_python() -> None:
    cell = "N = (7\n% 4)"
    assert kept(cell) == (cell, [])


def test_statements_on_one_line_are_taken_apart() -> None:
    assert kept("import torch; torch.manual_seed(0); N = 3") == ("import torch\nN = 3", [])


def test_a_cell_that_does_not_parse_is_noted() -> None:
    text, notes = kept("N = 1", "def f(:", "M = 2")
    assert text == "N = 1\nM = 2"
    assert notes == ["hw.ipynb: code cell 2 is not valid Python; left out"]


def test_what_would_fail_at_import_is_left_out_with_a_note() -> None:
    text, notes = kept("data = load()\ndef f(x=data): return x\ndef g(): return data")
    assert text == "def g(): return data"
    assert notes == [
        "hw.ipynb: code cell 1: line 2 is left out: it needs data, which is not a definition"
    ]


def test_a_star_import_may_define_anything() -> None:
    text, notes = kept("from torch import *\ndef f(x: Tensor): return x")
    assert "def f" in text
    assert notes == []


def test_an_old_notebook_is_read() -> None:
    cell = {"cell_type": "code", "input": "N = 3", "outputs": [], "language": "python"}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    assert b"N = 3" in definitions(json.dumps(old).encode(), "hw.ipynb", Notes())


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"not json", b"\xff\xfe", b'{"nbformat": 4, "cells": 1}', b"[" * 100_000],
)
def test_what_is_no_notebook_says_so(content: bytes) -> None:
    with pytest.raises(UnreadableEntryError, match="not a notebook"):
        definitions(content, "hw.ipynb", Notes())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_whatever_is_in_the_cells_the_module_parses(cells: list[str]) -> None:
    compile(definitions(notebook(*cells), "hw.ipynb", Notes()), "hw.py", "exec")


def for_contracts(wanted: set[str], *cells: str) -> tuple[dict[str, object], list[str]]:
    """What there is after the module for these contracts was executed, and the notes."""
    notes = Notes()
    there: dict[str, object] = {}
    exec(definitions(notebook(*cells), "hw.ipynb", notes, wanted), there)
    return there, notes.texts


def test_what_a_contract_needs_is_executed_and_nothing_else() -> None:
    there, told = for_contracts(
        {"draw"},
        "import random",
        "rng = random.Random(1234)\nlosses = train(10)\nfor _ in range(3):\n    rng.random()",
        "def draw(n):\n    return [helper() for _ in range(n)]",
        "def helper():\n    return rng.random()",
    )
    draw = there["draw"]
    assert callable(draw)
    import random

    assert draw(1) == [random.Random(1234).random()]
    assert "losses" not in there
    assert told == ["hw.ipynb: code cell 2: line 1 is executed, since rng is needed"]


def test_what_is_needed_is_followed_through_other_names() -> None:
    there, _ = for_contracts(
        {"count"},
        "text = 'to be or not to be'\nchars = sorted(set(text))\nstoi = dict(zip(chars, range(9)))",
        "class Vocabulary:\n    size = 0\n    def __init__(self):\n        self.size = len(stoi)",
        "def count(v=Vocabulary):\n    return v().size",
    )
    count = there["count"]
    assert callable(count) and count() == 7


def test_what_fails_when_it_is_executed_costs_no_more_than_itself() -> None:
    there, told = for_contracts(
        {"f", "g"},
        "data = open('/not/there').read()\nif data:\n    n = 1\nk = int('3')",
        "def f():\n    return data\n\ndef g():\n    return k",
    )
    f, g = there["f"], there["g"]
    assert callable(f) and callable(g) and g() == 3
    with pytest.raises(NameError):
        f()
    assert len(told) == 2


def test_a_definition_that_needs_what_is_executed_is_kept() -> None:
    there, told = for_contracts(
        {"loss"},
        "import types\ncfg = types.SimpleNamespace(beta=2)",
        "def loss(x, beta=cfg.beta):\n    return beta * x",
    )
    loss = there["loss"]
    assert callable(loss) and loss(4) == 8
    assert len(told) == 1 and "executed" in told[0]
