"""What grading a submission yields: one `Result`, stored as JSON, read by reports and exports.

`grader schema` prints the JSON schema of this model. Marks are in the assignment's own marks,
times in seconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from grader.assignment import REHEARSALS, Kind, ProfileName

SCHEMA_VERSION = 1

Outcome = Literal["passed", "failed", "not_graded"]
Status = Literal["graded", "unreadable", "not_graded"]
Ending = Literal["returned", "raised", "hung", "crashed"]
RunStatus = Literal["finished", "failed", "absent", "not_graded"]
Platform = Literal["moodle", "canvas", "blackboard", "brightspace", "gradescope"]


class Record(BaseModel):
    """A part of the result; unknown keys are errors so that schema drift is noticed."""

    model_config = ConfigDict(extra="forbid")


class Hint(Record):
    """A catalogued misconception whose output equals this submission's."""

    mistake: str = Field(description="name of the catalogued mistake")
    text: str = Field(description="what the student is told")


class Statistic(Record):
    """What a statistical test found; see grader.suite.stats."""

    test: str
    passed: bool
    p_value: float | None = Field(description="chance of a right answer this far out; null: NaN")
    false_fail: float = Field(description="rate of failing a right answer")
    miss: float = Field(description="rate of passing an answer that is wrong by `effect`")
    effect: str
    exact: bool = Field(description="whether p is uniform for a right answer, or larger")
    detail: str

    @field_validator("p_value", mode="before")
    @classmethod
    def _no_nan(cls, value: float) -> float | None:
        return None if value != value else value


class Check(Record):
    """One test of the hidden suite, as it went for one submission."""

    id: str = Field(description="pytest node id inside the suite, unique in a result")
    question: str
    title: str = Field(description="the test's name as a sentence")
    reason: str = Field(description="why the test exists: its docstring")
    outcome: Outcome
    weight: float = Field(gt=0, description="share of the question's marks, relative")
    marks: float = Field(ge=0, description="marks that this check is worth")
    awarded: float = Field(ge=0)
    rationale: str = Field("", description="what was wrong; safe to show to the student")
    help: str = Field("", description="what to look at; safe to show to the student")
    detail: str = Field("", description="inputs, expected and actual values; for the TA only")
    hints: list[Hint] = []
    statistics: list[Statistic] = Field([], description="for the TA and the audit")
    ending: Ending = Field(
        "returned",
        description="how the submission's code came back: 'hung' when it ran out of time, "
        "'crashed' when its process died (a signal, memory, a flood of output)",
    )
    seconds: float = Field(0.0, ge=0)


class Environment(Record):
    """What the marks depend on besides the submission."""

    wall: str = Field(description="'bubblewrap', 'landlock' or 'none'")
    python: str
    torch: str
    numpy: str
    cpu: str = Field(description="what torch computes with: AVX2, say, or AVX2 and CUDA")
    threads: int


class Figure(Record):
    """A figure that was measured on a run's artefacts, and how it was judged."""

    measure: str = Field(description="name of the measure in assignment.toml")
    title: str
    unit: str
    question: str | None = Field(
        description="the question it counts towards; null: it is only shown"
    )
    value: float | None = Field(description="null: it cannot be had, and `note` says why")
    standard_error: float = Field(0.0, ge=0, description="of measuring, given the artefacts")
    n: int = Field(0, description="how many images, tokens or points it was measured on")
    note: str = ""
    claim: float | None = Field(None, description="what the submission itself says")
    claim_is_borne_out: bool | None = None
    weight: float = Field(gt=0)
    share: float | None = Field(None, description="earned share of its marks; null: no threshold")
    judgement: str = Field("", description="the threshold, the interval and what follows")
    threshold: float | None = None
    within: float | None = Field(
        None, description="how far from the threshold is right, where the figure is to be near it"
    )
    interval: tuple[float, float] | None = None


class Picture(Record):
    """A picture drawn from a run's artefacts."""

    title: str
    file: str = Field(description="path relative to the output folder")
    alternative: str = Field("", description="what it shows, in words")


class RunResult(Record):
    """One case of a run, as it went for one submission."""

    run: str
    case: str = Field(description="empty where the run has a single one")
    title: str
    profile: ProfileName
    origin: Literal["trained", "submitted"]
    status: RunStatus
    problem: str = Field("", description="why there are no figures; safe to show to the student")
    detail: str = Field("", description="for the TA only")
    steps: int = Field(0, description="steps that were made")
    seconds: float = Field(0.0, ge=0, description="processor time of the training")
    measured_seconds: float = Field(0.0, ge=0)
    seed: int = 0
    data: list[str] = Field([], description="which data it was trained and measured on")
    key: str = Field("", description="digest of everything that the artefacts depend on")
    figures: list[Figure] = []
    pictures: list[Picture] = []
    environment: Environment | None = None


