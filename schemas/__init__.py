"""What a thing is: columns, batches, shards, configuration. Imports nothing of ours."""
