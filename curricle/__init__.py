"""curricle: web crawls in, training curricula out."""
