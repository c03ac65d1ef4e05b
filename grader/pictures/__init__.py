"""Pictures of what runs leave, as the bytes of PNG files, for reports.

What comes from a student's run may be anything: numbers that are not finite, or of absurd size, or
all equal. Such values are left out and counted in a note below the picture; where nothing is left,
the picture is a sentence. Only arrays of a wrong shape are an error, which measures prevent.
"""

from grader.pictures.curves import curve
from grader.pictures.games import trajectory
from grader.pictures.grids import image_grid
from grader.pictures.passages import Passage, passages
from grader.pictures.planes import Panel, contours, density_map, scatter

__all__ = [
    "Panel",
    "Passage",
    "contours",
    "curve",
    "density_map",
    "image_grid",
    "passages",
    "scatter",
    "trajectory",
]
