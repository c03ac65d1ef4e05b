"""Reads what students handed in, on the trusted side, without running any of it.

A submission flows through: `discover` (which paths hold a class), `people` (whose is what in it,
with `platforms`, how learning platforms name things), `folders` and `unpack` (entries,
read in memory under limits), `tree` (the files of one submission), `locate` (which file is which
of the assignment's) and `submission` (what goes behind the wall). A notebook becomes a module on
the way, in `notebooks`.
"""

from grader.intake.discover import find_submissions
from grader.intake.limits import IntakeError
from grader.intake.submission import Submission, read_submission
from grader.intake.tree import Candidate

__all__ = ["Candidate", "IntakeError", "Submission", "find_submissions", "read_submission"]
