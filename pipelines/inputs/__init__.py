"""What the user names as input: files found, cut into shards, sampled, read as texts."""
