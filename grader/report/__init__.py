"""Web pages about a graded class: one per student, one per submission for the TA, one for all.

Every page is one file without scripts from elsewhere, fonts or images, so that it can be mailed,
put on a course page or printed.
"""

from grader.report.write import (
    ReportPaths,
    write_class_report,
    write_reports,
    write_student_report,
    write_ta_report,
)

__all__ = [
    "ReportPaths",
    "write_class_report",
    "write_reports",
    "write_student_report",
    "write_ta_report",
]
