"""The inputs that the user names: finding the files, planning shards, sampling documents, reading texts."""
