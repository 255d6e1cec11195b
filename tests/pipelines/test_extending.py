"""Stages, rule sets, raters and formats from outside: the examples of docs/extending.md, and everything that can be wrong."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import apache_beam as beam
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from curricle.pipelines.cli.main import group
from curricle.pipelines.curriculum.errors import CurriculumError
from curricle.pipelines.curriculum.formats import check_format
from curricle.pipelines.curriculum.plan_file import load_plan
from curricle.pipelines.execute.run import Launched, Launcher
from curricle.pipelines.execute.run_shard import run_shard
from curricle.pipelines.execute.run_stage import RunKernel, RunStage
from curricle.pipelines.execute.shard_failure import ShardError
from curricle.pipelines.execute.shard_task import ShardTask
from curricle.pipelines.plan.recipe import Recipe, RecipeError, check_recipe
from curricle.pipelines.plan.run_plan import make_plan, place_decisions
from curricle.pipelines.plan.stage_table import modules_of
from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.extensions import code_hashes
from curricle.schemas.shards import Envelope, Shard, seal
from curricle.schemas.stage import Stage, Step

PAGE = Path(__file__).parents[2] / "docs/extending.md"
CODE = 'import sys; sys.argv[0] = "curricle"; from curricle.pipelines.cli.main import main; main()'


AS_A_USER_RUNS_IT = "run no_casino.yaml"
"""The command of the page that runs in a process of its own. The others run in this one, where Beam is imported already."""


def in_this_process(workers: int) -> Launcher:
    """A launcher without workers."""

    def launch(tasks: Sequence[ShardTask], quiet: bool) -> Launched:
        return Launched(cpu_us=dict(sum((Counter(run_shard(task, lambda *_: None)) for task in tasks), Counter())))

    return launch


def blocks(kind: str) -> list[tuple[str, str]]:
    """Title and content of the page's code blocks of one kind."""
    return re.findall(rf'^```{kind}(?: title="([^"]+)")?\n(.*?)^```', PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """A folder with all files of the page, in which all its commands were run."""
    folder = tmp_path_factory.mktemp("page")
    modules = {title.removesuffix(".py") for title, _ in blocks("python")}
    for kind in ("json", "python", "yaml"):
        for title, content in blocks(kind):
            (folder / title).write_text(content, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr("curricle.pipelines.execute.local.local_launcher", in_this_process)
        for line in "".join(commands for _, commands in blocks("console")).splitlines():
            program, command = line.removeprefix("$ ").split(maxsplit=1)
            assert program == "curricle"
            if command.startswith(AS_A_USER_RUNS_IT):
                arguments = [sys.executable, "-P", "-c", CODE, *command.split()]
                process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            else:
                with pytest.raises(SystemExit) as ended:
                    group.main(command.split(), prog_name="curricle")
                assert ended.value.code == 0, command
    for module in modules:
        sys.modules.pop(module, None)
    _, error = process.communicate()
    assert process.returncode == 0, error
    return folder


def kept(output: Path) -> list[str]:
    return sorted(pq.read_table(output / "kept")["url"].to_pylist())


def test_every_python_example_is_short():
    lines = {title: len(list(filter(None, content.splitlines()))) for title, content in blocks("python")}
    assert set(lines) == {"casino.py", "one_off.py", "sentences.py", "plain_text.py"}
    assert max(lines.values()) < 20


@pytest.mark.parametrize(
    ("output", "numbers"),
    [
        pytest.param("no_casino", "23", id="a stage"),
        pytest.param("short", "12", id="a function"),
        pytest.param("with_rules", "12", id="a rule set"),
        pytest.param("rated", "123", id="a rater"),
    ],
)
def test_an_example_keeps_what_its_rule_says(page, output, numbers):
    assert kept(page / output) == [f"https://a.example/{number}" for number in numbers]


def test_a_stage_from_outside_is_described_timed_and_part_of_the_fingerprint(page):
    assert "| `casino_words` | int32 | occurrences of the words | no text |" in (page / "no_casino/README.md").read_text("utf-8")
    record = orjson.loads((page / "no_casino/run.json").read_bytes())
    assert set(record["stage_cpu_seconds"]) == {"casino", "decide"}
    assert len(record["made_by"]["code casino"]) == 64


def test_a_format_writes_the_files_of_a_curriculum(page):
    [path] = (page / "curriculum").rglob("*.txt")
    assert sorted(text.split()[1] for text in path.read_text("utf-8").split("\n\n")) == ["bridge", "casino"]
    assert "code plain_text" in orjson.loads((page / "curriculum/curriculum.json").read_bytes())["made_by"]


OUTSIDE = """
import pyarrow as pa
from curricle.models.raters.rater import OutsideRaterConfig
from curricle.schemas.column import Column
from curricle.schemas.config import Config
from curricle.schemas.stage import Stage

class Words(Config):
    words: tuple[str, ...] = ()

class Unhashable(Config):
    words: list[str] = []

class Rating(OutsideRaterConfig):
    depth: int = 1

    def writes(self):
        return (Column(name=f"{self.prefix}_depth", dtype=pa.int8(), doc="", null=""),)

COLUMNS = (Column(name="n", dtype=pa.int32(), doc="a number"),)
VALUE = {}

def measure(batch, *_):
    return batch.append_column("n", pa.array([1] * batch.num_rows, pa.int32()))

def load(config):
    return 1

STAGE = Stage(name="outside", kernel=measure, config=Words, columns=COLUMNS)
LOADS_A_LIST = Stage(name="outside", kernel=measure, config=Unhashable, columns=COLUMNS, load=load)
LAMBDA = Stage(name="outside", kernel=lambda batch, config: batch)
ONE_ARGUMENT = Stage(name="outside", kernel=load, columns=COLUMNS)
"""


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """A folder with the module `outside`, two that cannot be imported, and an installed package with entry points."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outside.py").write_text(OUTSIDE)
    (tmp_path / "broken.py").write_text("import outside\nimport no_such_library\n")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    info = tmp_path / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[curricle.stages]\nplugged = outside:STAGE\nspoiled = raises:STAGE\ngone = outside:GONE\n"
        "[curricle.raters]\ndepth = outside:Rating\n[curricle.formats]\nnone = outside:VALUE\n"
    )
    yield tmp_path
    for name in ("outside", "broken", "raises"):
        sys.modules.pop(name, None)


def recipe_of(stages: dict) -> Recipe:
    return check_recipe("r", {"stages": stages}, "r.yaml")


REFUSED = {
    "a module that is not there": (
        {"s": {"use": "outsid:STAGE"}},
        "stages.s: no module 'outsid' in the file's folder, in the current folder or among the installed packages",
    ),
    "a module inside a module": (
        {"s": {"use": "outside.deep:STAGE"}},
        "stages.s: no module 'outside.deep' in the file's folder",
    ),
    "a name that the module does not have": ({"s": {"use": "outside:STAG"}}, "outside.py) has no 'STAG'; did you mean 'STAGE'?"),
    "no Stage": ({"s": {"use": "outside:VALUE"}}, "stages.s: outside:VALUE is of type dict, not a Stage or a function"),
    "a class": ({"s": {"use": "outside:Words"}}, "stages.s: outside:Words is a class, not a Stage or a function"),
    "no reference": (
        {"s": {"use": "./outside.py:STAGE"}},
        "'./outside.py:STAGE': write MODULE:NAME, such as my_package.casino:STAGE",
    ),
    "a module that needs another": (
        {"s": {"use": "broken:STAGE"}},
        "stages.s: importing broken fails: ModuleNotFoundError: No module named 'no_such_library'",
    ),
    "a module that raises": ({"s": {"use": "raises:STAGE"}}, "importing raises fails: ZeroDivisionError: division by zero"),
    "an entry point that raises": (
        {"spoiled": {}},
        "stages.spoiled: entry point 'spoiled' of the package plugin: importing raises fails: ZeroDivisionError",
    ),
    "an entry point without its object": ({"gone": {}}, "entry point 'gone' of the package plugin: outside"),
    "a name near an entry point's": ({"pluged": {}}, "stages.pluged: unknown stage 'pluged'; did you mean 'plugged'?"),
    "a setting that is misspelled": ({"s": {"use": "outside:STAGE", "wrods": []}}, "s.wrods: unknown key; did you mean 'words'?"),
    "a function without columns": (
        {"s": {"use": "outside:measure"}},
        "stages.s.writes: name the columns that the function appends, each with its type, such as {is_short: bool}",
    ),
    "a type that is misspelled": (
        {"s": {"use": "outside:measure", "writes": {"n": "int23"}}},
        "stages.s.writes: column 'n': unknown type 'int23'; did you mean 'int32'?",
    ),
    "a function with settings": (
        {"s": {"use": "outside:measure", "writes": {"n": "int32"}, "read": ["n"]}},
        "stages.s.read: unknown key; did you mean 'reads'?",
    ),
    "a lambda": ({"s": {"use": "outside:LAMBDA"}}, "stages.s: the stage cannot be sent to workers: Can't pickle"),
    "a kernel of one argument": (
        {"s": {"use": "outside:ONE_ARGUMENT"}},
        "stages.s: the kernel of the stage cannot be called as kernel(batch, config): too many positional arguments",
    ),
    "settings that cannot be hashed": (
        {"s": {"use": "outside:LOADS_A_LIST"}},
        "stages.s: the stage cannot be sent to workers: unhashable type: 'list'",
    ),
    "the name of the decision": ({"decide": {"use": "outside:STAGE"}}, "stages.decide: a stage's name is made of letters"),
    "a rater that is not there": ({"quality": {"rater": "outside:Ratin"}}, "has no 'Ratin'; did you mean 'Rating'?"),
    "no rater": ({"quality": {"rater": "outside:Words"}}, "outside:Words is a class, not a subclass of OutsideRaterConfig"),
    "a rater's setting that is misspelled": (
        {"quality": {"rater": "outside:Rating", "dept": 2}},
        "outside:Rating: dept: unknown key; did you mean 'depth'?",
    ),
    "a rater that is misspelled": ({"quality": {"rater": "dept", "x": 1}}, "no rater 'dept'; did you mean 'depth'?"),
}


@pytest.mark.parametrize(("stages", "message"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_extension_is_one_line(outside, stages, message):
    with pytest.raises(RecipeError) as error:
        recipe_of(stages)
    assert str(error.value).startswith("r.yaml: stages.")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_entry_point_is_named_by_its_key_or_by_use_and_its_code_counts(outside):
    recipe = recipe_of({"plugged": {"words": ["a"]}, "quality": {"rater": "depth", "prefix": "p"}})
    plugged, quality = recipe.steps
    assert [column.name for column in plugged.columns] == ["n"]
    assert (modules_of(plugged), modules_of(quality) - {"outside"}) == (
        {"outside"},
        {name for name in modules_of(quality) if name.startswith("curricle.")},
    )
    assert set(code_hashes(modules_of(quality))) == {"outside"}
    again = check_recipe("r", recipe.resolved(), "out/recipe.yaml")
    assert again.steps == recipe.steps
    assert recipe_of({"own": {"use": "plugged"}}).steps[0].settings() == {"use": "plugged", "words": []}


def test_the_code_of_an_extension_is_its_file_or_its_whole_package(outside):
    before = code_hashes(["outside", "curricle.stages.language"])
    (outside / "outside.py").write_text(OUTSIDE + "\n")
    assert set(before) == {"outside"}
    assert code_hashes(["outside"]) != before
    package = outside / "pack/inner"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "stage.py").write_text("")
    first = code_hashes(["pack.inner.stage"])
    (package.parent / "notes.txt").write_text("no code")
    assert code_hashes(["pack.inner"]) == first
    (package.parent / "helper.py").write_text("")
    assert set(first) == {"pack"}
    assert code_hashes(["pack.inner.stage"]) != first


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        pytest.param(
            {"a": {"use": "outside:STAGE"}, "b": {"use": "outside:STAGE"}},
            "stage 'b' and stage 'a' both write column 'n'",
            id="one stage twice",
        ),
        pytest.param(
            {"a": {"use": "outside:measure", "writes": {"text": "string"}}},
            "stage 'a' and the reader both write column 'text'",
            id="a column of the reader",
        ),
        pytest.param(
            {"a": {"use": "outside:measure", "writes": {"reject_reason": "string"}}},
            "stage 'a' and the decision both write column 'reject_reason'",
            id="a column of the decision",
        ),
        pytest.param(
            {"late": {"use": "outside:measure", "reads": ["n"], "writes": {"m": "int32"}}, "a": {"use": "outside:STAGE"}},
            "stage 'late' reads column 'n': put the stage 'a' before it",
            id="a stage that comes too late",
        ),
    ],
)
def test_a_clash_of_columns_names_both_writers(outside, stages, message):
    with pytest.raises(RecipeError, match=re.escape(message)):
        place_decisions(recipe_of(stages))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("arrow", "format: unknown format 'arrow'", id="an unknown name"),
        pytest.param("outside:FORMAT", "has no 'FORMAT'", id="a name that the module does not have"),
        pytest.param("none", "format: none is a dict, not a Format", id="no Format"),
    ],
)
def test_a_wrong_format_is_one_line(outside, name, message):
    (outside / "plan.yaml").write_text(f"phases: [{{name: one, tokens: 10}}]\nformat: {name}\n")
    with pytest.raises(CurriculumError) as error:
        check_format(load_plan("plan.yaml").format)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("- {name: a, column: text, mx: 1}", "mine.yaml: rule 1: mx: unknown key; did you mean 'max'?", id="a key"),
        pytest.param("- text", "mine.yaml: rule 1 must be a mapping, not 'text'", id="no mapping"),
        pytest.param("- [", "mine.yaml: line 1, column 4: not valid YAML: expected the node content", id="no YAML"),
        pytest.param(None, "mine.yaml: no such file", id="no file"),
        pytest.param("{name: a}", "mine.yaml: neither a list of rules nor", id="neither a rule set nor thresholds"),
    ],
)
def test_a_wrong_rule_file_is_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(RecipeError) as error:
        check_recipe("r", {"decide": [{"use": "mine.yaml"}]}, "r.yaml", tmp_path)
    assert message in str(error.value)


ROWS = seal(
    pa.record_batch({"id": ["1", "2"], "text": ["a", "b"], "source_offset": [0, 1]}),
    Envelope(shard=Shard(name="a", source="a.jsonl", url="/a.jsonl", format="jsonl"), sequence=0),
)
NUMBER = Column(name="n", dtype=pa.int32(), doc="a number")
ONES = pa.array([1, 1], pa.int32())

RETURNED = {
    "rows lost": (lambda batch, _: batch.append_column("n", ONES).slice(1), "changed the rows or the envelope"),
    "the envelope lost": (
        lambda batch, _: batch.append_column("n", ONES).replace_schema_metadata(None),
        "changed the rows or the envelope",
    ),
    "a declared column left out": (lambda batch, _: batch, "returned no column 'n'"),
    "another type": (lambda batch, _: batch.append_column("n", ONES.cast(pa.int64())), "returned column 'n' as int64, not int32"),
    "a column that is not declared": (
        lambda batch, _: batch.append_column("n", ONES).append_column("m", ONES),
        "returned a column 'm' that it does not declare",
    ),
    "a column of the batch left out": (
        lambda batch, _: batch.append_column("n", ONES).drop_columns(["source_offset"]),
        "returned no column 'source_offset'",
    ),
    "a column twice": (lambda batch, _: batch.append_column("n", ONES).append_column("n", ONES), "returned two columns 'n'"),
    "rows in another order": (
        lambda batch, _: batch.append_column("n", ONES).take([1, 0]).replace_schema_metadata(batch.schema.metadata),
        "changed column 'id' or the order of the rows",
    ),
    "a table": (lambda batch, _: pa.Table.from_batches([batch]), "returned a Table, not a RecordBatch"),
}


@pytest.mark.parametrize(("kernel", "message"), RETURNED.values(), ids=RETURNED)
def test_a_kernel_that_returns_something_else_fails_the_shard_under_its_own_name(kernel, message):
    run = RunKernel(Step("mine", Stage(name="outside", kernel=kernel, columns=(NUMBER,)), Config()))
    run.setup()
    where = r"^a\.jsonl: stage 'mine', documents at 0 to 1: .*"
    with pytest.raises(ShardError, match=f"{where}ExtensionError: stage 'mine' {message}"):
        list(run.process(ROWS))


def test_a_kernel_that_keeps_its_word_passes_every_batch():
    stage = Stage(name="outside", kernel=lambda batch, _: batch.append_column("n", ONES), columns=(NUMBER,))
    run = RunKernel(Step("mine", stage, Config()))
    run.setup()
    assert [batch.column("n") for _ in range(2) for batch in run.process(ROWS)] == [ONES, ONES]


def test_a_graph_with_a_stage_from_outside_travels_pickled(outside):
    step = recipe_of({"plugged": {"words": ["a"]}}).steps[0]
    options = PipelineOptions([], runner="FnApiRunner", direct_running_mode="multi_threading", direct_num_workers=2)
    with beam.Pipeline(options=options) as pipeline:
        numbers = (
            pipeline
            | beam.Create([ROWS, ROWS])
            | beam.Reshuffle()
            | RunStage(step)
            | beam.Map(lambda batch: batch["n"].to_pylist())
        )
        assert_that(numbers, equal_to([[1, 1], [1, 1]]))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param("parquet", "the input has it: add read.carry: [language]", id="the input has it"),
        pytest.param("without", "put the stage 'language' before it", id="the input lacks it"),
        pytest.param(
            "jsonl",
            "put the stage 'language' before it, or add read.carry: [language] if the input has this column",
            id="not known",
        ),
    ],
)
def test_a_missing_column_that_the_input_has_is_to_be_carried(tmp_path, kind, message):
    columns = {"text": ["a"]} | ({} if kind == "without" else {"language": ["en"]})
    if kind == "jsonl":
        path = tmp_path / "in.jsonl"
        path.write_text('{"text": "a", "language": "en"}\n')
    else:
        path = tmp_path / "in.parquet"
        pq.write_table(pa.table(columns), path)
    recipe = check_recipe("r", {"decide": [{"name": "l", "column": "language", "in": ["en"]}]}, "r")
    with pytest.raises(RecipeError, match=re.escape(f"rule 'l' reads column 'language': {message}")):
        make_plan(recipe, [str(path)])
