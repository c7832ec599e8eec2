"""Artifacts, plans, claims and sessions of a store."""
