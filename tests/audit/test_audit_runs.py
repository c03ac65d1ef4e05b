"""The audit notices thresholds that pay for wrong runs, and those that right ones miss."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.audit.runs import RunVerdict, audit_runs
from grader.wall import isolation
from tests.conftest import write_tree

ENTRIES = {
    "wrong_runs/q1.py": '''
        """Wrong runs of the toy."""

        from grader.catalogue import WrongRuns

        slips = WrongRuns("fit", keeps=0.5)
        slips.catalogued("mean_is_a_sum")
    ''',
    "wrong_runs/q1_artefacts.py": '''
        """Points that nothing was trained for."""

        import numpy as np

        from grader.catalogue import WrongRuns
        from grader.runs.artefacts import Artefacts

        made = WrongRuns("fit", keeps=0.05)


        @made
        def far_away(context):
            """A point that is far from everything."""
            return Artefacts(weights={"fit": {"at": np.full(2, 1e3)}})


        @made
        def given_away(context):
            """The mean itself, which nothing was trained for."""
            at = context.data("planar_arcs").arrays["points"].mean(axis=0)
            path = np.zeros((context.steps, 2))
            return Artefacts(weights={"fit": {"at": at}}, arrays={"path": path})


        @made
        def of_another_shape(context):
            """Weights of another configuration."""
            return Artefacts(weights={"fit": {"at": np.zeros(3)}})
    ''',
    "right_runs/q1.py": '''
        """Right runs of the toy."""

        from grader.catalogue import RightRuns

        styles = RightRuns("fit")
        styles.catalogued("mean_of_the_library")
    ''',
}
THRESHOLDS = """profile,run,case,measure,mean,sd,n,trivial,reaches,error
smoke,fit,slow,distance,0.1,0.05,5,,,
smoke,fit,fast,distance,0.1,0.05,5,,,
smoke,fit,slow,score,-0.1,0.05,5,,,
smoke,fit,fast,score,-0.1,0.05,5,,,
"""


@pytest.fixture
def audited(toy_with_run: Assignment, tmp_path: Path) -> dict[str, RunVerdict]:
    write_tree(toy_with_run.folder, ENTRIES)
    toy_with_run.thresholds.write_text(THRESHOLDS)
    found = audit_runs(
        toy_with_run,
        profile="smoke",
        wall=isolation.choose(),
        jobs=1,
        out=tmp_path / "out",
        secret="s",
    )
    assert found.problems == [
        f"{v.kind} {v.name}: {problem}" for v in found.verdicts for problem in v.problems
    ]
    return {verdict.name: verdict for verdict in found.verdicts}


def test_each_kind_is_held_against_what_it_may_keep(audited: dict[str, RunVerdict]) -> None:
    assert audited.keys() == {
        "reference",
        "mean_is_a_sum",
        "far_away",
        "given_away",
        "of_another_shape",
        "mean_of_the_library",
    }
    for name in ("reference", "mean_of_the_library"):
        assert (audited[name].kept, audited[name].problems) == (1.0, [])
    for name in ("far_away", "of_another_shape"):
        assert (audited[name].kept, audited[name].problems) == (0.0, [])
    assert "(3,)" in audited["of_another_shape"].lost[0]
    # Its path has as many points as any: that it keeps.
    slip = audited["mean_is_a_sum"]
    assert slip.kept is not None and 0.2 < slip.kept <= slip.keeps and slip.problems == []
    assert any("not reached" in judgement for judgement in slip.lost)
    given = audited["given_away"]
    assert given.kept == 1.0 and given.keeps == 0.05
    assert given.problems == ["keeps 100% of the marks of run fit; it may keep 5%"]
