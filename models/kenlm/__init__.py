"""KenLM models: profiles, tokenizers, scoring, estimation, file formats."""
