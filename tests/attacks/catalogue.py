"""Every attack there is."""

from __future__ import annotations

from tests.attacks.attack import Attack
from tests.attacks.frames import FRAMES
from tests.attacks.interpreter import INTERPRETER
from tests.attacks.neighbours import NEIGHBOURS
from tests.attacks.packing import PACKING
from tests.attacks.processes import PROCESSES
from tests.attacks.reading import READING
from tests.attacks.running import RUNNING
from tests.attacks.talking import TALKING

GROUPS: dict[str, list[Attack]] = {
    "Reading what is secret": READING,
    "Python from within": INTERPRETER,
    "Processes and limits": PROCESSES,
    "One question and the next": NEIGHBOURS,
    "Forged frames": FRAMES,
    "Talking to others": TALKING,
    "What is handed in": PACKING,
    "Training runs": RUNNING,
}
ATTACKS: dict[str, Attack] = {attack.name: attack for group in GROUPS.values() for attack in group}
