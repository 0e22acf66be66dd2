"""The equations of docs/formulas.md as columns and rows."""
