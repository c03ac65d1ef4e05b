"""What runs behind the wall: nothing here knows a test, an answer or a mark.

The package is mounted in the sandbox on its own, so it imports the standard library, numpy, torch
and itself, relatively, and nothing of the harness. The trusted side shares `wire` and `sizes`.
"""
