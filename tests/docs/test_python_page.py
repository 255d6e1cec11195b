"""Every snippet of docs/python.md runs, in the page's order, in one process and an empty folder."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/python.md"


def test_every_snippet_runs(tmp_path):
    snippets = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(snippets) > 8
    done = subprocess.run(
        [sys.executable, "-"], input="\n".join(snippets), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "did you mean 'language'?" in done.stdout
