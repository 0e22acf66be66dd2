"""The independent verifier: recomputes a plan from the tables alone (docs/verify.md).

It shares no code with the network, the model, the engine or any solver. What it relies on is the
tables, `optimizer.plan.plan` for the shape of a plan, and docs/formulas.md.
"""

from optimizer.plan.verify.check import certified_bound, verify_plan
from optimizer.plan.verify.verdict import Verdict, Violation

__all__ = ["Verdict", "Violation", "certified_bound", "verify_plan"]
