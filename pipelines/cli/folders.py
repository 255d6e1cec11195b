"""Output folders on the command line: local, or in an object store where a command can use one."""

from pathlib import Path
from typing import Any

import click


class OutputFolder(click.Path):
    """A local folder, converted to a Path, or a prefix in an object store, converted to an ObjectPath."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Rejects URLs that do not belong to an object store."""
        from curricle.storage.files import EXTRAS
        from curricle.storage.objects import ObjectPath

        scheme, found, _ = str(value).partition("://")
        if not found:
            return Path(str(super().convert(value, param, ctx)))
        if scheme not in EXTRAS:
            self.fail(f"must be a local folder, or start with s3:// or gs://, not {value!r}", param, ctx)
        return ObjectPath(str(value).rstrip("/"))


class LocalFolder(click.Path):
    """A local folder; a URL is rejected with advice."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Rejects URLs."""
        if "://" in str(value):
            advice = "this command needs a local folder; copy it to one first (aws s3 sync, gcloud storage rsync)"
            self.fail(f"{value}: {advice}", param, ctx)
        return super().convert(value, param, ctx)
