"""Finds duplicate and near-duplicate documents in finished outputs."""
