"""A recipe that reads texts needs `extract` for WARC files: their pages would all be kept, with nulls."""

import pytest

import curricle
from curricle.errors import RecipeError

WARC = "pipelines/sample/pages.warc.gz"


@pytest.mark.parametrize("stages", [{"language": {}}, {"language": {}, "extract": {}}])
def test_texts_that_are_not_there_yet_are_not_read(stages, request):
    with pytest.raises(RecipeError, match=r"stage 'language' .*put (the stage )?'extract' (before it|first)"):
        curricle.plan({"stages": stages, "decide": []}, [str(request.config.rootpath / WARC)])


def test_a_recipe_that_reads_no_text_needs_no_extract(request):
    curricle.plan({"stages": {}, "decide": []}, [str(request.config.rootpath / WARC)])
