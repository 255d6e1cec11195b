"""Everything that can go wrong because of what a user wrote, named or installed, as one tree of exceptions.

CurricleError
  ├─ RecipeError           a recipe that cannot run
  │    ├─ RuleSetError     an unknown published rule set
  │    └─ ThresholdsError  a thresholds file that cannot be read
  ├─ ExtensionError        a stage, rater or format from outside that cannot be found or used
  ├─ InputError            an input that cannot be read
  ├─ OutputError           an output folder that cannot be written, continued or trusted
  ├─ ModelError            a model that is missing, damaged or of the wrong kind
  │    ├─ ArpaError        an ARPA file that is not one
  │    ├─ CompactError     a packed model that cannot be unpacked
  │    └─ DiscountError    a text from which no language model can be estimated
  ├─ RatingsError          ratings that cannot be read, compared or learned from
  ├─ CurriculumError       a curriculum or mixture that cannot be made
  ├─ RunnerError           a runner or flag that cannot be used, or an engine that lacks something
  ├─ GraphError            a Beam graph that would pickle batches or shuffle texts
  ├─ ForeignCodeError      a worker that has another version of curricle
  ├─ RunFailedError        shards of a run that failed, from the Python API
  ├─ StoreError            a disk or an object store that failed
  │    └─ SpillError       a temporary file that could not be written or read
  └─ EndpointError         a rater's server that does not answer

The command line prints each of them as one line and exits with status 2; any other exception is a bug and shows its traceback.
The second base class (ValueError, OSError, ...) lets callers that know nothing of curricle catch them too.
"""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

PRIVATE = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables whose values never appear in a message, because a message may end up in a log or in run.json."""

MOST_CHOICES = 24  # in a message

_LOGIN = re.compile(r"(?<=://)[^/\s@'\"]+@")
_SIGNATURE = re.compile(
    r"(?i)(?<=[?&])((?:x-(?:amz|goog)-(?:signature|credential|security-token)|sig|signature|token|access_token|api_?key|key"
    r"|password|awsaccesskeyid|googleaccessid)=)[^&\s'\"]+"
)


class CurricleError(Exception):
    """A mistake that the user can correct; its message is one line that says what is wrong, where, and what to do."""


class RecipeError(CurricleError, ValueError):
    """A recipe that cannot run: names the file, the entry and, for a misspelled name, the nearest known one."""


class RuleSetError(RecipeError):
    """No published rule set has this name."""


class ThresholdsError(RecipeError):
    """A thresholds file that cannot be read."""


class ExtensionError(CurricleError, ValueError):
    """A stage, rater or format from outside this package that cannot be found or used."""


class InputError(CurricleError, ValueError):
    """An input that cannot be read; found before anything starts."""


class OutputError(CurricleError, ValueError):
    """An output folder that cannot be written, continued or trusted."""


class ModelError(CurricleError, ValueError):
    """A model that is missing, damaged or of the wrong kind."""


class ArpaError(ModelError):
    """A file that is not an ARPA file, or whose n-grams do not fit together."""


class CompactError(ModelError):
    """A packed model that is damaged or of another version."""


class DiscountError(ModelError):
    """A text that is too small or too regular to estimate a language model from."""


class RatingsError(CurricleError, ValueError):
    """Ratings that cannot be read, compared or learned from."""


class CurriculumError(CurricleError, ValueError):
    """A curriculum or mixture that cannot be made."""


class RunnerError(CurricleError, ValueError):
    """A runner or flag that cannot be used, or an engine that lacks something it needs."""


class GraphError(CurricleError, ValueError):
    """A Beam graph that would pickle batches or shuffle texts."""


class ForeignCodeError(CurricleError, RuntimeError):
    """A worker imports other modules than the process that planned the run."""


class RunFailedError(CurricleError, RuntimeError):
    """Shards of a run that failed. The others are committed; the same run again tries the failed ones once more."""


class StoreError(CurricleError, OSError):
    """A disk or an object store that cannot be used or did not answer: names the file or folder. Never an error of the data."""


class SpillError(StoreError):
    """A temporary file that could not be written or read."""


class EndpointError(CurricleError, RuntimeError):
    """A rater's server that does not answer, or refuses."""


def one_line(error: BaseException, kind: bool = False) -> str:
    """What `error` says, on one line and without secrets; with the name of its class in front if `kind`."""
    text = error.strerror if isinstance(error, OSError) and error.strerror and not kind else str(error)
    text, name = without_secrets(" ".join(text.split())), type(error).__name__
    return f"{name}: {text}".rstrip() if kind else text or name


def without_secrets(text: str) -> str:
    """`text` without the values of PRIVATE, and without passwords, keys and signatures in URLs."""
    for name in PRIVATE:
        if value := os.environ.get(name):
            text = text.replace(value.rstrip("/"), f"${name}")
    return _SIGNATURE.sub(r"\1***", _LOGIN.sub("***@", text))


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?`, whatever its case, or a short list of choices if none is similar."""
    known = sorted(choices)
    by_lower = {choice.lower(): choice for choice in reversed(known)}
    if near := get_close_matches(name, known, n=1) or get_close_matches(name.lower(), by_lower, n=1):
        return f"; did you mean {near[0] if near[0] in known else by_lower[near[0]]!r}?"
    return f" (choose from: {', '.join(known)})" if 0 < len(known) <= MOST_CHOICES else ""
