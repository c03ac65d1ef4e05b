"""Notebooks give their definitions, and nothing that runs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake.limits import Notes, UnreadableEntryError
from grader.intake.notebooks.cells import exported_cells
from grader.intake.notebooks.notebook import definitions


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


def bare(text: str) -> str:
    """The lines of a module without its marks, and without what guards them."""
    lines, guarded, handler = [], False, False
    for line in text.splitlines():
        if line.startswith("try:  #:"):
            guarded, handler = True, False
        elif line.startswith("except (Exception"):
            guarded, handler = False, True
        elif handler and line.startswith("    "):
            continue
        elif line and not line.startswith("#:"):
            handler = False
            lines.append(line.removeprefix("    ") if guarded else line)
    return "\n".join(lines)


def kept(*cells: str) -> tuple[str, list[str]]:
    """The lines kept, without marks and guards, and the notes."""
    notes = Notes()
    text = definitions(notebook(*cells), "hw.ipynb", notes).decode()
    return bare(text), notes.texts


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
    assert notes == [
        "hw.ipynb, cell 3, line 1: invalid syntax; the cell was left out, and with it f"
    ]


def test_what_would_fail_at_import_is_left_out_with_a_note() -> None:
    text, notes = kept("data = load()\ndef f(x=data): return x\ndef g(): return data")
    assert text == "def g(): return data"
    assert notes == [
        "hw.ipynb, cell 2, line 2 is left out: it needs data, which is not a definition"
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
    [
        b"",
        b"{}",
        b"[]",
        b"not json either",
        b"\xff\xfe",
        b'{"nbformat": 4, "cells": 1}',
        b"[" * 100_000,
    ],
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
    assert told == ["hw.ipynb, cell 3, line 1 is executed, since rng is needed"]


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


def test_a_future_import_in_a_later_cell_goes_to_the_top() -> None:
    """In a module it may stand nowhere else; in a notebook it may."""
    text, _ = kept("import math", "from __future__ import annotations", "N = 1")
    assert text == "from __future__ import annotations\nimport math\nN = 1"


@pytest.mark.parametrize(
    "cell",
    ["def f(x, x): return x", "def f():\n    nonlocal y\n    y = 1", "class A:\n    return 1"],
)
def test_what_parses_and_does_not_compile_costs_no_more_than_itself(cell: str) -> None:
    """One such function would keep the whole module from being imported."""
    text, notes = kept("N = 1", cell, "M = 2")
    assert text == "N = 1\nM = 2"
    assert len(notes) == 1
    assert notes[0].startswith("hw.ipynb, cell 3, line 1 is left out: is not valid Python")


def test_shell_commands_may_be_continued() -> None:
    cell = "!wget -q \\\n  https://example.org \\\n  -O input.txt\nN = 1"
    assert kept(cell) == ("N = 1", [])


def test_an_indented_cell_is_read_as_notebooks_read_it() -> None:
    assert kept("    N = 1\n    M = 2") == ("N = 1\nM = 2", [])


def test_a_default_from_a_file_does_not_cost_the_function() -> None:
    """The file is not there; callers that give the argument do not need it."""
    there, told = for_contracts(
        {"embed", "Model"},
        "with open('input.txt') as f:\n    text = f.read()\nchars = sorted(set(text))",
        "V = len(chars)",
        "def embed(x, size=len(chars), *, more=V):\n    return (x, size, more)",
        "class Model:\n    width = 2 * V\n    def size(self, size=V):\n        return size",
    )
    embed, model = there["embed"], there["Model"]
    assert callable(embed) and embed(1, 2) == (1, 2, None)
    assert callable(model) and model().size(3) == 3
    assert len(told) == 3


def test_a_default_that_nothing_here_defines_is_none() -> None:
    there, told = for_contracts({"f"}, "data = load()\ndef f(x, d=data): return x")
    f = there["f"]
    assert callable(f) and f(2) == 2
    assert told == [
        "hw.ipynb, cell 2, line 2 needs data, which is not a definition; as a default it is None"
    ]


def test_an_annotation_that_cannot_be_evaluated_goes() -> None:
    there, _ = for_contracts({"f"}, "def f(x: Array) -> Array:\n    return x")
    f = there["f"]
    assert callable(f) and f(2) == 2


def test_functions_and_imports_inside_of_if_and_try_are_found() -> None:
    there, _ = for_contracts(
        {"f", "g"},
        "try:\n    import math as m\nexcept ImportError as error:\n    print(error)",
        "if m:\n    def f(x):\n        return m.floor(x)\nelse:\n    def f(x):\n        return x",
        "def g(x):\n    return m.ceil(x)",
    )
    f, g = there["f"], there["g"]
    assert callable(f) and callable(g) and (f(1.5), g(1.5)) == (1, 2)


@pytest.mark.parametrize(
    "patch",
    [
        "def forward(self, x):\n    return x + 1\nA.forward = forward",
        "A.forward = lambda self, x: x + 1",
        "def later(self, x):\n    return x + 1\nsetattr(A, 'forward', later)",
    ],
)
def test_a_method_that_is_added_later_is_kept(patch: str) -> None:
    there, _ = for_contracts({"A"}, "class A:\n    pass", patch)
    made = there["A"]
    assert isinstance(made, type) and made().forward(1) == 2


def test_a_module_that_a_cell_writes_is_part_of_the_notebook() -> None:
    there, _ = for_contracts(
        {"f"},
        "%%writefile -a src/tools.py\ndef f():\n    return 1",
        "from tools import f",
    )
    f = there["f"]
    assert callable(f) and f() == 1


def test_a_definition_keeps_the_constant_above_it_where_another_stands_below() -> None:
    """Each was used in its own part, before the next part set the constant anew."""
    there, told = for_contracts(
        {"encoder", "Generator"},
        "latent = 16\nunits = 8",
        "def encoder():\n    inner = lambda: latent\n    return inner(), units",
        "latent = 64\nunits = 8",
        "class Generator:\n    def size(self, units=1):\n        return latent, units",
    )
    encoder, generator = there["encoder"], there["Generator"]
    assert callable(encoder) and encoder() == (16, 8)
    assert callable(generator) and generator().size() == (64, 1)
    assert there["latent"] == 64
    assert told == [
        "hw.ipynb, cell 3, line 1 keeps the value of latent that stands above it; another one "
        "stands below"
    ]


@pytest.mark.parametrize(
    "exported",
    [
        "#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n\n\n"
        "get_ipython().run_line_magic('x', '')\nN = 1\n\n\n# In[ ]:\n\n\ntrain()\n",
        '"""A3.ipynb\n\nAutomatically generated by Colab.\n"""\n\n# !pip install x\nN = 1\ntrain()',
    ],
    ids=["nbconvert", "colab"],
)
def test_an_exported_notebook_gives_its_definitions(exported: str) -> None:
    text = definitions(exported.encode(), "hw.py", Notes()).decode()
    assert bare(text) == "N = 1"


def test_other_python_files_are_no_exported_notebooks() -> None:
    assert exported_cells(b"# In the first part\nN = 1\n") == []
    assert exported_cells(b"\xff\xfe") == []
