"""What `grader audit` prints."""

from __future__ import annotations

import pytest
from rich.console import Console

from grader.audit.rates import ErrorRate
from grader.audit.rubbish import Kept
from grader.audit.runs import RunsAudit, RunVerdict
from grader.audit.verdict import Audit, Verdict
from grader.cli import app, auditing


def test_an_audit_is_readable_on_a_terminal_of_80(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rate = ErrorRate(
        check="test_b1_vae.py::test_noise_is_normal[large]", test="normal mean",
        effect="a mean that is off by 0.5 standard deviations", per_run=1.0, false_fail=1e-9,
        miss=1e-4, measured=31, failures=0, smallest_p=0.002, uniformity=0.4,
    )  # fmt: skip
    verdict = Verdict(
        name="noise_is_none", kind="mistake", replaces="vae.noise", question="b.1", lost={"b.1": 1},
        failed=["test_b1_vae.py::test_noise_is_normal[large]"], problems=[],
    )  # fmt: skip
    kept = Kept(
        name="standard_deviation_of_first", text="", share=0.123, dearest="b.1.10",
        dearest_share=0.2, passed=[], problems=["keeps 12.3% of the assignment"],
    )  # fmt: skip
    found = Audit(
        assignment="toy", assignment_digest="", secret_id="", submissions=3, asked=1,
        verdicts=[verdict], checks={rate.check: "b.1", "test_b1_vae.py::test_shape": "b.1"},
        weak_checks=[], uncovered=[], rates=[rate], rubbish=[kept], seconds=2.0,
    )  # fmt: skip
    for module in (app, auditing):
        monkeypatch.setattr(
            module, "console", Console(width=80, force_terminal=True, color_system=None)
        )
    auditing._show(found)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    for words in (
        "test_noise_is_normal[large]",
        "false-fail 1.0e-09",
        "smallest p 2.0e-03",
        "12.3%",
        "dearest",
        "1.00",
    ):
        assert words in said
    assert "1 mistakes, 0 variants, 2 checks (50% of them asked), 1 problems, 2 s" in said


def test_an_audit_of_runs_is_readable_on_a_terminal_of_80(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = [
        RunVerdict(
            name=f"{name} that has so long a name that it does not fit beside the others",
            kind="wrong run", run="flow_from_samples", kept=kept, keeps=0.5, lost=[],
            problems=problems,
        )
        for name, kept, problems in (("one", 0.625, ["keeps 62%"]), ("another", None, []))
    ]  # fmt: skip
    found = RunsAudit(
        assignment="toy", assignment_digest="", profile="smoke", verdicts=verdicts, seconds=2.0
    )  # fmt: skip
    narrow = Console(width=80, force_terminal=True, color_system=None)
    for module in (app, auditing):
        monkeypatch.setattr(module, "console", narrow)
    auditing._show_runs(found)
    said = capsys.readouterr().out
    for words in ("62%", "50%", "open", "2 runs, 1 without marks in this size", "1 problems"):
        assert words in said
    table = said[: said.index("wrong run one")]
    assert max(map(len, table.splitlines())) <= 80
