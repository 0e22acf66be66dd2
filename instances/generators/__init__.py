"""Instances drawn by published recipes: same seed, same instance, on every platform."""
