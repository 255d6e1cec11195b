"""Checks runners and their flags before anything starts.

Beam itself only warns about an unknown flag and runs without it. With no runner, or with "DirectRunner", it picks an engine by
what it can download.
"""

from collections.abc import Sequence
from typing import Any, Literal, NoReturn

from apache_beam.options import pipeline_options
from apache_beam.options.pipeline_options import PipelineOptions

from curricle.errors import RunnerError as RunnerError
from curricle.errors import did_you_mean

Runner = Literal["PrismRunner", "SparkRunner", "FlinkRunner", "DataflowRunner"]
RUNNERS: tuple[Runner, ...] = ("PrismRunner", "SparkRunner", "FlinkRunner", "DataflowRunner")

REFUSED = {
    "DaskRunner": "it runs only the last branch of a pipeline and reports DONE, so data would be lost",
    "DirectRunner": "it picks an engine by what it can download; use --runner local for this machine",
    "FnApiRunner": "use --runner local, which runs it with one process per core and survives a worker's death",
    "PortableRunner": "name the engine behind it, and pass --job_endpoint",
}

RESERVED = {
    "--runner": "name the runner before `--`",
    "--streaming": "a run is always a batch job",
    "--no_streaming": "a run is always a batch job",
}
"""Options that cannot be given after `--`, and why."""

RUNNER_OF = {
    "FlinkRunnerOptions": "FlinkRunner",
    "SparkRunnerOptions": "SparkRunner",
    "PrismRunnerOptions": "PrismRunner",
    "GoogleCloudOptions": "DataflowRunner",
}
"""Beam's classes of options that only one runner uses."""

UNUSED = ("DirectOptions", "KafkaStreamsRunnerOptions", "StreamingOptions", "TestDataflowOptions", "TestOptions", "TypeOptions")
"""Beam's classes of options that have no effect on these runners, or that curricle sets itself."""

JAVA_OPTIONS = {
    "SparkRunner": {
        "bundle_size": "store",
        "cache_disabled": "store_true",
        "enable_spark_metric_sinks": "store_true",
        "files_to_stage": "append",
        "storage_level": "store",
    },
    "FlinkRunner": {
        "disable_metrics": "store_true",
        "execution_mode_for_batch": "store",
        "execution_retry_delay": "store",
        "files_to_stage": "append",
        "flink_conf_dir": "store",
        "force_slot_sharing_group": "store_true",
        "number_of_execution_retries": "store",
        "object_reuse": "store_true",
    },
}
"""Name and action of the job server's options (DescribePipelineOptions) that a batch job can use and Python's Beam lacks."""

TRIAL = {"DataflowRunner": {"dry_run": "store"}}
"""Beam's test options that a user can give to `curricle plan`."""


class _Parser(pipeline_options._BeamArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RunnerError(f"after `--`: {message}")


def check_runner(name: str) -> Runner:
    """Return `name`. RunnerError if the runner is unknown or rejected."""
    if reason := REFUSED.get(name):
        raise RunnerError(f"--runner {name} is not supported: {reason}")
    for runner in RUNNERS:
        if runner == name:
            return runner
    raise RunnerError(f"--runner {name}: unknown runner{did_you_mean(name, ('local', *RUNNERS))}")


def parse_flags(runner: Runner, flags: Sequence[str]) -> dict[str, Any]:
    """Values of the options in `flags`, by name. RunnerError for an unknown option or a value of the wrong type."""
    kinds: dict[str, Any] = vars(pipeline_options)
    parser = _Parser(allow_abbrev=False, add_help=False, conflict_handler="resolve")
    elsewhere: dict[str, str] = {}
    for name, kind in kinds.items():
        if not _is_options(kind) or name in UNUSED:
            continue
        if (owner := RUNNER_OF.get(name, runner)) == runner:
            kind._add_argparse_args(parser)
        else:
            others = _Parser(add_help=False)
            kind._add_argparse_args(others)
            elsewhere |= dict.fromkeys(_names(others), owner)
    for name, action in (JAVA_OPTIONS.get(runner, {}) | TRIAL.get(runner, {})).items():
        parser.add_argument(f"--{name}", dest=name, action=action)
    known = _names(parser) - RESERVED.keys()
    for flag in flags:
        name = flag.partition("=")[0]
        if flag.startswith("-") and name not in known:
            problem = f"it belongs to {elsewhere[name]}" if name in elsewhere else f"unknown flag{_suggestion(name, known)}"
            raise RunnerError(f"{runner} flag {name}: {RESERVED.get(name, problem)}")
    for option in parser._actions:  # only what is given, without the defaults
        option.default = None
    values, rest = parser.parse_known_args(list(flags))
    if rest:
        raise RunnerError(f"after `--`: {rest[0]!r} is not a flag; write values as --flag=value")
    return {name: value for name, value in vars(values).items() if value is not None}


def check_master(given: dict[str, Any]) -> None:
    """Raise RunnerError for a Spark cluster manager that the job server from Maven Central does not support."""
    master = str(given.get("spark_master_url", ""))
    if master.startswith(("yarn", "k8s:")) and not ({"job_endpoint", "spark_job_server_jar"} & given.keys()):
        raise RunnerError(
            f"--spark_master_url={master}: the downloaded job server supports standalone masters only; start one that has this "
            "manager's classes and give its --job_endpoint"
        )


def _is_options(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, PipelineOptions)


def _names(parser: _Parser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def _suggestion(name: str, known: set[str]) -> str:
    hint = did_you_mean(name, known)
    return hint if hint.startswith(";") else ""  # not the list of all 200 flags
