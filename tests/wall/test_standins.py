"""Who gets a stand-in for a package that is not installed."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.wall.behind import standins
from grader.wall.behind.standins import Parts, StandIns

OPTIONAL = """
try:
    import no_such_optional
except ImportError:
    no_such_optional = None
"""


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """Finders as a student's import has them, and a folder for files of the student's."""
    library, student = tmp_path / "library", tmp_path / "student"
    for folder in (library, student):
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(standins, "LIBRARIES", (*standins.LIBRARIES, f"{library}/"))
    (library / "some_library.py").write_text(OPTIONAL)
    finder = StandIns(frozenset({"gan", "given_file"}))
    before = set(sys.modules)
    parts = Parts(finder)
    sys.meta_path.append(finder)
    sys.meta_path.insert(0, parts)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
        sys.meta_path.remove(parts)
        for name in set(sys.modules) - before:
            if name.startswith(("some_", "no_such")):
                sys.modules.pop(name, None)


def imported(tmp_path: Path, text: str) -> object:
    (tmp_path / "student" / "some_answer.py").write_text(text)
    return importlib.import_module("some_answer")


def test_a_students_import_gets_one(stand_ins: StandIns, tmp_path: Path) -> None:
    module = imported(tmp_path, "import no_such_bar\nnumbers = list(no_such_bar.bar(range(3)))\n")
    assert vars(module)["numbers"] == [0, 1, 2]
    assert set(stand_ins.used) == {"no_such_bar"}


def test_import_module_in_a_students_file_gets_one(stand_ins: StandIns, tmp_path: Path) -> None:
    imported(tmp_path, "import importlib\nbar = importlib.import_module('no_such_bar')\n")
    assert set(stand_ins.used) == {"no_such_bar"}


def test_a_librarys_optional_import_finds_nothing(stand_ins: StandIns, tmp_path: Path) -> None:
    """A library that believes in a package that is not there would go on to use it."""
    module = imported(tmp_path, "import some_library\n")
    assert vars(module)["some_library"].no_such_optional is None
    assert not stand_ins.used


USES = {
    "a base class with a metaclass": (
        "class Lit(p.LightningModule):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.save_hyperparameters()\n"
        "        self.layer = torch.nn.Linear(2, 3)\n"
        "    def forward(self, x):\n"
        "        self.log('x', 1)\n"
        "        return self.layer(x)\n"
        "assert Lit()(torch.ones(4, 2)).shape == (4, 3)\n"
        "assert len(list(Lit().parameters())) == 2\n"
        "assert isinstance(Lit(), p.LightningModule) and not isinstance(3, p.LightningModule)\n"
        "assert issubclass(Lit, p.LightningModule)\n"
    ),
    "a network that never calls its base": (
        "class Net(p.Base):\n"
        "    def __init__(self):\n"
        "        self.layer = torch.nn.Linear(2, 3)\n"
        "assert len(list(Net().parameters())) == 2\n"
    ),
    "a mixin beside real bases": (
        "class A(torch.nn.Module, p.Mixin): pass\n"
        "class B(p.Mixin, dict): pass\n"
        "class C(p.Mixin, p.Other): pass\n"
        "assert B(a=1)['a'] == 1 and A() and C()\n"
    ),
    "a model of named values": "class C(p.BaseModel):\n    n: int = 3\nassert C(n=5).n == 5\n",
    "a metaclass": "class A(metaclass=p.Meta):\n    x = 1\nassert A.x == 1 and A()\n",
    "subscripts in annotations": (
        "from typing import Optional\n"
        "def f(x: p.Float[torch.Tensor, 'b d'], y: Optional[p.Int['']] = None)"
        " -> p.Float[torch.Tensor, ''] | None:\n    return x\n"
        "assert f(3) == 3\n"
    ),
    "decorators with and without arguments": (
        "@p.plain\ndef f(x): return x\n"
        "@p.jaxtyped(typechecker=p.beartype)\ndef g(x): return x\n"
        "@p.with_one('a')\nclass H: pass\n"
        "class K:\n    @p.hook\n    @staticmethod\n    def s(x): return x\n"
        "assert f(1) == g(1) == K.s(1) == 1 and H()\n"
    ),
    "bars": (
        "assert [i for i in p.trange(3)] == [0, 1, 2] and list(p.trange(1, 3)) == [1, 2]\n"
        "assert [x for _, x in enumerate(p.tqdm('ab' for _ in range(2)))] == ['ab', 'ab']\n"
        "assert list(p.tqdm(iterable=[1], desc='x')) == [1] and len(p.tqdm([1, 2])) == 2\n"
        "with p.tqdm(total=3) as bar:\n    bar.update(1)\n"
        "with p.tqdm(range(2)) as bar:\n    assert list(bar) == [0, 1]\n"
    ),
    "arithmetic and comparison": (
        "rate = (2 * p.config.lr + 1) / p.config['n'] ** 2 - -p.x @ p.y // 3 % 2\n"
        "rate += 1\n"
        "assert not rate > 0 and not 3 <= rate and float(rate) == 0.0 and int(rate) == 0\n"
        "torch.ones(2) * rate\n"
        "text = f'{rate:.3f} {rate!r} {p.name:>10}' + str(p.x)\n"
        "assert rate in {rate} and p.a is p.a and len(rate) == 0 and not rate\n"
    ),
    "values to unpack": (
        "figure, axes = p.subplots(1, 2)\n"
        "(a, b), *rest = p.thing(), 3\n"
        "first, *others, last = p.many()\n"
        "colour = p.color_palette('deep')[0]\n"
        "p.state['x'] = 3\ndel p.state['x']\np.config.lr = 3\nassert p.config.lr == 3\n"
    ),
    "errors to catch": "try:\n    raise ValueError\nexcept (p.ApiError, ValueError):\n    pass\n",
    "parts": (
        "import no_such_package.part.deeper as d\nfrom no_such_package.part import name, other\n"
        "d.f(name)\n"
    ),
    "whatever a star brings": (
        "from no_such_stars import *\n"
        "callback = EarlyStopping(patience=3)\n"
        "def f():\n    return seed_everything(3)\n"
        "f()\n"
    ),
}


@pytest.mark.parametrize("use", USES)
def test_a_stand_in_takes(use: str, stand_ins: StandIns, tmp_path: Path) -> None:
    text = "import torch\nimport no_such_package as p\n" + USES[use]
    imported(tmp_path, text)
    assert "no_such_package" in stand_ins.used
    assert stand_ins.used["no_such_package"].endswith("some_answer.py")


@pytest.mark.parametrize(
    "handler",
    [
        "except ImportError",
        "except (ModuleNotFoundError, OSError)",
        "except Exception as e",
        "except",
    ],
)
def test_who_knows_how_to_do_without_gets_none(
    handler: str, stand_ins: StandIns, tmp_path: Path
) -> None:
    text = f"try:\n    from no_such_bar import bar\n{handler}:\n    bar = list\n"
    assert vars(imported(tmp_path, text))["bar"] is list
    assert not stand_ins.used


def test_who_would_give_up_gets_one(stand_ins: StandIns, tmp_path: Path) -> None:
    text = "try:\n    import no_such_bar\nexcept ImportError:\n    exit('install it')\n"
    imported(tmp_path, text)
    assert set(stand_ins.used) == {"no_such_bar"}


def test_who_asks_whether_it_is_there_hears_no(stand_ins: StandIns, tmp_path: Path) -> None:
    text = "import importlib.util\nthere = importlib.util.find_spec('no_such_bar')\n"
    assert vars(imported(tmp_path, text))["there"] is None
    assert not stand_ins.used


@pytest.mark.parametrize("slip", ["gann", "Gan", "given_files", "givenfile", "gan"])
def test_a_slip_in_a_name_of_the_assignment_is_an_error(
    slip: str, stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, slip, raising=False)  # another test may have one of its name
    with pytest.raises(ModuleNotFoundError):
        imported(tmp_path, f"import {slip}\n")


def test_a_part_of_a_library_that_lacks_something_is_stood_in_for(
    stand_ins: StandIns, tmp_path: Path
) -> None:
    """As torch.utils.tensorboard without tensorboard, for who asks for it and for nobody else."""
    package = tmp_path / "library" / "some_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "board.py").write_text("import no_such_board\nclass Writer:\n    pass\n")
    text = "from some_package.board import Writer\nWriter('runs').add_scalar('x', 3)\n"
    imported(tmp_path, text)
    assert set(stand_ins.used) == {"no_such_board"}


def test_installed_packages_are_libraries() -> None:
    assert sysconfig.get_path("purelib") + "/" in standins.LIBRARIES
    assert Path(importlib.__file__).is_relative_to(sysconfig.get_path("stdlib"))
