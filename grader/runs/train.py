"""Trains one case of a run behind the wall, in slices, so that its progress can be seen.

The budget is counted in steps; the seconds are a limit, of processor time, so that a busy machine
costs nobody a mark.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.assignment import Assignment, Limits, ProfileName, Run
from grader.measures.artefacts import ArtefactError
from grader.runs.artefacts import Artefacts
from grader.runs.loading import sources_of
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import Otherwise, Remote, nothing_else
from grader.wall.warm_handle import Warm
from grader.wall.watch import PATIENCE, OwnTime

SLICE_SECONDS = 1.0
# Of its seconds a run may spend this share doing nothing; a disk may be slow.
MOST_IDLE = 0.5
# Making ready, which loads data, may take this long.
START_SECONDS = 60.0
# Digits in the name of a submission that are taken for the student's number.
STUDENT_NUMBER = re.compile(r"\d{5,}")

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Trained:
    """How a training ended: with artefacts, or with the reason why there are none."""

    artefacts: Artefacts | None
    steps: int
    seconds: float
    problem: str = ""
    detail: str = ""
    hung: bool = False


def seed_of(run: Run, case: str, secret: str, submission: str) -> int:
    """The seed of a run, below 2^31.

    Drawn from the course's secret, so that nobody can look for a lucky one; or the student's
    number where the assignment asks for that (its digits in the submission's name, else a digest
    of the name).
    """
    if run.seed == "student":
        number = STUDENT_NUMBER.search(submission)
        if number:
            return int(number[0]) % 2**31
        return _digest("student", submission)
    return _digest(secret, submission, run.id, case)


def _digest(*parts: str) -> int:
    sha = hashlib.sha256("\0".join(parts).encode()).digest()
    return int.from_bytes(sha[:4], "big") % 2**31


def train(
    warm: Warm,
    assignment: Assignment,
    files: Mapping[str, bytes],
    run: Run,
    case: str,
    profile: ProfileName,
    seed: int,
    tell: Tell = lambda step, steps: None,
    places: Mapping[str, str] | None = None,
    otherwise: Otherwise = nothing_else,
) -> Trained:
    """Train with a submission's functions.

    Args:
        warm: the warm process; its data folders must hold what the run needs.
        assignment: whose `runs`.
        files: the submission's files.
        run, case, profile: what to train, in which size.
        seed: of all sources of random numbers behind the wall.
        tell: is told of progress, about once a second.
        places, otherwise: see `Remote`.

    Raises:
        WallError, ReferenceFailed: a fault of the harness or the machine.
    """
    size = run.profiles[profile]
    limits = _limits(assignment.description.limits, run, size.seconds)
    remote = Remote(warm, assignment, files, limits, run.modules, places, otherwise)
    started = time.monotonic()
    step, seconds = 0, 0.0
    try:
        for module in run.modules:
            remote.require(module)
        arguments = {
            "case": case,
            "steps": size.steps,
            "settings": {k: _plain(v) for k, v in size.settings.items()},
            "data": {k: v for k, v in warm.data_inside().items() if k in run.data},
        }
        sources = sources_of(assignment, run.id)
        start = {"op": "start", "target": run.id, "sources": sources, "kwargs": arguments}
        remote.exchange({**start, "seed": seed}, START_SECONDS, run.title)
        own = OwnTime(warm.family)
        while True:
            patience = SLICE_SECONDS + size.step_seconds
            advance = {"op": "advance", "seconds": SLICE_SECONDS}
            reply = remote.exchange(advance, patience, _onward(step, size.steps))
            seconds = max(seconds, warm.family.cell_usage())
            done, value = _reply(reply)
            if done:
                return Trained(Artefacts.from_plain(value), size.steps, seconds)
            step = min(max(step, value), size.steps)
            tell(step, size.steps)
            waited = time.monotonic() - started
            idle = own.idle() > MOST_IDLE * size.seconds
            if seconds > size.seconds or idle or waited > PATIENCE * size.seconds:
                return Trained(
                    None,
                    step,
                    seconds,
                    f"stopped at step {step} of {size.steps}, after {seconds:.0f} s of processor "
                    f"time and {waited:.0f} s in all; {size.seconds:g} s of processor time are "
                    "allowed: these functions take much longer than they should",
                    hung=idle,
                )
    except SubmissionFailed as failure:
        hung = failure.ending == "hung"
        return Trained(None, step, seconds, str(failure), failure.detail, hung)
    except ArtefactError as failure:
        return Trained(None, step, seconds, f"after step {step}: {failure}")
    finally:
        remote.close()


def _limits(limits: Limits, run: Run, seconds: float) -> Limits:
    return limits.model_copy(
        update={
            "question_seconds": seconds + START_SECONDS,
            "memory_mib": max(limits.memory_mib, run.memory_mib),
            "reply_mib": max(limits.reply_mib, run.reply_mib),
        }
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _reply(reply: Any) -> tuple[bool, Any]:
    """Whether it is done, and the artefacts or the step; what the student's side says is theirs."""
    if isinstance(reply, dict) and reply.get("done") is True:
        return True, reply.get("artefacts")
    step = reply.get("progress") if isinstance(reply, dict) else None
    return False, step if isinstance(step, int) else 0


def _onward(step: int, steps: int) -> str:
    """What is asked of the submission, for messages to the student."""
    return f"training after step {step} of {steps}" if step else f"training for {steps} steps"
