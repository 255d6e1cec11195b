import numpy as np
import pytest

from curricle.stages.extraction.extractor import read_page
from curricle.stages.extraction.render import render


@pytest.fixture
def all_text():
    """The text of all blocks of a page."""

    def write(html: str, *, markdown: bool = False, plain: bool = True) -> str:
        page = read_page(html, plain=plain).walked
        return render(page, np.ones(len(page.blocks), bool), markdown)

    return write
