"""One case of a run for one submission: cached, trained or handed in, then measured."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import grader
from grader.assignment import Assignment, Profile, ProfileName, Run
from grader.intake import Submission
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import MeasureError
from grader.results import Environment, Picture, RunResult
from grader.runs.artefacts import Artefacts
from grader.runs.loading import files_of
from grader.runs.measuring import Measurer
from grader.runs.submitted import NothingSubmittedError, find_submitted
from grader.runs.train import Tell, seed_of, train
from grader.suite.local import ReferenceFailed
from grader.wall.warm_handle import Warm

RESULT = "result.json"
TRAINED = "trained.json"
HERE = Path(grader.__file__).parent
# The code that decides figures.
OF_FIGURES = ("measures/*.py", "subjects/*.py", "runs/left.py")


class Executor:
    """Executes runs in a slot.

    Args:
        assignment: whose runs.
        profile: in which size; of what was handed in, the size in which it is judged.
        out: the output folder; artefacts go to `artefacts/` in it.
        data: the folder of real data sets; None: the embedded ones.
        warm: the warm process, with the data mounted that the runs need.
    """

    def __init__(
        self,
        assignment: Assignment,
        profile: ProfileName,
        out: Path,
        data: Path | None,
        warm: Warm,
    ) -> None:
        self._assignment = assignment
        self._profile: ProfileName = profile
        self._out = out
        self._warm = warm
        self._measured_by = _measured_by(assignment)
        # Runs of submissions of which one case hung: the others would cost as much again.
        self._hung: set[tuple[str, str]] = set()
        self._measurer = Measurer(assignment, profile, data)

    def execute(
        self, submission: Submission, run_id: str, case: str, secret: str, *, tell: Tell
    ) -> RunResult:
        """Train, unless that was done, and measure.

        Raises:
            WallError, ReferenceFailed: a fault of the harness or the machine.
        """
        run = self._assignment.run(run_id)
        size = run.profiles[self._profile]
        seed = seed_of(run, case, secret, submission.id)
        key = self._key(submission.digest, run, case, seed)
        folder = self._out / "artefacts" / key
        known = self._known(folder)
        if known is not None:
            return known
        blank = self._blank(run, case, seed, key, "trained")
        if (before := _trained_before(folder)) is not None:
            told, artefacts = before
            return self._measure(run, size, folder, blank.model_copy(update=told), artefacts)
        if (submission.digest, run.id) in self._hung:
            update = {"status": "failed", "problem": "not tried: another case of this run hung"}
            return blank.model_copy(update=update)
        self._warm.start()
        trained = train(
            self._warm,
            self._assignment,
            submission.files,
            run,
            case,
            self._profile,
            seed,
            tell,
            submission.modules,
            submission.definitions_of,
        )
        if trained.hung:
            self._hung.add((submission.digest, run.id))
        told = {"steps": trained.steps, "seconds": trained.seconds}
        if trained.artefacts is None:
            failed = {"status": "failed", "problem": trained.problem, "detail": trained.detail}
            folder.mkdir(parents=True, exist_ok=True)
            return self._keep(folder, blank.model_copy(update=told | failed))
        trained.artefacts.save(folder)
        (folder / TRAINED).write_text(json.dumps(told), encoding="utf-8")
        return self._measure(run, size, folder, blank.model_copy(update=told), trained.artefacts)

    def submitted(self, submission: Submission, run_id: str, case: str, secret: str) -> RunResult:
        """Measure what a student handed in, without training anything.

        Raises:
            ReferenceFailed: the assignment's own code failed.
        """
        run = self._assignment.run(run_id)
        seed = seed_of(run, case, secret, submission.id)
        key = self._key(submission.digest, run, case, seed, "submitted")
        folder = self._out / "artefacts" / key
        known = self._known(folder)
        if known is not None:
            return known
        blank = self._blank(run, case, seed, key, "submitted")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            found = find_submitted(submission, run, case)
        except ArtefactError as error:
            absent = isinstance(error, NothingSubmittedError)
            update = {"status": "absent" if absent else "failed", "problem": str(error)}
            return self._keep(folder, blank.model_copy(update=update))
        return self._measure(run, run.profiles[self._profile], folder, blank, found.artefacts)

    def _measure(
        self, run: Run, size: Profile, folder: Path, result: RunResult, artefacts: Artefacts
    ) -> RunResult:
        started = time.process_time()
        context = self._measurer.context(run, result.case, result.seed)
        try:
            measured = self._measurer.measure(run, artefacts, context)
            figures = self._measurer.figures(run, measured)
        except (ArtefactError, MeasureError) as error:
            return self._keep(
                folder, result.model_copy(update={"status": "failed", "problem": str(error)})
            )
        except Exception as error:
            # Whatever a submission left, a measure has to cope with it.
            raise ReferenceFailed(
                f"{self._assignment.measures}: {run.id} failed on {result.title}: "
                f"{type(error).__name__}: {error}"
            ) from error
        (folder / "pictures").mkdir(exist_ok=True)
        pictures = []
        for drawing in measured.drawings:
            path = folder / "pictures" / f"{drawing.name}.png"
            path.write_bytes(drawing.png)
            pictures.append(
                Picture(
                    title=drawing.title,
                    file=path.relative_to(self._out).as_posix(),
                    alternative=drawing.alternative,
                )
            )
        return self._keep(
            folder,
            result.model_copy(
                update={
                    "figures": figures,
                    "pictures": pictures,
                    "data": [self._measurer.data_set(name, size).description for name in run.data],
                    "measured_seconds": time.process_time() - started,
                }
            ),
        )

    def _blank(self, run: Run, case: str, seed: int, key: str, origin: str) -> RunResult:
        return RunResult.model_validate(
            {
                "run": run.id,
                "case": case,
                "title": f"{run.title}: {case}" if case else run.title,
                "profile": self._profile,
                "origin": origin,
                "status": "finished",
                "seed": seed,
                "key": key,
                "environment": Environment(wall=self._warm.wall, **self._warm.environment),
            }
        )

    def _known(self, folder: Path) -> RunResult | None:
        """The result of an earlier batch, if nothing that decides its figures has changed."""
        try:
            stored = json.loads((folder / RESULT).read_text(encoding="utf-8"))
            if stored["measured_by"] == self._measured_by:
                known = RunResult.model_validate(stored["result"])
                # Two profiles of one size share their artefacts.
                return known.model_copy(update={"profile": self._profile})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None

    def _keep(self, folder: Path, result: RunResult) -> RunResult:
        content = {"measured_by": self._measured_by, "result": result.model_dump(mode="json")}
        temporary = folder / "result.tmp"
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        temporary.replace(folder / RESULT)
        return result

    def _key(self, submission: str, run: Run, case: str, seed: int, origin: str = "trained") -> str:
        """Digest of everything that artefacts depend on."""
        size = run.profiles[self._profile]
        given = [self._assignment.reference / name for name in self._assignment.description.given]
        code = [*files_of(self._assignment.runs), self._assignment.adapters, *given]
        depends = {
            "submission": submission,
            "origin": origin,
            "code": _digest_of(code),
            "data": [self._measurer.data_set(name, size).digest for name in run.data],
            "run": run.id,
            "case": case,
            "seed": seed,
            "size": size.model_dump(mode="json", include={"steps", "settings"}),
            "environment": self._warm.environment,
        }
        text = json.dumps(depends, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _trained_before(folder: Path) -> tuple[dict[str, float], Artefacts] | None:
    """What an earlier training told and left; None where there was none, or it is damaged."""
    try:
        told = json.loads((folder / TRAINED).read_text(encoding="utf-8"))
        return {"steps": int(told["steps"]), "seconds": float(told["seconds"])}, Artefacts.load(
            folder
        )
    except (OSError, ValueError, KeyError, TypeError, ArtefactError):
        return None


def _measured_by(assignment: Assignment) -> str:
    """Digest of what figures depend on besides artefacts, and failures besides the functions.

    The description has the limits under which a run failed, and what its measures are called.
    """
    reference = sorted(assignment.reference.glob("*.py"))
    own = [*files_of(assignment.measures), *files_of(assignment.runs)]
    ours = [file for pattern in OF_FIGURES for file in sorted(HERE.glob(pattern))]
    return _digest_of([assignment.folder / "assignment.toml", *own, *reference, *ours])


def _digest_of(paths: list[Path]) -> str:
    sha = hashlib.sha256()
    for path in paths:
        sha.update(os.fsencode(path.name) + b"\0")
        if path.exists():
            sha.update(hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()
