"""Flags of characters: what each Unicode code point means to the heuristics.

`unicode_tables.py` builds the tables of flags, `characters.pxd` reads them.
"""
