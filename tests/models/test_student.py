"""The student: features, scores, row independence, bounded reading, and what is rejected."""

import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.models.cards import CARD, ModelError, check_files, file_sha256
from curricle.models.catalog import model_folder
from curricle.models.raters import student
from curricle.models.raters.embedding import PIECES, VECTORS, Pieces
from curricle.models.raters.features import HEAD, LIMIT, TAIL, character_table, cut_texts, extract
from curricle.models.raters.layer_kernels import add_kernel, add_ngrams, embed_pieces
from curricle.models.raters.layers import landmark_lengths, quantize, top_two
from curricle.models.raters.ngrams import SLOTS
from curricle.models.raters.organizer import TAG_HEADS, TAG_TABLE
from curricle.models.raters.student import FILES, HEADS, TABLE, Student
from curricle.models.raters.train.distil import RARITY, RIDGE, Documents, fit, make_targets
from curricle.schemas.columns import DOMAIN, DOMAINS, FORMAT, FORMATS, QUALITY, QUALITY_CRITERIA, RAW, TOPIC, TOPICS

GOOD = (
    "The heart pumps blood through the body. With every beat, the ventricles contract and send oxygen-rich blood into the "
    "arteries, while the atria fill again from the veins. In adults at rest this happens about seventy times a minute, and the "
    "rate rises with exercise, fever or fear. Physicians listen to the valves with a stethoscope; a murmur may point to a "
    "narrowed or leaking valve, which an ultrasound examination can confirm before surgery is considered."
)
BAD = "BUY NOW!!! $$$ CHEAP p1lls >>> click here <<< FREE FREE FREE\nCLICK HERE http://x.example/1\n" * 8


@pytest.fixture(scope="session")
def model() -> Student:
    return student.load(model_folder("student"))


def strings(*texts: str | None) -> pa.Array:
    return pa.array(texts, pa.string())


def all_columns(model: Student, texts: pa.Array) -> dict[str, list[object]]:
    columns = {**model.rate(texts), **model.tag(texts), **model.organize(texts, "topic"), **model.organize(texts, "format")}
    return {name: array.to_pylist() for name, array in columns.items()}


def test_the_shipped_files_are_those_of_the_card(model: Student):
    folder = model_folder("student")
    check_files(folder, model.card)
    assert {path.name for path in folder.iterdir()} == {"card.json", *FILES}
    assert sum(len(zlib.compress(path.read_bytes())) for path in folder.iterdir()) <= 15_000_000  # as in the wheel


def test_columns_are_those_of_the_schema_and_ratings_lie_in_1_to_5(model: Student):
    texts = strings(GOOD, BAD, "")
    quality, domain = model.rate(texts), model.tag(texts)
    assert {name: array.type for name, array in quality.items()} == {column.name: column.dtype for column in (*QUALITY, *RAW)}
    assert {name: array.type for name, array in domain.items()} == {column.name: column.dtype for column in DOMAIN}
    ratings = np.array([quality[f"quality_{name}"].to_pylist() for name in QUALITY_CRITERIA])
    assert ratings.min() >= 1
    assert ratings.max() <= 5
    assert set(domain["domain"].to_pylist()) | set(domain["domain_2"].to_pylist()) <= set(DOMAINS)
    for name, columns, names in (("topic", TOPIC, TOPICS), ("format", FORMAT, FORMATS)):
        tags = model.organize(texts, name)
        assert {key: array.type for key, array in tags.items()} == {column.name: column.dtype for column in columns}
        assert set(tags[name].to_pylist()) <= set(names)


