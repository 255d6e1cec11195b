"""Which items of evaluation sets stand in the documents of finished outputs."""
