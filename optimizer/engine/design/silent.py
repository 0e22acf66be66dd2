"""HiGHS that prints nothing, not even its banner."""

from __future__ import annotations

import highspy


class SilentHighs(highspy.Highs):
    """HiGHS that is silent from the start: its constructor would print a banner."""

    def enableCallbacks(self) -> None:
        """Silence the solver before anything can be logged."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()
