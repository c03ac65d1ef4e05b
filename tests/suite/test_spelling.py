"""Names that nothing defines are found before anybody is graded, and right ones are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from grader.assignment import Assignment, find_assignment, known_assignments
from grader.cli import looking  # noqa: F401 - adds its commands
from grader.cli.app import app
from grader.suite.spelling import misspelt_contracts, misspelt_tools

HEAD = 'import pytest\nimport torch\n\n\n@pytest.mark.question("q1.1")\n'


def write_test(
    toy: Assignment, line: str, names: str = "submission, reference, stats, draw"
) -> Path:
    path = toy.hidden / "test_more.py"
    path.write_text(f"{HEAD}def test_more({names}, expect, probes):\n    {line}\n")
    return path


@pytest.mark.parametrize("name", known_assignments())
def test_the_assignments_have_no_misspelt_names(name: str) -> None:
    assignment = find_assignment(name)
    assert misspelt_contracts(assignment) == misspelt_tools(assignment) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("submission.mean.maen(torch.ones(2, 3))", "'mean.maen' is not defined in"),
        ("submission.mena.mean(torch.ones(2, 3))", "no file 'mena'; is 'mean' meant?"),
        ("reference.total.totla(torch.ones(2))", "is 'total' meant?"),
    ],
)
def test_a_misspelt_contract_in_a_test_is_refused(toy: Assignment, line: str, words: str) -> None:
    path = write_test(toy, line)
    (said,) = misspelt_contracts(toy)
    assert said.startswith(f"{path}:7: ") and words in said


def test_a_misspelt_contract_in_the_toml_is_refused(
    toy_home: Path, toy: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = toy.folder / "assignment.toml"
    toml.write_text(toml.read_text().replace('"mean.mean"', '"mean.maen"'))
    (said,) = misspelt_contracts(Assignment(toy.folder, toy.reference))
    line = toml.read_text().splitlines().index('contracts = ["mean.maen"]') + 1
    assert said.startswith(f"{toml}:{line}: contracts of q1.1: 'mean.maen'")
    assert said.endswith("; is 'mean' meant?")
    monkeypatch.setenv("GRADER_HOME", str(toy_home))
    shown = CliRunner().invoke(app, ["show", "toy"])
    assert shown.exit_code == 2 and "is 'mean' meant?" in shown.output


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stats.frequencys([1], [1.0])", "stats has no 'frequencys'; is 'frequencies' meant?"),
        ("expect.clos(1, 1)", "expect has no 'clos'; is 'close' meant?"),
        ("draw.normall(3)", "draw has no 'normall'; is 'normal' meant?"),
        ("submission(probes.mean_and_inputs)", "is 'mean_and_input' meant?"),
    ],
)
def test_a_misspelt_helper_is_refused_by_show(
    toy_home: Path, toy: Assignment, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    path = write_test(toy, line)
    (said,) = misspelt_tools(toy)
    assert said.startswith(f"{path}:7: ") and words in said
    monkeypatch.setenv("GRADER_HOME", str(toy_home))
    shown = CliRunner().invoke(app, ["show", "toy"])
    assert shown.exit_code == 2 and words.split(";")[0] in shown.output


def test_a_misspelt_fixture_is_refused_by_show(toy: Assignment) -> None:
    path = write_test(toy, "pass", "submission, stat")
    (said,) = misspelt_tools(toy)
    assert said == f"{path}:6: there is no fixture 'stat'; is 'stats' meant?"


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ("from math import sqrt as mean", "submission.mean.mean(1.0)"),
        ("try:\n    mean = abs\nexcept NameError:\n    pass", "submission.mean.mean(1.0)"),
        ("from math import *", "submission.mean.floor(1.0)"),
        ("mean = 1\ndef __getattr__(name):\n    return abs", "submission.mean.anything(1.0)"),
        ("mean = 1\nclass A:\n    def f(self): pass", "submission.mean.A.f(1)"),
        ("mean = 1", "submission = probes; submission.anything.goes()"),
        ("mean = 1", "[expect.close(s, s) for s in (submission.mean.mean, stats.frequencies)]"),
    ],
)
def test_names_that_may_exist_are_left_alone(toy: Assignment, reference: str, line: str) -> None:
    (toy.reference / "mean.py").write_text(reference + "\n")
    write_test(toy, line)
    assert misspelt_contracts(toy) == misspelt_tools(toy) == []


@pytest.mark.parametrize(
    "text",
    [
        HEAD + '@pytest.mark.parametrize(("a", "b"), [(1, 2)])\ndef test_x(a, b):\n    pass\n',
        HEAD + '@pytest.mark.parametrize("a, b", [(1, 2)])\ndef test_x(a, b, c=3):\n    pass\n',
        "import pytest\n\n@pytest.fixture\ndef own(draw):\n    return 1\n\n\n"
        '@pytest.mark.question("q1.1")\ndef test_x(own, tmp_path, request):\n    pass\n',
        'import pytest\n\nBOTH = pytest.mark.parametrize("side", "lr")\n\n\n'
        '@pytest.mark.question("q1.1")\n@BOTH\ndef test_x(side):\n    pass\n',
    ],
)
def test_fixtures_and_parameters_of_a_suite_are_known(toy: Assignment, text: str) -> None:
    (toy.hidden / "test_more.py").write_text(text)
    assert misspelt_tools(toy) == []
