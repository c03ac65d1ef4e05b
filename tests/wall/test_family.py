"""Processor time that nobody waited for is the cell's all the same."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from grader.wall.family import Family

# A warm process, which forks a keeper at a word, which forks a cell.
FAMILY = """
import os, signal, sys, time

def forked(action):
    if os.fork() == 0:
        action()
        os._exit(0)

def burn():
    end = time.process_time() + 0.6
    while time.process_time() < end:
        pass

def children_that_nobody_waits_for():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(3):
        forked(burn)
        time.sleep(1.0)
    time.sleep(60)

def children_that_are_waited_for():
    for _ in range(3):
        forked(burn)
        os.wait()
    time.sleep(60)

def keeper():
    forked(globals()[sys.argv[1]])
    os.wait()

sys.stdin.readline()
forked(keeper)
time.sleep(60)
"""


@pytest.fixture(params=["children_that_nobody_waits_for", "children_that_are_waited_for"])
def family(request: pytest.FixtureRequest) -> Iterator[Family]:
    command = [sys.executable, "-c", FAMILY, request.param]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        family = Family(process.pid)
        process.stdin.write(b"go\n")
        process.stdin.flush()
        yield family
        for one in reversed(psutil.Process(process.pid).children(recursive=True)):
            one.kill()
        process.kill()


def test_children_count_once_whoever_waits_for_them(family: Family) -> None:
    end = time.monotonic() + 20.0
    used = 0.0
    while time.monotonic() < end and used < 1.7:
        time.sleep(0.1)
        used = family.cell_usage()
    assert used >= 1.5
    time.sleep(1.5)  # whatever runs still has ended
    assert family.cell_usage() <= 2.1
