"""Mixture weights from a target text: one small model for each cell of kept documents, interpolated."""
