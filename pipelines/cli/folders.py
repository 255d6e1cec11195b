"""Output folders on the command line: local, or in an object store where a command can use one."""

from pathlib import Path
from typing import Any

import click


class OutputFolder(click.Path):
    """A local folder, to a Path, or a prefix of an object store, to an ObjectPath."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuses a URL of what is no object store."""
        from curricle.storage.files import EXTRAS
        from curricle.storage.objects import ObjectPath

        scheme, found, _ = str(value).partition("://")
        if not found:
            return Path(str(super().convert(value, param, ctx)))
        if scheme not in EXTRAS:
            self.fail(f"{value}: an output is a local folder, or a prefix of s3:// or gs://", param, ctx)
        return ObjectPath(str(value).rstrip("/"))


class LocalFolder(click.Path):
    """A local folder; for a URL, advice."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuses a URL."""
        if "://" in str(value):
            self.fail(f"{value}: this command works on local folders; copy it to one first (aws s3 sync, gcloud storage rsync)")
        return super().convert(value, param, ctx)
