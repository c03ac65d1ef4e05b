"""Text as codes: Tiny Shakespeare, and the standard library's help topics in its place."""

from __future__ import annotations

from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

from grader.data.dataset import Array, DataError

TRAIN_SHARE = 0.9
MOST_BYTES = 2**26
REMEDY = "`grader data prepare` makes it anew"


def embedded() -> tuple[dict[str, Array], str]:
    """Splits and alphabet of the help topics of this Python: English prose, ASCII only.

    The topics change from one version of Python to the next, and so does the digest.
    """
    joined = "\n".join(text for _, text in sorted(topics.items()))
    return encode("".join(c for c in joined if c.isascii() and (c.isprintable() or c == "\n")))


def read(path: Path) -> tuple[dict[str, Array], str]:
    """Splits and alphabet of a plain text file.

    Raises:
        DataError: the file is missing, or is not plain ASCII text.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: is larger than the {MOST_BYTES} bytes that are read")
        text = path.read_bytes().decode("ascii")
    except FileNotFoundError:
        raise DataError(f"{path}: the file is not there; {REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error}); {REMEDY}") from None
    if len(text) < 2:
        raise DataError(f"{path}: holds no text; {REMEDY}")
    return encode(text)


def encode(text: str) -> tuple[dict[str, Array], str]:
    """Codes (N,) uint8 of the first nine tenths as `train`, of the rest as `valid`; the alphabet.

    A code is the place of the character in the alphabet, which is sorted.
    """
    characters = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    alphabet, codes = np.unique(characters, return_inverse=True)
    codes = codes.astype(np.uint8)
    cut = int(len(codes) * TRAIN_SHARE)
    return {"train": codes[:cut], "valid": codes[cut:]}, alphabet.tobytes().decode("ascii")
