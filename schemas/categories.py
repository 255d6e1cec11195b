"""What a harmful model may be a model of: one list for cards, columns and commands."""

from typing import Literal, get_args

Category = Literal["", "adult", "spam", "hate"]
"""Empty: a clean model, or one of several kinds of harmful text."""

CATEGORIES: tuple[Category, ...] = get_args(Category)[1:]
"""Each has its own columns in the perplexity stage."""
