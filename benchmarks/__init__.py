"""What grading costs: `python -m benchmarks` prints times and ratios from one run.

Nothing here asserts a time. Machines differ; ratios from one run can be compared, seconds cannot.
"""
