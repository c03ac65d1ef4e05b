"""Attacks by one question's file on the questions of another: what is marked by itself."""

from __future__ import annotations

from tests.attacks.attack import HONEST, Attack, Marks

OWN_CELL = "each question is asked in a cell with the files of its own contracts"


def in_mean(
    name: str, tries: str, code: str, *, marks: Marks = (1, 3), says: str = "", by: str = OWN_CELL
) -> Attack:
    """An attack in `mean.py`, whose checks come first; `total.py` beside it is right.

    A wrong answer that leaves its argument alone keeps the mark for that.
    """
    files: dict[str, str | bytes] = {"mean.py": code, "total.py": HONEST["total.py"]}
    return Attack(name, tries, by, files, marks=marks, says=says)


NEIGHBOURS: list[Attack] = [
    in_mean(
        "changed_torch",
        "replace what torch computes with, for whoever is asked next",
        """
        import torch

        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float16)
        for name in ("sum", "mean", "tensor", "add"):
            setattr(torch, name, lambda *args, **kwargs: args[0])
            if hasattr(torch.Tensor, name):
                setattr(torch.Tensor, name, lambda self, *args, **kwargs: self)

        def mean(x):
            return x
        """,
    ),
    in_mean(
        "time_of_the_submission",
        "answer wrongly, each time just within the limit",
        """
        import time

        def mean(x):
            end = time.process_time() + 0.8
            while time.process_time() < end:
                pass
            return x.max()
        """,
        by="each question has time of its own",
    ),
    in_mean(
        "hangs_in_the_kernel",
        "hang where no exception arrives, with all signals blocked",
        """
        import signal

        def mean(x):
            signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {9, 19})
            while True:
                pow(3, 10**7)
        """,
        by="each question has time of its own",
        marks=(0, 3),
        says="gave no answer",
    ),
    in_mean(
        "hangs_while_importing",
        "never finish importing the file of the first question",
        "while True:\n    pass\n",
        marks=(0, 3),
        says="importing mean.py took longer",
    ),
    in_mean(
        "idle_children",
        "leave processes behind that fill what all processes together may use",
        """
        import os
        import time

        def mean(x):
            for _ in range(40):
                try:
                    if os.fork() == 0:
                        held = bytearray(30 * 2**20)
                        time.sleep(600)
                except OSError:
                    break
            raise ValueError
        """,
        marks=(0, 3),
    ),
    in_mean(
        "busy_children",
        "burn processor time in children that nobody waits for",
        """
        import os

        def mean(x):
            for _ in range(6):
                try:
                    if os.fork() == 0:
                        os.setsid()
                        while True:
                            pass
                except OSError:
                    break
            raise ValueError
        """,
        marks=(0, 3),
    ),
    in_mean(
        "thread_at_exit",
        "leave a thread that ends the process a little later",
        """
        import os
        import threading

        threading.Timer(0.5, os._exit, [3]).start()

        def mean(x):
            raise ValueError
        """,
        marks=(0, 3),
    ),
    in_mean(
        "group_of_processes",
        "kill the group of processes, which the harness once shared",
        """
        import os
        import signal

        def mean(x):
            for pid in (0, -1):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            os._exit(1)
        """,
        by="a session of its own for each cell",
        marks=(0, 3),
        says="ended during",
    ),
]
