"""The benchmark: suites, runs in processes of their own, rows that stay, report.

`runner` and all it imports use the standard library only: a run's peak memory, as the operating
system counts it, starts at that of the process that began it.
"""
