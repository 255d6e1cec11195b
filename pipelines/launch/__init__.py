"""Launchers: where the graph of a plan is executed."""
