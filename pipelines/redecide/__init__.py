"""Decides again about the documents of a finished output, by other rules: nothing is read or measured again."""
