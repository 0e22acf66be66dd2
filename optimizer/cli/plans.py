"""A plan from a file or a run folder, or one message why there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.plan.plan import Plan


def read_plan(path: Path) -> Plan:
    """Return the plan of a plan.json or of a run folder; `InstanceError` if it cannot be read."""
    from instances.errors import InstanceError
    from optimizer.plan.plan import Plan

    if path.is_dir():
        path /= "plan.json"
    try:
        return Plan.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InstanceError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InstanceError(f"{path} is not a plan: it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InstanceError(f"{path} is not a plan: it is damaged JSON ({error})") from None
    except ValueError as error:
        raise InstanceError(f"{path}: {error}") from None
