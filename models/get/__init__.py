"""Models that are fetched: the registry of known ones, downloads, the Hugging Face hub."""
