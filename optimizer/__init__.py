"""zoneopt: which zones can absorb the gradient transfer of processing trade, with a proof."""
