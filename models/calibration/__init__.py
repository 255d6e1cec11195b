"""Thresholds from scores, as pure numpy functions: quantiles, the valley between two clusters, a sweep over labelled scores."""
