"""What is carried, and the kinds of arc that carry it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from instances.errors import InstanceError


class ArcKind(StrEnum):
    """What an arc of the expanded network does."""

    LINE_HAUL = "line_haul"  # a link between two places, regime kept
    TRANSFER = "transfer"  # handling between two yards of a place
    CUSTOMS = "customs"  # a change of regime at a yard
    ACCESS = "access"  # the road to a zone, origin or rival; handling at a gate


@dataclass(frozen=True, slots=True)
class Goods:
    """One kind of goods: weight, value and taxes of a TEU. Arc costs depend on nothing else."""

    goods_id: str
    tonnes_per_teu: float
    value_cny_per_teu: float
    duty_rate: float = 0.0  # China's import duty, share of value
    vat_rate: float = 0.0  # import VAT, share of value and duty

    def __post_init__(self) -> None:
        for name in ("tonnes_per_teu", "value_cny_per_teu", "duty_rate", "vat_rate"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):  # NaN is refused too
                raise InstanceError(
                    f"goods {self.goods_id!r}: {name} must be a finite number >= 0, is {value}"
                )
