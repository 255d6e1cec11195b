"""KenLM models: profiles, tokenisers, scoring, estimation, file formats."""
