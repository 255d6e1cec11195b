"""Training KenLM models: corpus, counts, Kneser-Ney estimation, ARPA."""
