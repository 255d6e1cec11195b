"""The error of this room, under the name that its modules import it by."""

from curricle.errors import CurriculumError as CurriculumError
