"""Trusted figures of what a run left: each measure takes plain arrays or a loaded architecture.

Nothing here knows an assignment, starts a process or reads a verdict. Files enter through
`weights` alone, as bytes of bounded size; every figure leaves as an `Estimate`, which cannot
hold a NaN.
"""
