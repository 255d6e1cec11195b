"""Raters of quality and domain."""