def test_prose_is_rated_above_spam_and_its_subject_is_found(model: Student):
    quality = model.rate(strings(GOOD, BAD), pa.array(["en", "en"]))
    good, bad = quality["quality_overall_raw"].to_pylist()
    assert good > bad + 1
    assert quality["quality_sensitivity"].to_pylist()[0] == 5
    assert quality["quality_status"].to_pylist() == ["ok", "ok"]
    assert model.tag(strings(GOOD))["domain"].to_pylist() == ["Medicine"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        pytest.param("", "en", id="empty"),
        pytest.param(" \n\t \n", "en", id="white-space"),
        pytest.param("Too short to judge.", "en", id="short"),
        pytest.param("😀🎉" * 300, "en", id="emoji"),
        pytest.param("\x00\x01\x02\ufffd" * 400, "en", id="binary-like"),
        pytest.param(GOOD, "is", id="language-not-trained"),
        pytest.param(GOOD, None, id="language-unknown"),
    ],
)
def test_a_text_unlike_the_training_documents_is_rated_but_out_of_domain(model: Student, text: str, language: str | None):
    quality = model.rate(strings(text), pa.array([language], pa.string()))
    assert quality["quality_status"].to_pylist() == ["out_of_domain"]
    assert all(array.null_count == 0 for array in quality.values())
    assert np.isfinite(quality["quality_overall_raw"].to_numpy()).all()
    first, second = (model.tag(strings(text))[name][0].as_py() for name in ("domain_score", "domain_2_score"))
    assert 0 < second <= first < first + second <= 1 + 1e-6


def test_a_chinese_script_variant_counts_as_chinese(model: Student):
    assert {"en", "de", "zh", "tr"} <= set(model.card.languages)


def test_only_the_two_ends_of_a_long_text_are_read(model: Student):
    head, tail = ("Öffentliche Straße. " * 70)[:HEAD], ("Конец главы 7. " * 50)[:TAIL]
    cut = f"{head} [...] {tail}"
    assert len(cut) <= LIMIT
    long = head + "中文😀 x " * 300_000 + tail
    assert all_columns(model, strings(long)) == all_columns(model, strings(cut))


def test_a_text_of_the_limit_is_read_whole(model: Student):
    table = character_table()
    text = "ab c" * (LIMIT // 4)
    whole, longer = extract(strings(text), table), extract(strings(text + "."), table)
    assert np.isclose(np.expm1(whole[3][0, 0]), LIMIT)
    assert np.isclose(np.expm1(longer[3][0, 0]), HEAD + TAIL + len(" [...] "))


def test_a_batch_of_one_equals_a_batch_of_64_exactly(model: Student, shared_data: Path):
    file = shared_data / "ratings" / "ratings.parquet"
    texts = pq.read_table(file, columns=["text"])["text"].combine_chunks().cast(pa.string()).slice(100, 64)
    together = all_columns(model, texts)
    apart = [all_columns(model, texts.slice(n, 1)) for n in range(64)]
    assert together == {name: [row[name][0] for row in apart] for name in together}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=300)), max_size=6), st.lists(st.text(max_size=3000), max_size=3))
def test_a_row_does_not_see_its_neighbors_and_every_text_has_finite_features(first: list[str | None], second: list[str]):
    table = character_table_once()
    a, b, both = (extract(strings(*texts), table) for texts in (first, second, [*first, *second]))
    assert np.array_equal(both[1], np.concatenate([a[1], b[1]]))
    assert np.array_equal(both[2], np.concatenate([a[2], b[2]]))
    assert np.array_equal(both[3], np.concatenate([a[3], b[3]]))
    assert np.isfinite(both[3]).all()
    assert np.isfinite(both[2]).all()
    assert both[1].size == 0 or 0 <= both[1].min() <= both[1].max() < SLOTS


_TABLE: list[np.ndarray] = []


def character_table_once() -> np.ndarray:
    if not _TABLE:
        _TABLE.append(character_table())
    return _TABLE[0]


def test_the_models_character_table_is_this_pythons_for_common_scripts(model: Student):
    assert np.array_equal(model.encoder.characters[:, :0x530], character_table()[:, :0x530])


