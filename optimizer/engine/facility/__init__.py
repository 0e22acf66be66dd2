"""Facility location (split delivery, single source, uncapacitated) solved by its structure."""
