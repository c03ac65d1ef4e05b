"""Prepares a data folder: verifies published files and puts them where they are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.data import amat, real, sources
from grader.data.dataset import DataError
from grader.data.download import fetch
from grader.data.published import NAMES, SETS, PublishedFile, PublishedSet


@dataclass(frozen=True)
class Outcome:
    """What became of one data set.

    Attributes:
        state: `ready`; `drawn`, not given and drawn from its density instead; `missing`; or
            `failed`, because a file is damaged, a download failed or the disk is full.
        explanation: what it is, or what is the matter and how to mend it.
    """

    name: str
    state: Literal["ready", "drawn", "missing", "failed"]
    explanation: str

    @property
    def usable(self) -> bool:
        """Whether runs can use the set now."""
        return self.state in ("ready", "drawn")


def chosen(names: Iterable[str]) -> tuple[PublishedSet, ...]:
    """The sets of these names; all, if there are none.

    Raises:
        DataError: a name is unknown.
    """
    wanted = tuple(names) or NAMES
    for name in wanted:
        if name not in NAMES:
            raise DataError(f"there is no data set {name!r}; there are {', '.join(NAMES)}")
    return tuple(s for s in SETS if s.name in wanted)


def prepare(
    sets: Iterable[PublishedSet], target: Path, source: Path | None = None
) -> Iterator[Outcome]:
    """Prepare one set after the other; what is wrong with one does not stop the others.

    Every byte is compared with the published checksums. What is in the target already and whole
    is left as it is; what is damaged there is replaced.

    Args:
        sets: those of `chosen`.
        target: the folder that GRADER_DATA will name.
        source: a folder in the same layout, whose idx files may be compressed and whose CIFAR-10
            may be an archive. Without one, torchvision downloads what it knows.
    """
    for published in sets:
        try:
            yield _prepare(published, target, source)
        except DataError as error:
            yield Outcome(published.name, "failed", str(error))


def _prepare(published: PublishedSet, target: Path, source: Path | None) -> Outcome:
    lacking = _lacking(published.files, target)
    if lacking and source is None and published.torchvision:
        fetch(published, target)
    lacking = _place(published, target, source or target)
    if not lacking:
        return Outcome(published.name, "ready", real.READERS[published.name](target).description)
    if published.optional:
        return Outcome(published.name, "drawn", "not given; its points are drawn from its density")
    names = ", ".join(Path(file.path).name for file in lacking)
    place = Path(lacking[0].path).parent
    if source is None:
        return Outcome(published.name, "missing", f"torchvision does not have it; {published.hint}")
    return Outcome(
        published.name, "missing", f"{source / place} does not have {names}; {published.hint}"
    )


def _place(published: PublishedSet, target: Path, source: Path) -> list[PublishedFile]:
    """Put the files of a set into their places; gives the needed ones that could not be had."""
    wanted = _lacking((*published.files, *published.extras), target)
    wanted = [file for file in wanted if not sources.copy(file, source, target)]
    for archive in published.archives:
        if wanted and (source / archive).is_file():
            found = sources.unpack(source / archive, wanted, target)
            wanted = [file for file in wanted if file not in found]
    if published.name == "binarized_mnist" and wanted:
        folder = (source / wanted[0].path).parent
        if any(amat.path_of(folder, split).is_file() for split in amat.SHA256S):
            amat.pack(folder, target / wanted[0].path)
            wanted = []
    return [file for file in wanted if file in published.files]


def _lacking(files: Iterable[PublishedFile], target: Path) -> list[PublishedFile]:
    return [file for file in files if not sources.is_whole(target / file.path, file)]