class QuestionMark(Record):
    """What a question earned; `awarded` is null while it is not decided."""

    id: str
    title: str
    kind: Kind
    marks: float
    awarded: float | None
    rehearsed: float | None = Field(
        None, description="what a rehearsal of its training runs would have given: not marks"
    )
    note: str = Field("", description="why it is not graded, or who marks it")


class TakenFile(Record):
    """Which of the submission's files stands for a file of the assignment."""

    name: str = Field(description="module name, as tests call it")
    taken: str | None = Field(description="path inside the submission; null when none was found")
    others: list[str] = Field([], description="other candidates that were not taken")


class Excerpt(Record):
    """The student's own definition of a contract, as it was graded."""

    contract: str
    file: str = Field(description="path inside the submission")
    first: int = Field(description="line of the module that was graded, from 1")
    last: int
    text: str = Field(description="cut where it is very long")


class RuleFinding(Record):
    """Whether a rule that the course has for notebooks is kept; it costs no marks."""

    rule: str
    kept: bool
    detail: str = Field("", description="where it is not kept; safe to show to the student")


class Handed(Record):
    """What a learning platform's names say about a submission."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Platform
    person: str = Field("", description="the platform's id of the person; empty for a team")
    name: str = Field(description="the person or team, as the platform writes it")
    team: bool = False
    late: bool | None = Field(None, description="whether it came late; null: the names do not tell")
    attempt: str = Field("", description="when or which, as the platform writes it")
    attachments: tuple[str, ...] = Field((), description="the platform's ids of the files")
    entries: tuple[str, ...] = Field((), description="the names in the platform's download")


class Result(Record):
    """Everything about one submission."""

    schema_version: int = SCHEMA_VERSION
    assignment: str
    assignment_digest: str
    secret_id: str = Field(description="tells secrets apart without giving one away")
    harness: str = Field("", description="version of the harness, with a digest of its sources")
    submission: str = Field(description="id of the submission, unique in the batch")
    name: str = Field("", description="whose it is, to be shown: in any script, not unique")
    handed: Handed | None = Field(None, description="null where no platform named it")
    given_last: bool = Field(True, description="whether it was in the class that was given last")
    source: str = Field(description="the path that was given")
    source_digest: str = Field(description="SHA-256 of what was handed in")
    status: Status
    problem: str = Field("", description="why it could not be read or graded")
    notes: list[str] = Field(
        [], description="what intake noticed, e.g. files that were ignored; the student reads it"
    )
    concerns: list[str] = Field([], description="what somebody should look at; for the TA only")
    files: list[TakenFile] = []
    rules: list[RuleFinding] = Field([], description="empty where no notebook was handed in")
    questions: list[QuestionMark]
    checks: list[Check] = []
    code: list[Excerpt] = Field([], description="what was graded; for the TA only")
    runs: list[RunResult] = []
    output: str = Field("", description="what the code printed, cut to the limit; for the TA only")
    environment: Environment | None = None
    graded_at: str = Field(description="ISO 8601, UTC")
    seconds: float = Field(ge=0, description="wall time of grading")

    @property
    def who(self) -> str:
        """Whose it is, to be shown; the id where no name is known."""
        return self.name or self.submission

    @property
    def awarded(self) -> float:
        """Sum of the marks that are decided."""
        return sum(q.awarded for q in self.questions if q.awarded is not None)

    @property
    def decided_marks(self) -> float:
        """Marks that could be earned in the questions that are decided."""
        return sum(q.marks for q in self.questions if q.awarded is not None)

    @property
    def total_marks(self) -> float:
        return sum(q.marks for q in self.questions)

    @property
    def rehearsal(self) -> str:
        """A sentence for beside the total, where questions were only rehearsed; else empty."""
        only = [q for q in self.questions if q.rehearsed is not None]
        if not only:
            return ""
        sizes = " and ".join(sorted({r.profile for r in self.runs if r.profile in REHEARSALS}))
        return f"rehearsal in size {sizes}: not marks ({', '.join(q.id for q in only)})"

    def as_if_marked(self) -> Result:
        """The same, with what a rehearsal gave as marks: for whoever asks for it by name."""
        questions = [
            q if q.rehearsed is None else q.model_copy(update={"awarded": q.rehearsed})
            for q in self.questions
        ]
        return self.model_copy(update={"questions": questions})
