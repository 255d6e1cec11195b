"""Thresholds calibrated on the scores of finished outputs."""
