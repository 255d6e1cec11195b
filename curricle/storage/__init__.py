"""Input files and output folders, local or in an object store."""
