"""Readers: bytes of one shard to batches of documents, and dead letters."""
