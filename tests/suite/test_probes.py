"""Probes in a folder, and the harness's own beside them: the same on both sides of the wall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from grader.assignment import Assignment, Limits
from grader.suite.failures import SubmissionFailed
from grader.suite.local import Local, load_probes
from grader.suite.proxies import Proxy
from grader.suite.remote import Remote
from grader.wall import isolation
from grader.wall.errors import WallError
from grader.wall.warm_handle import Warm
from tests.conftest import RIGHT, TOY, write_tree

MEANS = '''
from grader.suite.driving import call


def twice(impl, *, x):
    """Twice the mean."""
    return 2 * call(impl, function="mean.mean", args=[x])["result"]
'''
X = torch.tensor([[1.0, 2.0, 6.0]])


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    tree = TOY | {"assignments/toy/probes/means.py": MEANS}
    home = write_tree(tmp_path_factory.mktemp("home"), tree)
    return Assignment(home / "assignments" / "toy", home / "reference" / "toy")


@pytest.fixture
def remote(toy: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Some `mean.py` behind the wall."""
    try:
        wall = isolation.choose("auto")
    except WallError as error:
        pytest.skip(str(error))
    with Warm(wall, Limits(), tmp_path_factory.mktemp("given")) as warm:
        opened = []

        def of(text: str) -> Proxy:
            opened.append(Remote(warm, toy, {"mean.py": text.encode()}, modules=["mean"]))
            return Proxy(opened[0], ("mean",))

        yield of
        for one in opened:
            one.close()


def test_a_file_of_the_folder_is_an_attribute_by_its_stem(toy: Assignment) -> None:
    probes = load_probes(toy)
    reference = Proxy(Local.reference(toy), ("mean",))
    mean = reference.mean.mean(X)
    assert torch.equal(reference(probes.means.twice, x=X), 2 * mean)
    called = reference(probes.call, function="mean.mean", args=[X])
    assert torch.equal(called["result"], mean)


def test_the_same_probes_are_asked_behind_the_wall(toy: Assignment, remote: Any) -> None:
    probes, submission = load_probes(toy), remote(RIGHT["mean.py"])
    mean = submission.mean.mean(X)
    assert torch.equal(submission(probes.means.twice, x=X), 2 * mean)
    called = submission(probes.call, function="mean.mean", args=[X])
    assert torch.equal(called["result"], mean)


def test_what_fails_in_such_a_probe_is_told_of_its_function(toy: Assignment, remote: Any) -> None:
    submission = remote("def mean(x):\n    raise NotImplementedError\n")
    with pytest.raises(SubmissionFailed, match=r"mean is not written yet"):
        submission(load_probes(toy).means.twice, x=X)
