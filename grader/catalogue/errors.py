"""What goes wrong with a catalogue."""

from __future__ import annotations


class CatalogueError(Exception):
    """An entry cannot be used; the message names the file, the line and the remedy."""
