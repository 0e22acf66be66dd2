"""Reports: what people see. Reads instances and plans, never solves."""
