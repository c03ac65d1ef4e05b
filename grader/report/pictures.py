"""Puts pictures of runs into a page: PNG files as data URIs, so that the page is one file.

A page must stay small enough to be mailed. If its pictures take more than `MOST_BYTES`, those after
the first `LARGE` are made smaller; what then still does not fit is replaced by a sentence.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from grader.results import Picture

# A data URI takes four bytes for three.
MOST_BYTES = 2_100_000
MOST_OF_ONE = 500_000
LARGE = 12
SMALL_WIDTH = 480
SMALL_COLOURS = 64
# Pictures of runs are drawn with so many pixels for each pixel of a page.
DENSITY = 1.5

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MISSING = "This picture could not be found."
DAMAGED = "This picture is damaged."
TOO_LARGE = "This picture is left out, to keep the page small."


@dataclass(frozen=True)
class PictureView:
    """A picture as a page shows it.

    Attributes:
        source: a data URI; empty where `problem` says why there is no picture.
        width: in pixels of the page, before anything shrinks it.
        height: likewise.
    """

    title: str
    alternative: str
    source: Markup
    width: int
    height: int
    problem: str = ""


class Pictures:
    """The pictures of one page, read once.

    Args:
        folder: what the pictures' paths are relative to.
        shown: in the order of the page.
    """

    def __init__(self, folder: Path, shown: Iterable[Picture]) -> None:
        self._views: dict[str, PictureView] = {}
        files = {picture.file: (picture, _read(folder, picture.file)) for picture in shown}
        total = sum(len(data) for _, data in files.values() if isinstance(data, bytes))
        left = MOST_BYTES
        for number, (file, (picture, data)) in enumerate(files.items()):
            if isinstance(data, bytes) and total > MOST_BYTES and number >= LARGE:
                data = _smaller(data)
            if isinstance(data, bytes) and len(data) > left:
                data = TOO_LARGE
            left -= len(data) if isinstance(data, bytes) else 0
            self._views[file] = _view(picture, data)

    def of(self, pictures: Iterable[Picture]) -> tuple[PictureView, ...]:
        """The views of some of the pictures."""
        return tuple(self._views[picture.file] for picture in pictures)


def _read(folder: Path, file: str) -> bytes | str:
    """The bytes of a PNG file inside the folder, or a sentence about why there are none."""
    path = folder / file
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return MISSING
        if path.stat().st_size > MOST_OF_ONE:
            return TOO_LARGE
        data = path.read_bytes()
    except (OSError, ValueError):
        return MISSING
    return data if data.startswith(_SIGNATURE + b"\0\0\0\rIHDR") and len(data) > 33 else DAMAGED


def _view(picture: Picture, data: bytes | str) -> PictureView:
    if isinstance(data, str):
        return PictureView(picture.title, picture.alternative, Markup(), 0, 0, data)
    width, height = struct.unpack(">II", data[16:24])
    return PictureView(
        title=picture.title,
        alternative=picture.alternative,
        source=Markup("data:image/png;base64," + base64.b64encode(data).decode()),
        width=round(width / DENSITY),
        height=round(height / DENSITY),
    )


def _smaller(data: bytes) -> bytes | str:
    """The picture with fewer pixels and colours."""
    # Importing Pillow takes a while, and most pages need none of it.
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return DAMAGED
    picture.thumbnail((SMALL_WIDTH, 4 * SMALL_WIDTH))
    target = io.BytesIO()
    colours = picture.quantize(SMALL_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours.save(target, format="PNG", optimize=True)
    return min(data, target.getvalue(), key=len)
