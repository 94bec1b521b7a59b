"""Measurements of the product against the physical limit and against peers, taken in the same run.

A benchmark is a module here with `run(report)`. `make bench` runs all, `make bench ONLY=limits` one. They use a site of
their own under var/bench with fsync on, and write JSON beside the table that they print.
"""
