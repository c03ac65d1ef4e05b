"""From what the checks reported to marks."""
