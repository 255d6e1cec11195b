"""What all transformers models need: their folder, a device and torch (extra `torch`), which is imported on first use."""

import importlib.util
import os
from pathlib import Path
from typing import Any, Literal

from curricle.errors import one_line
from curricle.installation import install_hint
from curricle.models.cards import CARD, ModelError
from curricle.models.catalog import model_cache, model_folder
from curricle.models.get.registry import known_models

Device = Literal["auto", "cpu", "cuda"]

CONFIG = "config.json"


def find_folder(name: str) -> Path:
    """Folder of a transformers model: a path, a name in the cache, or a hub repository that was pulled into the cache.

    Raises ModelError, one line that says how to get it, where there is none, or it has no config.json.
    """
    path = Path(name).expanduser().absolute()
    for entry in known_models().values():
        if entry.hub == name and not path.is_dir():
            if not (model_cache() / entry.name / CARD).is_file():
                raise ModelError(f"the model {name!r} is not downloaded yet; run `curricle models pull {entry.name}`")
            path = model_cache() / entry.name
    if not path.is_dir():
        if "/" in name:
            raise ModelError(
                f"{name}: no such folder; to download it from the Hugging Face hub, run `hf download {name} --local-dir FOLDER`"
            )
        path = model_folder(name)
    if not (path / CONFIG).is_file():
        raise ModelError(f"{name} is not a transformers model: {path} has no {CONFIG}")
    return path


def check_packages(rater: str, device: Device) -> None:
    """Raise ModelError where torch is missing (it names the extra), or CUDA is required and missing.

    torch itself is imported only for the second.
    """
    for package in ("torch", "transformers", "jinja2"):
        if importlib.util.find_spec(package) is None:
            raise ModelError(f"rater: {rater} needs {package}: {install_hint('torch')}")
    if device == "cuda":
        choose_device(device)


def choose_device(device: Device) -> str:
    """`cuda` or `cpu`; ModelError where CUDA is required and missing."""
    import torch

    found = torch.cuda.is_available()
    if device == "cuda" and not found:
        raise ModelError(
            "device: cuda is set, but torch finds no CUDA device; use device: cpu, or install torch for "
            "this machine's CUDA version"
        )
    return "cuda" if found and device != "cpu" else "cpu"


def prepare_process() -> None:
    """Use one thread: a run has a process for each core, and torch would start as many threads in each (OMP_NUM_THREADS says
    otherwise); and no progress bars, as each shard's process loads the model.
    """
    import torch
    from transformers.utils import logging

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    logging.disable_progress_bar()


def load_part(folder: Path, kind: Any, **options: Any) -> Any:
    """`kind.from_pretrained(folder)`, without downloads and without running code from the folder; ModelError where that fails."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:  # a damaged file can raise anything: KeyError, errors of the file formats
        raise ModelError(f"{folder}: {one_line(error)[:300]}") from None


def check_vocabulary(folder: Path, tokenizer: Any, model: Any) -> None:
    """Raise ModelError where the tokenizer has tokens without an embedding in the model: it belongs to another model."""
    known = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise ModelError(
            f"{folder}: its tokenizer has {len(tokenizer):,} tokens, but its model only {known:,}; they do not belong together"
        )
