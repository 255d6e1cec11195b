"""What other engines than our own pool need: their flags, programs, workers, and what can be missing."""
