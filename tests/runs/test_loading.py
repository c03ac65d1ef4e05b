"""An assignment's code for its runs: one file or a folder of them, ours or behind the wall."""

from __future__ import annotations

import textwrap

import pytest

from grader.assignment import Assignment
from grader.runs.loading import load_functions, load_parts, sources_of
from grader.runs.train import train
from grader.suite.local import ReferenceFailed
from grader.wall.warm_handle import Warm

HELPER = "SCALE = 2.0\n"
RUN = "from .sizes import SCALE\n\ndef fit(impl, case, steps, settings, data):\n    yield 1\n"
MEASURE = "from ..runs.q1 import SCALE\n\ndef fit(artefacts, context):\n    return SCALE\n"


def parted(toy: Assignment, **files: str) -> Assignment:
    """The toy with folders in place of `runs.py` and `measures.py`."""
    toy.runs.unlink()
    toy.measures.unlink()
    given = {"runs/sizes": HELPER, "runs/q1": RUN, "measures/q1": MEASURE}
    for name, text in (given | {k.replace("__", "/"): v for k, v in files.items()}).items():
        path = toy.folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return toy


def test_measures_read_our_copy_of_the_constants_of_a_run(toy_with_run: Assignment) -> None:
    toy = parted(toy_with_run)
    assert load_functions(toy, "measures")["fit"](None, None) == 2.0
    assert load_parts(toy, "runs").keys() == {"q1", "sizes"}
    (toy.runs / "sizes.py").write_text("SCALE = 30.0\n")
    assert load_functions(toy, "measures")["fit"](None, None) == 30.0


def test_single_files_read_them_too(toy_with_run: Assignment) -> None:
    text = toy_with_run.measures.read_text()
    toy_with_run.measures.write_text("from .runs import RATES\n" + text)
    (measures,) = load_parts(toy_with_run, "measures").values()
    assert measures.RATES == {"slow": 0.02, "fast": 0.05}


def test_a_run_takes_along_what_it_imports_and_nothing_else(toy_with_run: Assignment) -> None:
    assert sources_of(toy_with_run, "fit") == {"grader_runs": toy_with_run.runs.read_text()}
    toy = parted(toy_with_run, runs__q2="def other():\n    pass\n")
    assert sources_of(toy, "fit") == {
        "grader_runs": "",
        "grader_runs.sizes": HELPER,
        "grader_runs.q1": RUN,
    }


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"runs__q1": "def fitted():\n    pass\n"}, "there is no function fit, as the run"),
        ({"runs__q1": RUN.replace("sizes", "size")}, "q1.py imports .size: no such file"),
    ],
)
def test_what_is_missing_in_a_run_is_named(
    toy_with_run: Assignment, files: dict[str, str], words: str
) -> None:
    with pytest.raises(ReferenceFailed, match=words):
        sources_of(parted(toy_with_run, **files), "fit")


def test_two_functions_of_one_run_and_errors_in_a_file_are_named(
    toy_with_run: Assignment,
) -> None:
    toy = parted(toy_with_run, measures__q2="def fit():\n    pass\n")
    with pytest.raises(ReferenceFailed, match=r"both q1.py and q2.py have a function fit"):
        load_functions(toy, "measures")
    (toy.measures / "q2.py").write_text("import nosuch\n")
    with pytest.raises(ReferenceFailed, match=r"measures/q2.py cannot be imported: No module"):
        load_functions(toy, "measures")


def test_a_run_in_a_folder_trains_behind_the_wall(toy_with_run: Assignment, warm: Warm) -> None:
    text = toy_with_run.runs.read_text()
    whole = "RATES = {" + text.split("RATES = {")[1].split("}")[0] + "}\n"
    run = text.replace(whole, "from .rates import RATES\n")
    toy = parted(toy_with_run, runs__q1=run, runs__rates=whole)
    files = {"mean.py": textwrap.dedent("def mean(x):\n    return x.mean(dim=1)\n").encode()}
    trained = train(warm, toy, files, toy.run("fit"), "fast", "smoke", 3)
    assert trained.artefacts is not None and not trained.problem