@pytest.mark.parametrize("name", FILES)
def test_a_missing_weight_file_is_named(tmp_path: Path, name: str):
    folder = shutil.copytree(model_folder("student"), tmp_path / "m")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        student.load(folder)


def stamp(folder: Path) -> None:
    """Make the card say what the files of a changed model hold."""
    card = orjson.loads((folder / CARD).read_bytes())
    card["files"] = {name: file_sha256(folder / name) for name in card["files"]}
    (folder / CARD).write_bytes(orjson.dumps(card))


def test_piece_vectors_that_do_not_fit_the_pieces_are_rejected(tmp_path: Path):
    folder = shutil.copytree(model_folder("student"), tmp_path / "m")
    with np.load(folder / VECTORS) as file:
        arrays = dict(file)
    np.savez(folder / VECTORS, **{**arrays, "kept": arrays["kept"] + 100_000})
    stamp(folder)
    with pytest.raises(ModelError, match=r"vectors\.npz holds int8 \(60000, 128\) for \(60000,\) of 128000 pieces"):
        student.load(folder)


def test_the_embedding_is_the_weighted_mean_of_piece_vectors_of_length_1(model: Student):
    table = model.encoder.embedding
    text = "A river is a river, and rivers flow \U00013000."
    pieces = table.pieces.split(strings(text))[0].tolist()
    assert max(pieces) >= table.pieces.size  # one is unknown, and counts nothing
    pieces = [piece for piece in pieces if piece < table.pieces.size]
    total = -table.center.astype(np.float64)
    for piece in set(pieces):
        if (row := table.rows[piece]) >= 0:
            total += (1 + np.log(pieces.count(piece))) * table.scale * table.vectors[row]
    found = table.embed(strings(text, None, ""))
    assert found[0] == pytest.approx(total / np.linalg.norm(total), abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert np.array_equal(found[1], found[2])


def test_pieces_of_plain_text_are_those_of_sentencepiece_but_for_ties(shared_data: Path):
    path = model_folder("student") / PIECES
    file = pq.read_table(shared_data / "ratings" / "ratings.parquet", columns=["text"])
    plain = cut_texts(file.filter(pc.string_is_ascii(file["text"]))["text"].combine_chunks().slice(0, 300))
    pieces, offsets = Pieces(path).split(plain)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path)).encode(plain.to_pylist(), num_threads=1)
    ours = np.split(np.where(pieces < 128_000, pieces, 0), offsets[1:-1])
    assert sum(a.tolist() == b for a, b in zip(ours, theirs, strict=True)) >= 298


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=40), st.text(min_size=2040, max_size=2160)), max_size=4))
def test_texts_are_cut_as_the_n_grams_are(texts: list[str | None]):
    cut = cut_texts(strings(*texts))
    table = character_table_once()
    before, after = extract(strings(*texts), table), extract(cut, table)
    assert [np.array_equal(a, b) for a, b in zip(before[:3], after[:3], strict=True)] == [True] * 3
    assert cut.to_pylist() == [
        text or "" if len(text or "") <= LIMIT else f"{text[:HEAD]} [...] {text[-TAIL:]}" for text in texts
    ]


def test_the_outputs_of_the_last_batch_are_given_again_and_of_another_are_not(model: Student):
    first, second = strings(GOOD, BAD), strings(BAD, GOOD)
    outputs = model.outputs(first).raw
    assert model.outputs(first).raw is outputs
    assert model.outputs(pa.concat_arrays([strings("x"), first]).slice(1)).raw is outputs
    assert np.array_equal(model.outputs(second).raw, outputs[::-1])
    assert not np.array_equal(model.outputs(strings(GOOD + BAD, "")).raw, outputs)


def test_threads_do_not_see_each_others_batches(model: Student):
    texts = [strings(*[GOOD[n:], BAD[n:]]) for n in range(12)]
    alone = [all_columns(model, batch) for batch in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda batch: all_columns(model, batch), texts * 4)) == alone * 4


