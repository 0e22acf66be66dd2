"""Instances: what is given. Schema, units, reading, writing, faults; bundled data."""
