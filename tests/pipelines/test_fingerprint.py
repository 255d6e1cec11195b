"""What a run's fingerprint is made of."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from curricle.models.cards import Card, write_card
from curricle.pipelines.plan.fingerprint import model_hashes, model_sha256
from curricle.schemas.config import Config


class Uses(Config):
    folders: tuple[Path, ...]
    expensive: ClassVar[bool] = False

    def models(self) -> tuple[Path, ...]:
        return self.folders


def model(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    fields = {"kind": "rater", "version": "1", "licence": "none", "source": "by hand", "languages": ("en",)}
    write_card(folder, Card(name=folder.name, files={"file": content * 64}, **fields))
    return folder


def test_a_model_counts_by_its_name_and_two_of_one_name_both_count(tmp_path):
    a, b, same, c = (
        model(tmp_path / place, content) for place, content in (("1/m", "a"), ("2/m", "b"), ("3/m", "a"), ("n", "c"))
    )
    assert model_hashes([Uses(folders=(a, c))]) == {"m": model_sha256(a), "n": model_sha256(c)}
    assert model_hashes([Uses(folders=(a, same))]) == {"m": model_sha256(a)}
    both = model_hashes([Uses(folders=(a,)), Uses(folders=(b,))])
    assert both == {f"m {model_sha256(folder)[:12]}": model_sha256(folder) for folder in (a, b)}


def test_a_worker_with_another_models_package_is_refused(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("")
    code = (
        "import sys; from curricle.pipelines.plan.fingerprint import check_code, code_sha256; mine = code_sha256(); check_code(mine)\n"
        f"del sys.modules['models']; sys.path.insert(0, {str(tmp_path)!r}); check_code.cache_clear()\n"
        "check_code(mine)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"models in {tmp_path}" in last
    assert "install the same curricle there" in last
