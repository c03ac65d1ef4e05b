"""The table of `docs/security.md`: `python -m tests.attacks.table` writes it into the page."""

from __future__ import annotations

from pathlib import Path

from tests.attacks.attack import Attack
from tests.attacks.catalogue import ATTACKS, GROUPS

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
START, END = "<!-- attacks: start -->", "<!-- attacks: end -->"


def table() -> str:
    """Every attack with what it tries and what stops it behind each wall, in Markdown."""
    lines = [f"The suite holds {len(ATTACKS)} attacks."]
    for title, attacks in GROUPS.items():
        lines += [
            "",
            f"### {title}",
            "",
            "| tries to | bubblewrap | Landlock |",
            "| --- | --- | --- |",
        ]
        lines += [_row(attack) for attack in attacks]
    return "\n".join(lines)


def _row(attack: Attack) -> str:
    cells = [attack.tries, attack.stops("bubblewrap"), attack.stops("landlock")]
    if attack.not_stopped:
        cells[1:] = [f"**not stopped**: {attack.not_stopped}"] * 2
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def inside(page: str) -> str:
    """What stands between the marks in the page."""
    return page.split(START)[1].split(END)[0].strip()


def main() -> None:
    """Write the table into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{START}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
