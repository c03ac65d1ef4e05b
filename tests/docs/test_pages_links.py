"""Links lead somewhere, and pages say nothing of the machine they were written on."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import ROOT, anchors, links, pages, read


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_links_resolve(page: Path) -> None:
    for link in links(read(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leads out of the project"
        if anchor:
            assert anchor in anchors(read(target)), f"{page.name}: {link}"


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)
def test_no_paths_of_a_machine(page: Path) -> None:
    text = read(page)
    for path in ("/work/", "/root/", "/home/", "/tmp/", "../shared"):
        assert path not in text, f"{page.name} names {path}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in links(read(ROOT / "README.md"))}
    for page in sorted((ROOT / "docs").glob("*.md")):
        assert f"docs/{page.name}" in linked, page.name


def test_pictures_are_small() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size <= 300 * 1024, picture.name
