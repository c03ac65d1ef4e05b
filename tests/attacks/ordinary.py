"""Runs a command as an ordinary user: `python -m tests.attacks.ordinary UID COMMAND...` as root.

Python may lie in a folder of root's that others cannot enter (pyenv in `/root`, say). Then that
folder is made enterable in a mount namespace of this process alone, with nothing else in it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from grader.wall.behind import kernel

MS_BIND, MS_REC = 0x1000, 0x4000


def main() -> None:
    """Become the user and the command."""
    uid, command = int(sys.argv[1]), sys.argv[2:]
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC_PRIVATE)
    needed = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, sys.executable)}
    needed |= {Path(sys.executable), Path(__file__).resolve()}
    for closed in {folder for path in needed for folder in closed_on_the_way(path)}:
        open_up(
            closed, {path.relative_to(closed).parts[0] for path in needed if closed in path.parents}
        )
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    os.execv(command[0], command)


def closed_on_the_way(path: Path) -> list[Path]:
    """Folders on the way to a path that others may not enter."""
    return [p for p in path.parents if not p.stat().st_mode & 0o001]


def open_up(folder: Path, children: set[str]) -> None:
    """Put an enterable folder over this one, with only these children in it."""
    aside = Path(tempfile.mkdtemp())
    kernel.mount("aside", str(aside), "tmpfs", 0, "mode=0755")
    for name in children:
        (aside / name).mkdir()
        kernel.mount(str(folder / name), str(aside / name), None, MS_BIND | MS_REC)
    kernel.mount("open", str(folder), "tmpfs", 0, "mode=0755")
    for name in children:
        (folder / name).mkdir()
        kernel.mount(str(aside / name), str(folder / name), None, MS_BIND | MS_REC)


if __name__ == "__main__":
    main()
