"""What imports what in the harness: downwards only, and nothing in a circle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "grader").rglob("*.py")
}


def imports_of(module: str) -> set[str]:
    """The files of the harness that a file imports, also inside functions and for types alone."""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            whole = (f"{base}.{alias.name}" for alias in node.names)
            found |= {name if name in FILES else base for name in whole}
    return found & FILES.keys() - {module}


def room(module: str) -> str:
    return module.split(".")[1]


def test_rooms_import_downwards_in_the_order_that_contributing_gives() -> None:
    rule = re.search(r"^4\. .*?^5\. ", (ROOT / "CONTRIBUTING.md").read_text(), re.M | re.S)
    assert rule is not None
    height = {name: -n for n, name in enumerate(re.findall(r"`(\w+)`", rule[0]))}
    inside = FILES.keys() - {"grader"}
    assert {room(module) for module in inside} == height.keys()
    upward = [
        f"{module} imports {other}"
        for module in sorted(inside)
        for other in imports_of(module) & inside
        if height[room(other)] > height[room(module)]
    ]
    assert not upward


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {module: imports_of(module) for module in FILES}
    assert sum(map(len, graph.values())) > len(FILES)
    TopologicalSorter(graph).prepare()