@pytest.mark.parametrize("name", [TABLE, TAG_TABLE])
def test_weights_of_a_wrong_shape_are_rejected(tmp_path: Path, name: str):
    folder = shutil.copytree(model_folder("student"), tmp_path / "m")
    np.save(folder / name, np.zeros((4, 28), np.int8))
    stamp(folder)
    with pytest.raises(ModelError, match=rf"{name} holds int8 \(4, 28\)"):
        student.load(folder)


@pytest.mark.parametrize(("file", "name"), [(HEADS, "tag_landmarks"), (HEADS, "cuts"), (TAG_HEADS, "linear")])
def test_a_missing_array_is_named(tmp_path: Path, file: str, name: str):
    folder = shutil.copytree(model_folder("student"), tmp_path / "m")
    with np.load(folder / file) as arrays:
        kept = {key: arrays[key] for key in arrays if key != name}
    np.savez(folder / file, **kept)
    stamp(folder)
    with pytest.raises(ModelError, match=rf"{file}: {name} must be float32"):
        student.load(folder)


def test_a_recipe_and_terms_of_service_get_their_topic_and_format(model: Student):
    recipe = (
        "Preheat the oven to 180 degrees. Mix the flour, butter and sugar, add two eggs, and bake the cake for 40 minutes. " * 3
    )
    terms = (
        "These terms of service govern your use of this site. By using the site you accept this agreement and its liability. " * 3
    )
    assert model.organize(strings(recipe), "topic")["topic"].to_pylist() == ["Food & Dining"]
    assert model.organize(strings(recipe, terms), "format")["format"].to_pylist() == ["Tutorial", "Legal Notices"]


def test_the_shipped_topics_and_formats_are_those_of_pages_that_the_model_never_saw(model: Student, shared_data: Path):
    """The rated WebOrganizer pages, left out of its training with all pages of their hosts; 0.68 and 0.54 at the time."""
    pages = pq.read_table(shared_data / "domain" / "domain.parquet")
    rated = pq.read_table(shared_data / "ratings" / "ratings.parquet", columns=["id"])["id"].combine_chunks()
    pages = pages.filter(pc.and_(pc.equal(pages["source"], "WebOrganizer"), pc.is_in(pages["id"], value_set=rated)))
    texts = pages["text"].combine_chunks().cast(pa.string())
    for name, column, least in (("topic", "orig_label", 0.65), ("format", "format_label", 0.5)):
        tags = model.organize(texts, name)
        hits = pc.equal(tags[name], pages[column].combine_chunks().cast(pa.string()))
        assert pc.mean(hits).as_py() > least
        assert pc.mean(tags[f"{name}_score"]).as_py() == pytest.approx(pc.mean(hits).as_py(), abs=0.06)


def test_the_first_two_classes_are_those_of_the_softmax():
    scores = np.array([[0.1, 0.5, 0.3], [2, 2, 0]], dtype=np.float32)
    order, odds = top_two(scores, np.float32(2))
    softmax = np.exp(2 * scores) / np.exp(2 * scores).sum(axis=1, keepdims=True)
    assert order.tolist() == [[1, 2], [0, 1]]
    assert odds == pytest.approx(np.take_along_axis(softmax, order, axis=1))


@pytest.mark.parametrize("inputs", [1, 4, 7])
def test_the_kernel_layer_adds_gaussians_of_the_distance(inputs: int):
    rng = np.random.default_rng(inputs)
    rows, landmarks, weights = (rng.standard_normal(shape).astype(np.float32) for shape in ((9, inputs), (inputs, 5), (5, 18)))
    out = np.ones((9, 18), dtype=np.float32)
    add_kernel(rows, landmarks, landmark_lengths(landmarks), weights, out)
    distances = ((rows[:, :, None] - landmarks[None]) ** 2).sum(axis=1)
    assert out == pytest.approx(1 + np.exp(-distances) @ weights, abs=1e-5)


