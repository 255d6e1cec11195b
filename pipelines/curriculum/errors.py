"""What a user did wrong with a curriculum."""

from curricle.errors import CurriculumError as CurriculumError
