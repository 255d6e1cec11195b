"""Options that several commands have."""

from collections.abc import Callable
from typing import Any

import click


def license_option(text: str) -> Callable[[Any], Any]:
    """`--license` with this help text; it goes to the command as `licence`, the key of a model's card."""
    return click.option(
        "--license",
        "--licence",
        "licence",
        default="not stated",
        show_default=True,
        help=text,
    )
