"""Plain values of a recipe or a setting to checked ones."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from curricle.errors import RecipeError
from curricle.schemas.config import explain_error

C = TypeVar("C", bound=BaseModel)


def checked(kind: type[C], values: object, where: str) -> C:
    """The values as `kind`; RecipeError, one line. `where`: a file and after `: ` the key of the values in it, or a setting."""
    file, _, key = where.rpartition(": ")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(explain_error(error, kind, file, key) if file else explain_error(error, kind, where)) from None
