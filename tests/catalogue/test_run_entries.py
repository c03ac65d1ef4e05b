"""Wrong and right runs are read from their folders, or refused with a reason."""

from __future__ import annotations

import pytest

from grader.assignment import Assignment
from grader.catalogue import CatalogueError, RunEntry, read_runs

HEAD = "from grader.catalogue import WrongRuns\n\n"
FUNCTION = '\n@slips\ndef f(x):\n    """A hint."""\n    return x\n'


def read(toy: Assignment, text: str, folder: str = "wrong_runs") -> dict[str, RunEntry]:
    (toy.folder / folder).mkdir(exist_ok=True)
    (toy.folder / folder / "q1.py").write_text(text)
    return {entry.name: entry for entry in read_runs(toy)}


def test_an_entry_changes_a_contract_is_catalogued_or_makes_artefacts(
    toy_with_run: Assignment,
) -> None:
    text = (
        "slips = WrongRuns('fit', 'mean.mean', keeps=0.25)\n"
        f"{FUNCTION}\n"
        "slips.edit('g', 'x.sum(1)', 'x.sum(0)', 'Another hint.')\n"
        "known = WrongRuns('fit', keeps=0)\n"
        "known.catalogued('mean_is_a_sum')\n"
    )
    found = read(toy_with_run, HEAD + text)
    assert list(found) == ["f", "g", "mean_is_a_sum"]
    assert [(e.kind, e.run, e.keeps) for e in found.values()] == [
        ("wrong run", "fit", 0.25),
        ("wrong run", "fit", 0.25),
        ("wrong run", "fit", 0.0),
    ]
    assert found["f"].text == "A hint."
    assert all(entry.changed is not None for entry in found.values())
    # Where it was named, not where the mistake stands.
    assert found["mean_is_a_sum"].place == f"{toy_with_run.wrong_runs / 'q1.py'}:12"
    made = read(toy_with_run, HEAD + "slips = WrongRuns('fit', keeps=0.1)\n" + FUNCTION)
    assert list(made) == ["f"] and made["f"].changed is None
    right = "from grader.catalogue import RightRuns\n\nstyles = RightRuns('fit')\n"
    both = read(toy_with_run, f"{right}styles.catalogued('mean_of_the_library')\n", "right_runs")
    assert (both["mean_of_the_library"].kind, both["mean_of_the_library"].keeps) == (
        "right run",
        1.0,
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slips = WrongRuns('fit', 'mean.mean')\n", r"WrongRuns takes the run.*keeps, from 0"),
        ("slips = WrongRuns('fit', keeps=1)\n", r"keeps, from 0 to below 1"),
        ("slips = WrongRuns(keeps=0.5)\n", "WrongRuns takes the run"),
        ("slips = WrongRuns('fit', 'a.b', 'test_c', keeps=0.5)\n", "WrongRuns takes the run"),
        ("slips = WrongRuns('fi', keeps=0.5)\n" + FUNCTION, "no run 'fi'; there are fit"),
        (
            "slips = WrongRuns('fit', 'mean.median', keeps=0.5)\n" + FUNCTION,
            "no question .* has the contract",
        ),
        (
            "slips = WrongRuns('fit', keeps=0.5)\nslips.catalogued('mean_of_the_library')\n",
            "has no mistake 'mean_of_the_library'",
        ),
        (
            "slips = WrongRuns('fit', keeps=0.5)\n"
            "slips.catalogued('mean_is_a_sum', 'mean_is_a_sum')\n",
            "mean_is_a_sum is in .* already",
        ),
        (
            "slips = WrongRuns('fit', 'mean.mean', keeps=0.5)\nmade = WrongRuns('fit', keeps=0)\n"
            + FUNCTION
            + FUNCTION.replace("slips", "made").replace(" f(", " g("),
            "have a file of their own",
        ),
    ],
)
def test_what_is_malformed_is_refused(toy_with_run: Assignment, text: str, told: str) -> None:
    with pytest.raises(CatalogueError, match=told):
        read(toy_with_run, HEAD + text)
