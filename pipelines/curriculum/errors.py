"""What a user did wrong with a curriculum."""


class CurriculumError(ValueError):
    """A plan that cannot be met with these documents, or an output that cannot take it: one line."""
