"""Downloads models: the catalog of known models, downloads over HTTP, the Hugging Face hub."""
