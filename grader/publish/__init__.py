"""Makes the template that students start from, out of the reference and the assignment.

`skeleton` cuts the solutions out, `contents` puts the files together, and `publish` writes them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment
from grader.publish.contents import functions_to_write, template_files
from grader.publish.gradescope import SCRIPTS, autograder_files
from grader.publish.skeleton import PublishError

__all__ = ["Format", "PublishError", "functions_to_write", "publish", "template_files"]

Format = Literal["dir", "zip", "notebook", "gradescope"]

# The first moment that a zip can hold; a template must not depend on when it was made.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def publish(
    assignment: Assignment,
    destination: Path,
    format: Format = "dir",
    force: bool = False,
    secret: str | None = None,
) -> list[Path]:
    """Write the assignment's template.

    Args:
        assignment: what to publish.
        destination: the folder that becomes the template. For a zip, the file to write, or a
            folder in which it is called as the assignment.
        format: "dir", "zip", or "notebook": a folder in which the files to fill in are notebooks.
            "gradescope": no template, but the zip of an autograder, which holds the answers.
        force: write into a folder that is not empty, or over a zip. Files of the template are
            replaced; nothing else is touched or removed.
        secret: of an autograder; by default a new one.

    Returns:
        The files that were written, sorted.

    Raises:
        PublishError: the template cannot be made, or something is in the way. Nothing has been
            written then.
    """
    if format == "gradescope":
        files = autograder_files(assignment, secret)
    else:
        files = template_files(assignment, notebooks=format == "notebook")
    try:
        if format == "gradescope":
            return [_write_zip(files, f"{assignment.name}-autograder", "", destination, force)]
        if format == "zip":
            name = assignment.name
            return [_write_zip(files, name, f"{name}/", destination, force)]
        return _write_folder(files, destination, force)
    except OSError as error:
        raise PublishError(f"{error.filename}: cannot be written: {error.strerror}") from None


def _write_folder(files: Mapping[str, bytes], destination: Path, force: bool) -> list[Path]:
    if destination.exists() and not destination.is_dir():
        raise PublishError(f"{destination}: is a file; name a folder for the template")
    if not force and destination.exists() and any(destination.iterdir()):
        raise PublishError(
            f"{destination}: is not empty; name another folder, or use --force to replace the "
            "template's files in it"
        )
    written = []
    for path, content in files.items():
        target = destination / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written.append(target)
    return written


def _write_zip(
    files: Mapping[str, bytes], name: str, prefix: str, destination: Path, force: bool
) -> Path:
    """One zip; `name` is its own where `destination` is a folder, `prefix` that of its members."""
    target = destination if destination.suffix == ".zip" else destination / f"{name}.zip"
    if target.is_dir() or (target.exists() and not force):
        raise PublishError(f"{target}: is there already; name another file, or use --force")
    buffer = io.BytesIO()
    # Stored, not deflated: versions of zlib differ in what they make of the same bytes.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            member = zipfile.ZipInfo(f"{prefix}{path}", _ZIP_TIME)
            member.create_system = 3  # on every system as on Unix
            member.external_attr = (0o755 if path in SCRIPTS else 0o644) << 16
            archive.writestr(member, content)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(buffer.getvalue())
    return target
