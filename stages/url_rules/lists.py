"""Block lists as files: their names and their entries.

Format: UT1's (https://dsi.ut-capitole.fr/blacklists/), a folder for each category with the files `domains` and `urls`.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curricle.models.cards import ModelError

PREFIX = {"domains": "domain", "urls": "url", "words": "word", "soft_words": "soft_word", "subwords": "subword"}
"""Kind of list -> the beginning of its rules' names."""


@dataclass(frozen=True)
class ListFile:
    """One list of one kind."""

    kind: str
    path: Path

    @property
    def rule(self) -> str:
        """`domain:adult`: the folder of a file that has its kind's name (UT1's layout), otherwise the file's name."""
        name = self.path.name.removesuffix(".gz").removesuffix(".txt")
        return f"{PREFIX[self.kind]}:{self.path.absolute().parent.name if name == self.kind else name}"

    def entries(self) -> Iterator[bytes]:
        """Lines without white space at their ends, blank lines and comments. ModelError if the file cannot be read."""
        opener = gzip.open if self.path.suffix == ".gz" else Path.open
        try:
            with opener(self.path, "rb") as lines:
                for line in lines:
                    if not line.startswith(b"#") and (entry := line.strip()):
                        yield entry
        except (OSError, EOFError) as error:
            raise ModelError(f"url_rules: {self.path}: {error}") from None


def list_files(paths: Mapping[str, Sequence[str]]) -> tuple[ListFile, ...]:
    """All files of these files and folders, by kind; ModelError for a path that does not exist or contains no list."""
    files: list[ListFile] = []
    for kind, names in paths.items():
        for name in names:
            path = Path(name).expanduser()
            found = sorted(p for p in path.rglob(f"{kind}*") if p.name in (kind, f"{kind}.gz")) if path.is_dir() else [path]
            if not found or not found[0].is_file():
                raise ModelError(
                    f"url_rules.{kind}: no " + (f"file named {kind} below {name}" if path.is_dir() else f"file {name}")
                )
            files += [ListFile(kind, file) for file in found]
    if not files:
        raise ModelError(f"url_rules: no block list is given; name files or folders in {', '.join(PREFIX)}")
    return tuple(files)


def content_sha256(files: Sequence[ListFile]) -> str:
    """Hash over rules and bytes, in order; the files' paths do not count."""
    digest = hashlib.sha256()
    for file in files:
        with file.path.open("rb") as content:
            digest.update(f"{file.rule}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\0".encode())
    return digest.hexdigest()
