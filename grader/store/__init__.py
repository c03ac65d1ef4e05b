"""The batch's memory: one SQLite file and one JSON file per submission."""

from grader.store.store import Store, StoreError

__all__ = ["Store", "StoreError"]
