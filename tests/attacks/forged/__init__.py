"""Submissions that compute nothing and forge what probes report: the files that they add."""
