"""Shared by all tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hypothesis import settings  # noqa: E402

# The same examples on every run: what fails in one place can be repeated in another.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