def test_a_domain_counts_its_share_to_the_power_of_minus_the_rarity():
    targets = make_targets([np.full(10, 3)] * len(QUALITY_CRITERIA), ["Medicine"] * 8 + ["Law"] * 2, 10)
    documents = Documents(
        texts=strings(*"abcdefghij"),
        languages=["en"] * 10,
        groups=[*"abcdefghij"],
        targets=targets,
        weights=np.ones((10, 2), np.float32),
    )
    dual, bias = fit(np.zeros((10, 10), np.float32), documents, np.arange(10))
    medicine, law = (len(QUALITY_CRITERIA) + DOMAINS.index(name) for name in ("Medicine", "Law"))
    assert bias[:14] == pytest.approx(3)
    assert bias[[medicine, law]] == pytest.approx([0.8 ** (1 - RARITY), 0.2 ** (1 - RARITY)])
    assert dual[0, medicine] == pytest.approx(0.2 / RIDGE * 0.8**-RARITY, rel=1e-4)


@pytest.mark.parametrize(("features", "outputs"), [(0, 16), (1, 17), (4, 31), (7, 32), (6, 48)])
def test_the_n_gram_layer_adds_each_features_row_times_its_value(features: int, outputs: int):
    rng = np.random.default_rng(features)
    table = rng.integers(-127, 128, (9, outputs)).astype(np.int8)
    indices, values = rng.integers(0, 9, features).astype(np.int32), rng.random(features).astype(np.float32)
    out, scale = np.ones((2, outputs), dtype=np.float32), rng.random(outputs).astype(np.float32)
    add_ngrams(np.array([0, 0, features]), indices, values, table, scale, out)
    assert out == pytest.approx(np.stack([np.ones(outputs), 1 + values @ table[indices] * scale]), rel=1e-5, abs=1e-5)


def test_quantized_weights_are_within_half_a_step():
    weights = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32) * np.array([1, 10, 0], dtype=np.float32)
    levels, scale = quantize(weights, 63)
    assert np.abs(levels).max() == 63
    assert np.all(np.abs(levels * scale - weights) <= scale * 0.5001)


def test_weights_in_another_order_are_taken(tmp_path: Path, model: Student):
    folder = shutil.copytree(model_folder("student"), tmp_path / "m")
    np.save(folder / TABLE, np.asfortranarray(np.load(folder / TABLE)))
    with np.load(folder / VECTORS) as file:
        np.savez(folder / VECTORS, **{name: np.asfortranarray(array) for name, array in file.items()})
    stamp(folder)
    assert student.load(folder).rate(strings(GOOD, BAD)) == model.rate(strings(GOOD, BAD))


def test_a_pickle_is_not_opened(tmp_path: Path):
    folder = shutil.copytree(model_folder("student"), tmp_path / "m")
    np.save(folder / TABLE, np.array([{}], dtype=object), allow_pickle=True)
    stamp(folder)
    with pytest.raises(ModelError):
        student.load(folder)


def test_another_kind_of_model_is_rejected():
    with pytest.raises(ModelError, match="kind"):
        student.load(model_folder("lid.176"))


def test_an_embedding_does_not_depend_on_the_document_before_and_is_zero_without_pieces():
    vectors = np.eye(2, 16, dtype=np.int8)
    out = np.ones((3, 16), np.float32)
    pieces, offsets = np.array([0, 0, 1, 0, 1], np.int32), np.array([0, 3, 5, 5])
    scale, center = np.ones(16, np.float32), np.zeros(16, np.float32)
    embed_pieces(pieces, offsets, np.arange(2, dtype=np.int32), vectors, scale, center, out)
    twice = 1 + np.log(2)
    assert out[0, :2] == pytest.approx(np.array([twice, 1]) / np.hypot(twice, 1))
    assert out[1, :2] == pytest.approx(np.sqrt([0.5, 0.5]))
    assert not out[2].any()
