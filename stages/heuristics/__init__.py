"""Heuristics at memory speed: kernels over UTF-8 bytes, and the stage that runs them."""
