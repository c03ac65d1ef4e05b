"""Grading many submissions: slots, resume, progress."""
