"""Curricula: which documents a model sees, how often, and in which order."""
