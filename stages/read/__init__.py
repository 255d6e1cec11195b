"""Readers: turn the bytes of one shard into batches of documents and dead letters."""
