"""`curricle dedup`: planted copies of every kind against brute force, which copy stays, indexes, and what is refused."""

import json
import random
import re
import shutil
import unicodedata
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from curricle.pipelines.cli.main import group
from curricle.pipelines.deduplication import compare as comparing
from curricle.pipelines.deduplication import run as module
from curricle.pipelines.deduplication.decide import MOST_COMPARED
from curricle.pipelines.deduplication.measure import CONTAINED, JACCARD, LONGEST_PASSAGE

RECIPE = "stages: {extract: {}}\ndecide: [{name: long, column: text_chars, max: 20000}]\n"
FIRST, LAST = ("ba", "ke", "li", "mo", "ru", "sha", "ti", "vo", "wen", "zu"), ("dor", "fal", "gim", "hest", "jun", "kal", "mip")
VOCABULARY = [f"{one}{two}" for one in FIRST for two in LAST]


def call(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(group, [*map(str, arguments)])
    return done.exit_code, done.output


def page(number: int, words: int = 150) -> str:
    draw = random.Random(number)
    sentences = [" ".join(draw.choices(VOCABULARY, k=10)).capitalize() + "." for _ in range(words // 10)]
    return "\n".join(" ".join(sentences[at : at + 3]) for at in range(0, len(sentences), 3))


def with_noise(text: str, share: float, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join(word[::-1] if draw.random() < share else word for word in text.split(" "))


def edits(number: int) -> dict[str, str]:
    """Kind of edit -> text that is made from page `number`. Those from `other-` on have lost what makes them the same."""
    text, draw = page(number), random.Random(number)
    lines = text.split("\n")
    moved = [*lines[2:], *lines[:2]]
    return {
        "spelled": unicodedata.normalize("NFD", text.upper()).replace(".", " ;").replace("\n", "\r\n\r\n"),
        "noisy": with_noise(text, 0.01, number),
        "shorter": text[: int(len(text) * 0.92)],
        "longer": f"{text}\nOne more line that somebody has added.",
        "moved": "\n".join(moved),
        "other-noisy": with_noise(text, 0.25, number),
        "other-body": "\n".join([*lines[:2], page(number + 5000)]),
        "other-order": " ".join(draw.sample(text.split(), len(text.split()))),
    }


def texts() -> dict[str, str]:
    found = {f"page-{number}": page(number) for number in range(40)}
    for number in range(20):
        found |= {f"{kind}-of-{number}": text for kind, text in edits(number).items()}
    found |= {"short-1": "Home page", "short-2": "home   PAGE!", "short-3": "Home pages", "empty-1": "", "empty-2": ""}
    return found


def run_over(folder: Path, name: str, rows: dict[str, str], files: int = 3) -> Path:
    """Documents by URL -> finished output."""
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / f"in-{name}").mkdir()
    pairs = list(rows.items())
    random.Random(0).shuffle(pairs)
    for number in range(files):
        lines = (json.dumps({"url": f"http://example.com/{url}", "text": text}) for url, text in pairs[number::files])
        (folder / f"in-{name}" / f"{name}-{number}.jsonl").write_text("\n".join(lines))
    command = [
        "run",
        folder / "recipe.yaml",
        "--input",
        folder / f"in-{name}",
        "--output",
        folder / name,
        "--workers",
        1,
        "--quiet",
    ]
    code, output = call(*command)
    assert code == 0, output
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dedup")
    run_over(folder, "out", texts())
    return folder


def dedup(*arguments: object) -> str:
    code, output = call("dedup", *arguments, "--quiet")
    assert code == 0, output
    return output


@pytest.fixture(scope="module")
def table(folder):
    dedup(folder / "out", "--output", folder / "table", "--workers", 1)
    return folder / "table"


def documents(*outputs: Path) -> dict[str, dict]:
    """Id -> URL and text."""
    found = {}
    for output in outputs:
        for path in [*output.glob("kept/*.parquet"), *output.glob("rejected/*.parquet")]:
            for row in pq.read_table(path, columns=["id", "url", "text"]).to_pylist():
                found[row["id"]] = {"url": row["url"].rpartition("/")[2], "text": row["text"]}
    return found


def rows_of(table: Path) -> dict[str, dict]:
    return {row["id"]: row for path in sorted(table.glob("part-*")) for row in pq.read_table(path).to_pylist()}


def by_url(table: Path, *outputs: Path) -> dict[str, dict]:
    """URL -> its row, whose ids are URLs too."""
    names = {name: document["url"] for name, document in documents(*outputs).items()}
    return {
        names[name]: {**row, "cluster_id": names[row["cluster_id"]], "duplicate_of": names.get(row["duplicate_of"])}
        for name, row in rows_of(table).items()
    }


def plain_shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def test_the_rows_are_those_of_the_output(folder, table):
    for part in table.glob("part-*"):
        shard = part.name.removeprefix("part-")
        expected = [
            name
            for split in ("kept", "rejected")
            for path in (folder / "out" / split).glob(f"*{shard}")
            for name in pq.read_table(path, columns=["id"])["id"].to_pylist()
        ]
        assert pq.read_table(part)["id"].to_pylist() == expected
    assert call("verify", table)[0] == 0


def test_every_removal_holds_by_brute_force(folder, table):
    """Each document that goes is measured anew, in plain Python, against the one that stays; and that one stays."""
    known, rows = documents(folder / "out"), rows_of(table)
    gone = [row for row in rows.values() if not row["keep"]]
    assert len(gone) >= 60
    for row in gone:
        stays = rows[row["duplicate_of"]]
        assert (stays["keep"], stays["cluster_id"]) == (True, row["cluster_id"])
        own, other = (plain_shingles(known[name]["text"]) for name in (row["id"], row["duplicate_of"]))
        if not own:
            continue
        shared = len(own & other)
        value = {"exact": 1.0, "jaccard": shared / len(own | other), "contained": shared / len(own)}[row["evidence"]]
        assert row["similarity"] == pytest.approx(value, abs=1e-6)
        assert value >= {"exact": 1.0, "jaccard": JACCARD, "contained": CONTAINED}[row["evidence"]]
        assert row["evidence"] != "exact" or own == other


def test_planted_copies_are_found_and_no_others(folder, table):
    rows = by_url(table, folder / "out")
    found = dict.fromkeys(edits(0), 0)
    for number in range(20):
        for kind in found:
            found[kind] += rows[f"{kind}-of-{number}"]["cluster_id"] == rows[f"page-{number}"]["cluster_id"]
    assert found["spelled"] == 20
    assert all(found[kind] >= 18 for kind in ("noisy", "shorter", "longer", "moved"))
    assert all(found[kind] == 0 for kind in found if kind.startswith("other-"))
    assert {row["cluster_size"] for url, row in rows.items() if url.startswith("page-") and int(url[5:]) >= 20} == {1}


def test_the_longest_copy_stays(folder, table):
    rows = by_url(table, folder / "out")
    for number in range(20):
        assert rows[f"longer-of-{number}"]["keep"]
        assert rows[f"page-{number}"]["duplicate_of"] in (f"longer-of-{number}", None)


def test_short_and_empty_texts_are_compared_as_a_whole(folder, table):
    rows = by_url(table, folder / "out")
    assert rows["short-1"]["cluster_id"] == rows["short-2"]["cluster_id"]
    assert rows["short-3"]["cluster_size"] == 1
    assert sorted(rows[name]["keep"] for name in ("empty-1", "empty-2")) == [False, True]


def test_the_cluster_size_counts_its_documents(folder, table):
    rows = rows_of(table).values()
    for row in rows:
        assert row["cluster_size"] == sum(other["cluster_id"] == row["cluster_id"] for other in rows)


def test_compared_pairs_are_kept_for_review(folder, table):
    pairs = pq.read_table(table / "pairs.parquet").to_pylist()
    rows = rows_of(table)
    for pair in pairs:
        measured = "jaccard" if pair["jaccard"] >= JACCARD else "contained" if pair["containment"] >= CONTAINED else None
        assert (pair["missing_words"] is None) == (measured is None)
        passes = measured and pair["missing_words"] <= LONGEST_PASSAGE
        assert pair["evidence"] == (measured if passes else "rejected candidate")
        assert rows[pair["other_id"]]["keep"]
    rejected = {pair["id"] for pair in pairs if pair["evidence"] == "rejected candidate"}
    assert {name for name, row in rows.items() if row["evidence"] == "rejected candidate"} <= rejected


def bytes_of(table: Path) -> dict[str, bytes]:
    return {path.relative_to(table).as_posix(): path.read_bytes() for path in sorted(table.rglob("*")) if path.is_file()}


def test_any_number_of_workers_writes_the_same_bytes(folder, table):
    dedup(folder / "out", "--output", folder / "two", "--workers", 2)
    assert bytes_of(folder / "two") == bytes_of(table)


def test_the_order_of_outputs_does_not_matter(folder, tmp_path):
    old, new = (run_over(tmp_path, name, texts()) for name in ("old", "new"))
    dedup(old, new, "--output", tmp_path / "one")
    dedup(new, old, "--output", tmp_path / "other")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "other")


def test_a_stopped_run_continues_to_the_same_bytes(folder, table, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for where, name in (
        (comparing, "find_contents"),
        (comparing, "decide"),
        (module, "make_report"),
        (module, "write_table_record"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, stop)
            code, output = call("dedup", folder / "out", "--output", folder / "stopped", "--workers", 1, "--quiet")
        assert (code, "run the same command again" in output) == (130, True)
    assert orjson.loads((folder / "stopped" / "table.json").read_bytes())["finished"] is False
    dedup(folder / "out", "--output", folder / "stopped", "--workers", 1)
    assert bytes_of(folder / "stopped") == bytes_of(table)


def test_a_full_disk_is_one_line(folder, table, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_report", fail)
        code, output = call("dedup", folder / "out", "--output", folder / "full", "--workers", 1, "--quiet")
    assert (code, output.count("\n")) == (2, 1)
    assert "No space left on device; fix this, and run the same command again" in output
    dedup(folder / "out", "--output", folder / "full", "--workers", 1)
    assert bytes_of(folder / "full") == bytes_of(table)


def test_a_finished_table_is_left_as_it_is(folder, table):
    assert "already finished, with the same documents and options" in dedup(folder / "out", "--output", table)


def test_a_rejected_document_never_displaces_a_kept_one(tmp_path):
    """The longest copy is rejected (`max: 20000` characters): a kept copy stays, and the rejected one goes."""
    text = page(1, 4000)
    rows = {"kept": text[:19_800], "rejected": text[:20_200]}
    output = run_over(tmp_path, "out", rows, files=1)
    dedup(output, "--output", tmp_path / "table")
    found = by_url(tmp_path / "table", output)
    assert found["kept"]["keep"]
    assert found["rejected"]["duplicate_of"] == "kept"
    assert orjson.loads((tmp_path / "table" / "report.json").read_bytes())["duplicates"] == 0


@pytest.mark.parametrize(("words", "stays"), [(80, False), (130, True)])
def test_a_document_with_a_passage_of_its_own_stays(tmp_path, words, stays):
    """Two bodies within one frame of 3,000 words have a Jaccard similarity of more than 0.9, but not the same content."""
    before, after = page(1, 1500), page(2, 1500)
    bodies = {f"body-{number}": f"{before}\n{page(50 + number, words)}\n{after}" for number in range(2)}
    output = run_over(tmp_path, "out", bodies, files=1)
    dedup(output, "--output", tmp_path / "table")
    pair = pq.read_table(tmp_path / "table" / "pairs.parquet").to_pylist()[0]
    assert pair["jaccard"] > 0.9
    assert words - 5 <= pair["missing_words"] <= words
    assert all(row["keep"] for row in rows_of(tmp_path / "table").values()) == stays


def test_no_document_goes_by_a_chain(tmp_path):
    """Each text is near to the next one, but not to the one after it: who goes was measured against one that stays."""
    words = page(1, 600).split()
    rows = {f"link-{number}": " ".join(words[number * 12 : number * 12 + 150]) for number in range(12)}
    output = run_over(tmp_path, "out", rows, files=2)
    dedup(output, "--output", tmp_path / "table")
    found, known = rows_of(tmp_path / "table"), documents(output)
    gone = [row for row in found.values() if not row["keep"]]
    assert gone
    for row in gone:
        own, other = (plain_shingles(known[name]["text"]) for name in (row["id"], row["duplicate_of"]))
        assert len(own & other) / len(own | other) >= JACCARD
        assert found[row["duplicate_of"]]["keep"]


@pytest.mark.parametrize(
    ("keep", "stays"),
    [("best", "long"), ("-length", "short"), ("url", "short"), ("-url", "long"), ("-text_chars", "short"), ("output", "first")],
)
def test_the_ranking_says_which_copy_stays(tmp_path, keep, stays):
    first = run_over(tmp_path, "first", {"long": page(1) + " and more", "other": page(2)}, files=1)
    second = run_over(tmp_path, "second", {"short": page(1), "another": page(3)}, files=1)
    dedup(second, first, "--output", tmp_path / "table", "--keep", keep)
    rows = by_url(tmp_path / "table", first, second)
    stays = "short" if stays == "first" else stays
    assert [rows[url]["keep"] for url in ("long", "short")] == [stays == "long", stays == "short"]
    record = orjson.loads((tmp_path / "table" / "table.json").read_bytes())
    assert record["keep"] == ("length" if keep == "best" else keep)


def test_levels(tmp_path):
    rows = {
        "copy?b=1#x": page(1),
        "copy?b=1": page(2),
        "far": page(3),
        "far-spelled": page(3).upper(),
        "near": page(4),
        "near-noisy": with_noise(page(4), 0.005, 1),
    }
    output = run_over(tmp_path, "out", rows, files=2)
    expected = {"exact": {"exact"}, "near": {"exact", "jaccard"}, "url": {"url"}}
    for level, evidence in expected.items():
        dedup(output, "--output", tmp_path / level, "--level", level)
        assert {row["evidence"] for row in rows_of(tmp_path / level).values() if not row["keep"]} == evidence
    gone = [row for row in rows_of(tmp_path / "url").values() if not row["keep"]]
    assert [(row["similarity"], row["cluster_size"]) for row in gone] == [(None, 2)]


def test_one_document_many_times(tmp_path):
    """10,000 copies of one text, 300 of which have one word more."""
    rows = {f"copy-{number}": page(1) + (f" {number}" if number < 300 else "") for number in range(10_000)}
    output = run_over(tmp_path, "out", rows, files=2)
    dedup(output, "--output", tmp_path / "table", "--workers", 1)
    found = rows_of(tmp_path / "table").values()
    assert sum(row["keep"] for row in found) == 1
    assert {row["cluster_size"] for row in found} == {10_000}
    report = orjson.loads((tmp_path / "table" / "report.json").read_bytes())
    assert report["clusters_by_size"] == {"8193-16384": 1}
    assert (report["duplicates"], report["evidence"]) == (9_999, {"jaccard": 9_999})


def test_hot_buckets_are_cut_and_counted(tmp_path, monkeypatch):
    """Many texts that share a band, but are no copies: each is compared with a few of those that stay."""
    frame = page(1, 100)
    rows = {f"page-{number}": f"{frame} {page(100 + number, 40)}" for number in range(40)}
    output = run_over(tmp_path, "out", rows, files=2)
    monkeypatch.setattr("curricle.pipelines.deduplication.decide.MOST_COMPARED", 2)
    text = dedup(output, "--output", tmp_path / "table")
    report = orjson.loads((tmp_path / "table" / "report.json").read_bytes())
    assert MOST_COMPARED == 64
    assert report["hot_buckets"] > 0
    assert f"{report['hot_buckets']:,} buckets were too large" in text
    assert all(row["keep"] for row in rows_of(tmp_path / "table").values())


@pytest.fixture(scope="module")
def crawls(tmp_path_factory):
    """Two crawls, which share pages and edits of pages; the index of the first; the second against it, and both together."""
    folder = tmp_path_factory.mktemp("crawls")
    rows = list(texts().items())
    draw = random.Random(3)
    old = run_over(folder, "old", {url: text for url, text in rows if draw.random() < 0.6})
    draw = random.Random(3)
    new = run_over(folder, "new", {url: text for url, text in rows if draw.random() >= 0.6 or url.startswith("spelled")})
    dedup(old, "--output", folder / "table-old", "--index-out", folder / "index")
    dedup(new, "--output", folder / "table-new", "--against", folder / "index")
    dedup(old, new, "--output", folder / "table-both", "--keep", "output,length")
    return folder


def test_against_an_index_is_the_same_as_the_union_with_old_documents_first(crawls):
    together = rows_of(crawls / "table-both")
    apart = rows_of(crawls / "table-old") | rows_of(crawls / "table-new")
    assert apart.keys() == together.keys()
    names = ("duplicate_of", "keep", "evidence", "similarity")
    assert {key: [row[name] for name in names] for key, row in apart.items() if not row["keep"]} == {
        key: [row[name] for name in names] for key, row in together.items() if not row["keep"]
    }
    old = documents(crawls / "old")
    assert sum(row["duplicate_of"] in old for row in rows_of(crawls / "table-new").values()) > 20


def test_an_index_does_not_depend_on_workers(crawls, tmp_path):
    dedup(crawls / "old", "--output", tmp_path / "table", "--index-out", tmp_path / "index", "--workers", 2)
    assert bytes_of(tmp_path / "index") == bytes_of(crawls / "index")


def test_an_index_of_a_finished_table_can_be_written_later(crawls, tmp_path):
    dedup(crawls / "old", "--output", tmp_path / "table")
    dedup(crawls / "old", "--output", tmp_path / "table", "--index-out", tmp_path / "index")
    assert bytes_of(tmp_path / "index") == bytes_of(crawls / "index")
    assert bytes_of(tmp_path / "table") == bytes_of(crawls / "table-old")


def damage_rows(index: Path) -> None:
    path = index / "documents.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def change_parameters(index: Path) -> None:
    record = orjson.loads((index / "index.json").read_bytes())
    record["parameters"]["bands"] = 20
    (index / "index.json").write_bytes(orjson.dumps(record))


@pytest.mark.parametrize(
    ("harm", "arguments", "message"),
    [
        (damage_rows, [], "damaged: its hash is not the one in index.json"),
        (change_parameters, [], "made with other parameters: bands 20, not 14"),
        (lambda index: (index / "index.json").unlink(), [], "not a finished index"),
        (lambda index: (index / "documents.parquet").unlink(), [], "No such file"),
        (lambda _: None, ["--level", "url"], "urls False, not True"),
    ],
)
def test_an_index_that_cannot_be_used_is_refused(crawls, tmp_path, harm, arguments, message):
    shutil.copytree(crawls / "index", tmp_path / "index")
    harm(tmp_path / "index")
    code, output = call("dedup", crawls / "new", "--against", tmp_path / "index", "--output", tmp_path / "table", *arguments)
    assert (code, output.count("\n")) == (2, 1)
    assert message in output
    assert not (tmp_path / "table").exists()


def test_an_index_of_the_same_documents_is_refused(crawls, tmp_path):
    code, output = call("dedup", crawls / "old", "--against", crawls / "index", "--output", tmp_path / "table", "--quiet")
    assert code == 2
    assert "both hold the document" in output


def test_a_rule_of_redecide_leaves_duplicates_out(folder, table, tmp_path):
    rule = "  - {name: duplicate, column: keep, in: [true]}"
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("[{", "\n  - {").replace("}]", "}") + rule)
    arguments = ["--recipe", tmp_path / "recipe.yaml", "--with", table, "--output", tmp_path / "out"]
    code, output = call("redecide", folder / "out", *arguments)
    assert code == 0, output
    kept = {name for path in (tmp_path / "out").glob("kept/*") for name in pq.read_table(path)["id"].to_pylist()}
    assert kept == {name for name, row in rows_of(table).items() if row["keep"]}


def test_two_outputs_with_the_same_ids_are_refused(tmp_path, monkeypatch):
    """Two runs over different files of the same name, from different folders."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        Path("in.jsonl").write_text(json.dumps({"text": page(number)}))
        assert call("run", "../recipe.yaml", "--input", "in.jsonl", "--output", "out", "--workers", 1, "--quiet")[0] == 0
    monkeypatch.chdir(tmp_path)
    code, output = call("dedup", "0/out", "1/out", "--output", "table", "--quiet")
    assert (code, output.count("\n")) == (2, 1)
    assert "both hold the document" in output or "contain the same shard" in output


def test_an_output_without_documents(tmp_path):
    """Also one of whose shards has no document left."""
    output = run_over(tmp_path, "out", {"a": page(1)}, files=1)
    ids = tmp_path / "ids"
    ids.write_text(next(iter(documents(output))))
    assert call("remove", output, "--ids", ids)[0] == 0
    text = dedup(output, "--output", tmp_path / "table", "--index-out", tmp_path / "index")
    assert "0 of 0 kept documents are duplicates" in text
    other = run_over(tmp_path, "other", {"b": page(1), "c": page(1).upper()}, files=1)
    assert "1 of 2 kept" in dedup(output, other, "--output", tmp_path / "both", "--against", tmp_path / "index")


def test_a_dry_run_writes_nothing(folder, crawls):
    before = sorted(folder.iterdir())
    code, output = call("dedup", folder / "out", "--against", crawls / "index", "--dry-run")
    lines = output.splitlines()
    assert (code, lines[0], lines[-1]) == (
        0,
        f"{len(texts())} documents in 3 shards",
        "levels: exact, near; of copies, the first by length stays",
    )
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["out"], "give --output, or --dry-run to write nothing"),
        (["out", "--output", "in-out"], "not empty, and not an attribute table"),
        (["in-out", "--output", "new"], "not an output of `curricle run`"),
        (["out", "out", "--output", "new"], "contain the same shard"),
        (["out", "--keep", "quality", "--output", "new"], "has no column 'quality'"),
        (["out", "--keep", "length,-length", "--output", "new"], "a column is named twice"),
        (["out", "--index-out", "in-out", "--output", "new"], "not empty, and not an index"),
        (["out", "--against", "in-out", "--output", "new"], "not a finished index"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    code, output = call("dedup", *arguments)
    assert (code, output.count("\n")) == (2, 1)
    assert message in output
    assert not (folder / "new").exists()


def test_a_table_of_other_options_is_refused(folder, table):
    code, output = call("dedup", folder / "out", "--output", table, "--level", "exact")
    assert code == 2
    assert "made with other levels; choose another output folder" in output
