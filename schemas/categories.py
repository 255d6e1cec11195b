"""The categories of harmful text, for cards, columns and commands."""

from typing import Literal, get_args

Category = Literal["", "adult", "spam", "hate"]
"""Empty for a clean model, or a model of several kinds of harmful text."""

CATEGORIES: tuple[Category, ...] = get_args(Category)[1:]
"""The perplexity stage has columns for each of them."""
