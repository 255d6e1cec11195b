"""`curricle models` as a user types it: list, info, add, verify, and what is refused."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from curricle.models.cards import read_card
from curricle.models.catalog import STARTER, starter_models
from curricle.models.get.registry import known_models
from curricle.models.kenlm.card import KenlmCard
from curricle.pipelines.cli.main import group

DATA = Path(__file__).parents[1] / "models" / "data"
ADD = ["add", str(DATA / "o3.trie.bin"), "--name", "udhr", "--language", "eng", "--role", "harmful", "--profile", "oscar-harmful"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CURRICLE_KNOWN_MODELS", raising=False)
    return tmp_path / "cache" / "models"


def models(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["models", *arguments])


def test_the_list_names_every_model_with_its_state():
    rows = [line.split("\t") for line in models("list").output.splitlines()]
    assert {len(row) for row in rows} == {6}
    assert [row[:2] for row in rows] == [[name, "starter"] for name in starter_models()] + [
        [name, "known"] for name in known_models()
    ]
    assert rows[-4][0] == "dataman-1.5b-en"
    by_name = {row[0]: row for row in rows}
    assert by_name["ccnet-{lang}-clean"][2:5] == ["perplexity", "48 languages", "-"]
    assert by_name["oscar-{lang}-harmful"][2:4] == ["perplexity", "any"]


def test_an_added_model_is_listed_described_and_verified(cache):
    added = models(*ADD, "--words", "--category", "hate", "--licence", "CC0", "--source", "UDHR")
    assert (added.exit_code, added.output) == (0, f"{cache / 'udhr'}: order 3, n-grams 218, 443, 495\n")
    card = read_card(cache / "udhr", KenlmCard)
    assert (card.languages, card.role, card.category, card.licence, card.source) == (("en",), "harmful", "hate", "CC0", "UDHR")
    [row] = [line.split("\t") for line in models("list").output.splitlines() if line.startswith("udhr")]
    assert row[1:4] + row[5:] == ["added", "perplexity", "en", "CC0"]
    info = models("info", "udhr").output.splitlines()
    assert info[0] == "name              udhr"
    assert f"folder            {cache / 'udhr'}" in info
    assert "ngrams            218 443 495" in info
    assert f"files             model.bin: SHA-256 {card.files['model.bin']}, 13,910 bytes" in info
    assert models("verify", "udhr").output == f"{cache / 'udhr'}: 1 files, all hashes match\n"
    (cache / "udhr" / "model.bin").write_bytes(b"changed")
    assert "the file is damaged" in models("verify", "udhr").stderr


@pytest.mark.parametrize("card", ["{", "[]", '{"kind": "rater"}'])
def test_a_card_that_cannot_be_read_spoils_no_other_row(cache, card):
    (cache / "broken").mkdir(parents=True)
    (cache / "broken" / "card.json").write_text(card)
    rows = models("list").output.splitlines()
    assert "broken\tdamaged\t-\t-\t-\t-" in rows
    assert len(rows) == len(starter_models()) + 1 + len(known_models())


def test_an_added_model_goes_where_output_says(tmp_path, cache):
    result = models(*ADD, "--words", "--output", str(tmp_path / "mine"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "mine" / "card.json").is_file()
    assert not cache.exists()


def test_info_of_a_known_model_is_its_entry_and_of_a_name_for_many_their_languages():
    lines = models("info", "lid.176.bin").output.splitlines()
    assert "state             not downloaded" in lines
    assert (
        "files             lid.176.bin: https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.bin, "
        "131,266,198 bytes, SHA-256 7e69ec5451bc261cc7844e49e4792a85d7f09c06789ec800fc4a44aec362764e"
    ) in lines
    assert (
        "languages         es af ar arz as bn fr sw eu ca zh en hi ur id pt vi gu kn ml mr ta te yo"
        in models("info", "edugp-{lang}-clean").output.splitlines()
    )
    lines = models("info", "edugp-sw-clean").output.splitlines()
    assert "profile           edugp" in lines
    assert "files             sp.model: wikipedia/sw.sp.model, size unknown, SHA-256 not published" in lines


def test_info_of_a_starter_model_gives_its_held_out_figures():
    figure = read_card(STARTER / "en-clean", KenlmCard).heldout_ppl
    assert figure > 1
    assert f"heldout_ppl       {figure}" in models("info", "en-clean").output.splitlines()


@pytest.mark.parametrize("arguments", [["pull", "ccnet-ent-clean"], ["info", "lid.177.bin"], ["verify", "en-cleen"]])
def test_a_name_that_is_not_there_is_one_line(arguments):
    done = models(*arguments)
    assert done.exit_code == 2
    assert re.fullmatch(r"curricle: no (known )?model (named )?'[^\n]+\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*ADD], "give either --words or --sentencepiece FILE"),
        (
            [*ADD, "--words", "--sentencepiece", str(STARTER / "en-clean" / "sp.model")],
            "give either --words or --sentencepiece FILE",
        ),
        ([*ADD, "--words", "--profile", "oscar"], "no profile named 'oscar' (choose from: ccnet, curricle-v1,"),
        ([*ADD, "--words", "--language", "jp"], "unknown language code 'jp'; did you mean 'ja'?"),
        ([*ADD, "--words", "--name", "../x"], "--name must contain only letters, digits and . _ -"),
        ([*ADD, "--words", "--name", "en-clean"], "--name: 'en-clean' is the name of a starter model; choose another"),
        ([*ADD, "--words", "--role", "clean", "--category", "hate"], "--category can only be used with --role harmful"),
    ],
)
def test_refused_arguments(cache, arguments, message):
    result = models(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not cache.exists()


def test_profile_and_tokeniser_that_do_not_go_together_are_one_line(cache):
    done = models(*ADD, "--words", "--profile", "edugp")
    assert done.exit_code == 2
    assert done.stderr == (
        "curricle: models of the profile edugp read SentencePiece pieces, not words; name their SentencePiece model "
        "(--sentencepiece FILE)\n"
    )
    assert not cache.exists()


def test_a_folder_copied_to_another_machine_s_cache_is_a_model_there(tmp_path, cache, monkeypatch):
    models(*ADD, "--words")
    shutil.copytree(cache / "udhr", tmp_path / "other" / "models" / "udhr")
    monkeypatch.setenv("CURRICLE_CACHE", str(tmp_path / "other"))
    assert models("verify", "udhr").exit_code == 0


def test_the_page_names_every_known_model():
    page = (Path(__file__).parents[2] / "docs/models.md").read_text("utf-8")
    assert [name for name in known_models() if f"`{name}`" not in page] == []
