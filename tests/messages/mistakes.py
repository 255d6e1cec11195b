"""Typical mistakes: the files and the command of each. What `curricle` answers is in messages.md."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mistake:
    """A command, and the files that it reads besides those that every mistake finds: see `folder` in test_messages.py."""

    command: str
    files: dict[str, str] = field(default_factory=dict)
    report: bool = False  # the answer is a report on standard output, not one line


def recipe(text: str) -> Mistake:
    """A recipe that cannot run."""
    return Mistake("plan r.yaml --input in.jsonl", {"r.yaml": text})


def plan(text: str) -> Mistake:
    """A curriculum plan that cannot be used with the output `out`."""
    return Mistake("curriculum p.yaml --from out --dry-run --quiet", {"p.yaml": text})


def run(more: str) -> Mistake:
    """A wrong argument of a run."""
    return Mistake(f"run tiny.yaml {more}")


RULES = "decide:\n  - {name: short, column: text_chars, min: 9}\n  - {name: language, column: language, in: [en]}\n"
PHASE = "phases:\n  - {name: one, tokens: 10, %s}\n"

MISTAKES: dict[str, dict[str, Mistake]] = {
    "Commands and options": {
        "a misspelled command": Mistake("rnu"),
        "a misspelled command of a group": Mistake("models pul x"),
        "no input": Mistake("run web --output new"),
        "no recipe": Mistake("run"),
        "a misspelled option": run("--inptu in.jsonl --output new"),
        "an option without its value": run("--input in.jsonl --output"),
        "a number out of range": run("--input in.jsonl --output new --workers 0"),
        "no number": run("--input in.jsonl --output new --workers two"),
        "a pattern that the shell expanded": run("--input a.jsonl b.jsonl --output new"),
        "two options that exclude each other": Mistake(
            "models train perplexity --language tr --role clean --input in.jsonl --output new --words --sentencepiece in.jsonl"
        ),
    },
    "Recipes": {
        "a misspelled shipped recipe": Mistake("plan wob --input in.jsonl"),
        "a recipe that does not exist": Mistake("plan none.yaml --input in.jsonl"),
        "a recipe without its ending": Mistake("plan tiny --input in.jsonl"),
        "a folder as a recipe": Mistake("plan folder.yaml --input in.jsonl"),
        "not YAML": recipe("stages: {language: {\n"),
        "a tab in YAML": recipe("stages:\n\tlanguage: {}\n"),
        "not UTF-8": Mistake("plan latin.yaml --input in.jsonl"),
        "a list instead of a mapping": recipe("- language\n"),
        "a misspelled key": recipe("stagess: {}\n"),
        "two documents": recipe("stages: {}\n---\nstages: {}\n"),
        "a Python tag": recipe("stages: !!python/object:os.system {}\n"),
        "a switch instead of settings": recipe("stages: {language: true}\n"),
        "a stage with a capital letter": recipe("stages: {Language: {}}\n"),
        "a bound that is not a number": recipe("stages: {extract: {}}\ndecide: [{name: a, column: text_chars, min: .nan}]\n"),
        "a key that appears twice": recipe("stages:\n  language: {min_score: 0.5}\n  language: {}\n"),
        "a misspelled stage": recipe("stages: {langage: {}}\n"),
        "a misspelled setting": recipe("stages: {language: {min_scor: 0.5}}\n"),
        "a value out of range": recipe("stages: {language: {min_score: 2}}\n"),
        "a negative value": recipe("stages: {language: {max_chars: -1}}\n"),
        "text instead of a number": recipe("stages: {language: {min_score: high}}\n"),
        "a fraction instead of a whole number": recipe("stages: {language: {max_chars: 1.5}}\n"),
        "a number instead of text": recipe("stages: {language: {model: 5}}\n"),
        "a list instead of settings": recipe("stages: {language: [0.5]}\n"),
        "a misspelled choice": recipe("stages: {extract: {extractor: resilipars}}\n"),
        "stages in a list": recipe("stages: [language]\n"),
        "an unknown rater": recipe("stages: {quality: {rater: studnt}}\n"),
        "a missing setting": recipe("stages: {quality: {rater: endpoint}}\n"),
        "stages in the wrong order": recipe("stages: {perplexity: {}, language: {}}\n"),
        "a datatrove filter that does not exist": recipe("stages: {datatrove: {filter: GopherQualtyFilter}}\n"),
        "a datatrove filter with a wrong argument": recipe(
            "stages: {datatrove: {filter: GopherQualityFilter, args: {min_words: 5}}}\n"
        ),
        "a model that was not downloaded": recipe("stages: {language: {model: glotlid}}\n"),
        "a misspelled model": recipe("stages: {language: {model: lid.167}}\n"),
        "a model of the wrong kind": recipe("stages: {language: {model: en-clean}}\n"),
        "a folder that is not a model": recipe("stages: {language: {model: ./folder.yaml}}\n"),
        "a model for another language": recipe("stages: {language: {}, perplexity: {clean: {tr: en-clean}}}\n"),
        "a harmful model as the clean one": recipe("stages: {language: {}, perplexity: {clean: {en: en-spam}}}\n"),
        "an unknown language": recipe("stages: {language: {}, perplexity: {clean: {englsh: en-clean}}}\n"),
        "a column to carry that does not exist": recipe("read: {carry: [langage]}\n"),
        "--set without a value": Mistake("plan tiny.yaml --input in.jsonl --set decide"),
        "--set with a misspelled key": Mistake("plan tiny.yaml --input in.jsonl --set stages.extract.extracter=trafilatura"),
        "--set with a value that is not YAML": Mistake("plan tiny.yaml --input in.jsonl --set 'decide=['"),
        "--set of a rule that is not there": Mistake("plan tiny.yaml --input in.jsonl --set decide.shrt.min=9"),
        "--set of a key that a rule does not have": Mistake("plan tiny.yaml --input in.jsonl --set decide.short.mni=9"),
        "--set of a rule without a value": Mistake("plan tiny.yaml --input in.jsonl --set decide.short.min"),
        "a value that a column never has": Mistake("plan web --input in.jsonl --set decide.short.where.domain=Medcine"),
        "a setting that needs a mapping": recipe("stages: {language: {}, perplexity: {harmful: en-spam}}\n"),
    },
    "Rules": {
        "a misspelled key": recipe("decide: [{name: short, colum: text_chars, min: 1}]\n"),
        "no name": recipe("decide: [{column: text_chars, min: 1}]\n"),
        "no column": recipe("decide: [{name: short, min: 1}]\n"),
        "a rule that rejects nothing": recipe("decide: [{name: short, column: text_chars}]\n"),
        "min above max": recipe("decide: [{name: short, column: text_chars, min: 5, max: 1}]\n"),
        "text instead of a number": recipe("decide: [{name: short, column: text_chars, min: five}]\n"),
        "text instead of a number for a language": recipe("decide: [{name: short, column: text_chars, min: {en: five}}]\n"),
        "an unknown language code": recipe("decide: [{name: l, column: language, in: [englsh]}]\n"),
        "a misspelled choice": recipe("decide: [{name: s, column: text_chars, min: 1, on_null: drop}]\n"),
        "a name with a space": recipe("decide: [{name: too short, column: text_chars, min: 1}]\n"),
        "a name used twice": recipe("decide: [{name: s, column: text_chars, min: 1}, {name: s, column: text_chars, max: 9}]\n"),
        "a column of a stage that is missing": recipe("decide: [{name: l, column: language, in: [en]}]\n"),
        "a column of a setting that is off": recipe("stages: {domain: {}}\ndecide: [{name: t, column: topic_score, min: 0.5}]\n"),
        "a misspelled column": recipe("decide: [{name: s, column: text_char, min: 1}]\n"),
        "a misspelled rule set": recipe("decide: [{use: gopher@datatrove}]\n"),
        "a rule that the set does not have": recipe("decide: [{use: c4@datatrove, without: [curly]}]\n"),
        "a change of a rule that is no mapping": recipe("decide: [{use: c4@datatrove, set: {c4_lorem_ipsum: 5}}]\n"),
        "a misspelled key of a use": recipe("decide: [{use: c4@datatrove, sett: {}}]\n"),
        "a thresholds file that does not exist": recipe("decide: [{use: ./none.yaml}]\n"),
        "a file without thresholds": recipe("decide: [{use: ./tiny.yaml}]\n"),
        "a rule set that does not exist": Mistake("rules show gofer"),
    },
    "Inputs": {
        "a file that does not exist": run("--input none.jsonl --output new"),
        "a pattern without a match": run("--input 'none/*.jsonl' --output new"),
        "a folder without inputs": run("--input empty --output new"),
        "the output of a run": run("--input out --output new"),
        "an unknown format": run("--input notes.md --output new"),
        "an ending that does not fit": run("--input zipped.jsonl --output new"),
        "one JSON array": Mistake("plan tiny.yaml --input array.jsonl", {"array.jsonl": '[{"text": "a"}]'}),
        "a damaged Parquet file": run("--input damaged.parquet --output new"),
        "Parquet without a text column": run("--input other.parquet --output new"),
        "Parquet with numbers in the text column": run("--input numbers.parquet --output new"),
        "an empty name": run("--input '' --output new"),
        "an unknown scheme": run("--input ftpx://host/file.jsonl --output new"),
    },
    "Outputs": {
        "a folder with other files": run("--input in.jsonl --output full"),
        "a file as the output": run("--input in.jsonl --output notes.md"),
        "a web address as the output": run("--input in.jsonl --output https://host/out"),
        "an output of another recipe": run("--input in.jsonl --output out --set stages.language.min_score=0.5"),
        "an output of another recipe, rules changed": Mistake(
            "run r.yaml --input in.jsonl --output out", {"r.yaml": "stages: {extract: {}, language: {}}\n" + RULES}
        ),
        "an output of another model": run("--input in.jsonl --output out --set stages.language.model=./lid"),
        "verify: no such folder": Mistake("verify none"),
        "verify: not an output": Mistake("verify full", report=True),
        "verify: a damaged file": Mistake("verify damaged", report=True),
        "verify: a damaged manifest": Mistake("verify torn"),
    },
    "Runners": {
        "a misspelled runner": run("--input in.jsonl --output new --runner SparkRuner"),
        "a runner that is not supported": run("--input in.jsonl --output new --runner DirectRunner"),
        "a misspelled flag": run("--input in.jsonl --output new --runner SparkRunner -- --spark_master=local"),
        "a flag of another runner": run("--input in.jsonl --output new --runner SparkRunner -- --flink_master=local"),
        "a value without its flag": run("--input in.jsonl --output new --runner PrismRunner -- 4"),
        "a flag without a runner": run("--input in.jsonl --output new -- --spark_master_url=local"),
        "Dataflow without a project": run("--input in.jsonl --output gs://bucket/new --runner DataflowRunner"),
        "Dataflow with a local output": run("--input in.jsonl --output new --runner DataflowRunner"),
        "--dry_run of a run": run("--input in.jsonl --output new --runner DataflowRunner -- --dry_run=True"),
        "doctor: a misspelled runner": Mistake("doctor --runner Flink"),
        "doctor: the local runner": Mistake("doctor --runner local --output new", report=True),
    },
    "Deduplication": {
        "no table to write": Mistake("dedup out"),
        "a misspelled column of the ranking": Mistake("dedup out --keep url,txt_chars --output new"),
        "a column that ranks twice": Mistake("dedup out --keep length,-length --output new"),
        "an output that was not finished": Mistake("dedup full --output new"),
        "the same output twice": Mistake("dedup out out --output new"),
        "a folder that is not an index": Mistake("dedup out --against full --output new"),
        "an index over other files": Mistake("dedup out --index-out full --output new"),
        "a table over other files": Mistake("dedup out --output full"),
        "a level that does not exist": Mistake("dedup out --level fuzzy --output new"),
    },
    "Explaining and deciding again": {
        "no document": Mistake("explain out"),
        "a document that is not there": Mistake("explain out https://example.com/none"),
        "an explanation from a folder that is not an output": Mistake("explain full https://example.com/none"),
        "a decision without a change": Mistake("redecide out --output new"),
        "a decision without an output": Mistake("redecide out --set decide.short.min=9"),
        "a decision into the output itself": Mistake("redecide out --set decide.short.min=9 --output out"),
        "a decision about a folder that is not an output": Mistake("redecide full --set decide.short.min=9 --dry-run"),
        "a rule that does not exist": Mistake("redecide out --set decide.shrot.min=9 --dry-run"),
        "a change of a stage": Mistake("redecide out --set stages.language.min_score=0.5 --dry-run"),
        "a recipe with other stages": Mistake("redecide out --recipe web --dry-run"),
        "a column of no stage": Mistake("redecide out --set decide.short.column=duplicate --dry-run"),
        "a folder that is not a table": Mistake("redecide out --set decide.short.min=9 --with full --dry-run"),
        "a misspelled recipe": Mistake("recipes init wbe"),
    },
    "Decontamination and removal": {
        "a misspelled evaluation set": Mistake("decontaminate out --against gsm8 --output new"),
        "a file of items that does not exist": Mistake("decontaminate out --against none.jsonl --output new"),
        "items without a question": Mistake(
            "decontaminate out --against i.jsonl --output new", {"i.jsonl": '{"a": 1, "b": 2}\n'}
        ),
        "a misspelled field": Mistake("decontaminate out --against in.jsonl --fields question=txt --output new"),
        "a misspelled part of an item": Mistake("decontaminate out --against in.jsonl --fields questoin=text --output new"),
        "a damaged line of items": Mistake(
            "decontaminate out --against i.jsonl --output new", {"i.jsonl": '{"question": "a"}\n{\n'}
        ),
        "a folder of other files for the table": Mistake("decontaminate out --against in.jsonl --output full"),
        "a folder that is not an output": Mistake("decontaminate full --against in.jsonl --output new"),
        "no table": Mistake("decontaminate out --against in.jsonl"),
        "a removal of nothing": Mistake("remove out"),
        "a removal of everything": Mistake("remove out --url-prefix ''"),
        "a file without ids": Mistake("remove out --ids ids.txt", {"ids.txt": "\n"}),
        "a removal from a folder that is not an output": Mistake("remove full --source in.jsonl"),
        "a folder that is not a table": Mistake("remove out --source in.jsonl --with full"),
    },
    "Curricula": {
        "a misspelled shipped plan": Mistake("curriculum dem --from out --dry-run"),
        "no output": Mistake("curriculum demo --from out"),
        "a folder that is not an output": Mistake("curriculum demo --from full --dry-run"),
        "a bucket as the source": Mistake("curriculum demo --from s3://bucket/out --dry-run"),
        "a misspelled key": plan("phase: []\n"),
        "no phases": plan("seed: 1\n"),
        "no tokens": plan("phases: [{name: one}]\n"),
        "zero tokens": plan("phases: [{name: one, tokens: 0}]\n"),
        "weights that do not sum to 1": plan(PHASE % "mixture: {by: source, weights: {a: 0.5}}"),
        "edges in the wrong order": plan(PHASE % "mixture: {by: {column: text_chars, edges: [5, 1]}, proportional: true}"),
        "a method without its score": plan(PHASE % "select: {method: top}"),
        "an unknown method": plan(PHASE % "select: {method: topp}"),
        "replay of a later phase": plan(PHASE % "replay: {from: [two], share: 0.1}"),
        "an unknown column": plan(PHASE % "where: {langage: tr}"),
        "a column of text as a score": plan(PHASE % "select: {method: top, score: source}"),
        "a value that no document has": plan(PHASE % "where: {source: none.jsonl}"),
        "more tokens than there are": Mistake(
            "curriculum p.yaml --from out --dry-run --quiet", {"p.yaml": "phases: [{name: one, tokens: 1000000}]\n"}, report=True
        ),
        "a format of token ids without a tokenizer": plan("format: megatron\n" + PHASE % "order: shuffled"),
        "the same output twice": Mistake(
            "curriculum p.yaml --from out --from out --dry-run", {"p.yaml": PHASE % "order: shuffled"}
        ),
    },
    "Mixtures": {
        "units without by": Mistake("mixture fit --target in.jsonl --units source --from out --output m.yaml"),
        "an output that is not YAML": Mistake("mixture fit --target in.jsonl --units by=source --from out --output m.json"),
        "a column that does not exist": Mistake(
            "mixture fit --target in.jsonl --units by=sourc --from out --output m.yaml --quiet"
        ),
        "units that are too small": Mistake("mixture fit --target in.jsonl --units by=source --from out --output m.yaml --quiet"),
    },
    "Models": {
        "an unknown model": Mistake("models info nothing"),
        "a misspelled model": Mistake("models pull glotlyd"),
        "a language that a model does not have": Mistake("models pull wikipedia-xx"),
        "verify: a damaged model": Mistake("models verify ./broken"),
        "verify: a card with a missing field": Mistake("models verify ./cardless"),
        "add: not a KenLM file": Mistake(
            "models add notes.md --name x --language en --role clean --profile ccnet --sentencepiece notes.md"
        ),
        "add: neither words nor pieces": Mistake("models add notes.md --name x --language en --role clean --profile ccnet"),
        "add: an unknown profile": Mistake("models add notes.md --name x --language en --role clean --profile ccnett --words"),
        "add: an unknown language": Mistake(
            "models add notes.md --name x --language englsh --role clean --profile ccnet --words"
        ),
        "add: a name with a slash": Mistake(
            "models add notes.md --name a/b --language en --role clean --profile curricle-v1 --words"
        ),
        "train: letters in --prune": Mistake(
            "models train perplexity --language tr --role clean --input in.jsonl --output new --prune a,b"
        ),
        "train: thresholds that decrease": Mistake(
            "models train perplexity --language tr --role clean --input in.jsonl --output new --prune 1,0"
        ),
        "train: a category of clean text": Mistake(
            "models train perplexity --language tr --role clean --category spam --input in.jsonl --output new"
        ),
        "train: a weight out of range": Mistake(
            "models train perplexity --language tr --role clean --weight 3 --input in.jsonl --output new"
        ),
        "train: an order that KenLM does not have": Mistake(
            "models train perplexity --language tr --role clean --words --order 9 --input in.jsonl --output new"
        ),
        "train: a folder that exists": Mistake(
            "models train perplexity --language tr --role clean --input in.jsonl --output full"
        ),
        "calibrate: no label": Mistake("models calibrate out --column text_chars --method labels --output t.yaml"),
        "calibrate: an option of another method": Mistake(
            "models calibrate out --column text_chars --method valley --quantile 0.3 --output t.yaml"
        ),
        "calibrate: a quantile out of range": Mistake(
            "models calibrate out --column text_chars --method quantiles --quantile 30 --keep above --output t.yaml"
        ),
        "calibrate: an unknown column": Mistake(
            "models calibrate out --column text_char --method quantiles --quantile 0.3 --keep above --output t.yaml"
        ),
        "calibrate: a side that is not clear": Mistake(
            "models calibrate out --column text_chars --method quantiles --quantile 0.3 --output t.yaml"
        ),
    },
    "Raters": {
        "an unknown rater": Mistake("raters rate --input in.jsonl --rater studnt --sample 1 --output new"),
        "a misspelled setting": Mistake("raters rate --input in.jsonl --rater student --set prefx=x --sample 1 --output new"),
        "a wrong address": Mistake(
            "raters rate --input in.jsonl --rater endpoint --set url=host:8000 --set model=m --sample 1 --output new"
        ),
        "a password in an address": Mistake(
            "raters rate --input in.jsonl --rater endpoint --set url=http://a:pw@host/v1 --set model=m --sample 1 --output new"
        ),
        "a column of no document": Mistake(
            "raters rate --input in.jsonl --rater student --stratify domain --sample 1 --output new"
        ),
        "agree: files without ratings": Mistake("raters agree other.parquet other.parquet"),
        "agree: ratings out of range": Mistake("raters agree high.parquet high.parquet"),
        "agree: ratings that are text": Mistake("raters agree words.parquet words.parquet"),
        "distil: no such file": Mistake("raters distil --ratings 'none/*.parquet' --output new"),
        "distil: a folder that exists": Mistake("raters distil --ratings high.parquet --output full"),
    },
}
