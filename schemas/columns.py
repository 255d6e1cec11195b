"""Every fixed column: name, type, unit and what null means. Stages append these; docs/data-model.md is made from them."""

import pyarrow as pa

from curricle.schemas.categories import CATEGORIES
from curricle.schemas.cleaning_columns import CLEAN_LINES, DATATROVE, REDACT
from curricle.schemas.column import Column, schema_of
from curricle.schemas.heuristic_columns import HEURISTICS
from curricle.schemas.url_columns import URL_RULES

QUALITY_CRITERIA = (
    "accuracy",
    "coherence",
    "language_consistency",
    "semantic_density",
    "knowledge_novelty",
    "topic_focus",
    "creativity",
    "professionalism",
    "style_consistency",
    "grammatical_diversity",
    "structural_standardization",
    "originality",
    "sensitivity",
    "overall_score",
)
"""DataMan's 14 criteria in the order of its output (arXiv 2502.19363): integers 1..5, higher is better for all."""

DOMAINS = (
    "Medicine",
    "Finance",
    "Law",
    "Education",
    "Technology",
    "Entertainment",
    "Mathematics",
    "Coding",
    "Government",
    "Culture",
    "Transportation",
    "Retail E-commerce",
    "Telecommunication",
    "Agriculture",
    "Other",
)
"""DataMan's 15 domains, letters A..O."""

TOPICS = (
    "Adult",
    "Art & Design",
    "Crime & Law",
    "Education & Jobs",
    "Entertainment",
    "Fashion & Beauty",
    "Finance & Business",
    "Food & Dining",
    "Games",
    "Hardware",
    "Health",
    "History",
    "Home & Hobbies",
    "Industrial",
    "Literature",
    "Politics",
    "Religion",
    "Science & Technology",
    "Social Life",
    "Software",
    "Software Development",
    "Sports & Fitness",
    "Transportation",
    "Travel",
)
"""WebOrganizer's 24 topics (Wettig et al. 2025, arXiv 2502.10341)."""

FORMATS = (
    "About Page (Organization)",
    "About Page (Personal)",
    "Academic Writing",
    "Audio Transcript",
    "Comment Section",
    "Content Listing",
    "Creative Writing",
    "Customer Support",
    "Documentation",
    "FAQ",
    "Knowledge Article",
    "Legal Notices",
    "Listicle",
    "News (Organization)",
    "News Article",
    "Nonfiction Writing",
    "Personal Blog",
    "Product Page",
    "Q&A Forum",
    "Spam / Ads",
    "Structured Data",
    "Truncated",
    "Tutorial",
    "User Review",
)
"""WebOrganizer's 24 formats (from the same paper)."""

DOCUMENT = (
    Column(name="id", dtype=pa.string(), doc="32 hex digits: XXH3-128 of `source` and `source_offset`; unique in a run"),
    Column(name="source", dtype=pa.string(), doc="the input file as you named it"),
    Column(
        name="source_offset",
        dtype=pa.int64(),
        doc="where the record starts: byte of the decompressed JSONL, byte of the stored WARC file (further records inside one "
        "compressed member get the next numbers), row of the Parquet file",
    ),
    Column(
        name="source_id", dtype=pa.string(), doc="the input's own identifier; may occur more than once", null="the input has none"
    ),
    Column(name="url", dtype=pa.string(), doc="address of the page", null="the input has none"),
    Column(name="date", dtype=pa.string(), doc="crawl date, as in the input", null="the input has none"),
    Column(
        name="metadata",
        dtype=pa.string(),
        doc="all other fields of the input, as one JSON object",
        null="the input has no other fields",
    ),
    Column(name="text", dtype=pa.string(), doc="the document", null="dead letter, or HTML that is not extracted yet"),
)
"""The columns that every reader gives, before any stage."""

PAYLOAD = (
    Column(
        name="payload", dtype=pa.binary(), doc="body of the HTTP response, as stored", null="the input contains text, not HTML"
    ),
    Column(name="payload_type", dtype=pa.string(), doc="HTTP Content-Type header", null="no such header, or not HTML"),
    Column(
        name="payload_truncated",
        dtype=pa.bool_(),
        doc="whether the end of the body is missing: the crawler cut it, or its encoding ends early or is damaged",
        null="not HTML",
    ),
)
"""Given by readers of HTML and removed by the `extract` stage; never written to a file."""

DEAD = (
    Column(name="dead_stage", dtype=pa.string(), doc="the step that could not process this record", null="not a dead letter"),
    Column(name="dead_reason", dtype=pa.string(), doc="what is wrong with the record, in one line", null="not a dead letter"),
    Column(name="dead_bytes", dtype=pa.binary(), doc="the first bytes (at most 200) of the record", null="not a dead letter"),
)
"""Set in the row of a damaged record, whose `text` is null; such rows are written to dead/."""

EXTRACT = (
    Column(name="title", dtype=pa.string(), doc="`<title>` of the page", null="no title, or the input is text"),
    Column(
        name="text_chars",
        dtype=pa.int32(),
        doc="number of Unicode code points of `text`, without white space at its ends",
        null="dead letter",
    ),
    Column(
        name="charset",
        dtype=pa.string(),
        doc="the charset that the page was read in, as the WHATWG Encoding Standard names it (`utf-8`, `windows-1251`)",
        null="the input is text, or a dead letter",
    ),
    Column(
        name="charset_source",
        dtype=pa.string(),
        doc="what decided the charset: `mark` (byte order mark), `bytes` (they are UTF-8, UTF-16 or ISO-2022), `header` (HTTP), "
        "`meta`, `detected`, or `mixed` (UTF-8 in which some runs of bytes are not)",
        null="the input is text, or a dead letter",
        values=("mark", "bytes", "header", "meta", "detected", "mixed"),
    ),
    Column(
        name="page_truncated",
        dtype=pa.bool_(),
        doc="whether the end of the page is missing: the crawler cut it, or its encoding ends early or is damaged",
        null="the input is text",
    ),
    Column(
        name="extract_confidence",
        dtype=pa.float32(),
        doc="how well the text is expected to be the page's main text: the word F1 that the extractor `learned` expects, 0..1",
        null="the input is text, another extractor, or no main text",
    ),
)

LANGUAGE = (
    Column(
        name="language",
        dtype=pa.string(),
        doc="language code as lid.176 gives it (`en`; docs/language.md); `und`: a score below `min_score`, or hardly any letters",
        null="no text",
    ),
    Column(
        name="language_score",
        dtype=pa.float32(),
        doc="probability of the language, 0..1; 0 if the text has hardly any letters or the model knows nothing in it",
        null="no text",
    ),
    Column(
        name="language_mixed",
        dtype=pa.float32(),
        doc="share of the windows read (start, middle, end) whose most probable language is `language`, 0..1; 1: they agree",
        null="no text",
    ),
    Column(
        name="script",
        dtype=pa.string(),
        doc="ISO 15924 code of the script of most letters in what was read (`Latn`, `Cyrl`, `Jpan`); `Zyyy`: no letters",
        null="no text",
    ),
    Column(
        name="text_direction",
        dtype=pa.string(),
        doc="direction in which the script is written: `ltr` or `rtl`",
        null="no text, or no letters",
        values=("ltr", "rtl"),
    ),
)

PERPLEXITY = (
    Column(
        name="ppl_clean",
        dtype=pa.float64(),
        doc="perplexity for each token under the model of clean text, 10 ** (-log10 p / tokens)",
        null="no text, or no clean model for the language",
    ),
    Column(
        name="ppl_harmful",
        dtype=pa.float64(),
        doc="perplexity under the model of harmful text (the lowest, if the language has several); low means harmful-like",
        null="no text, or no harmful model for the language",
    ),
    Column(
        name="ppl_logratio",
        dtype=pa.float64(),
        doc="log10(ppl_harmful) - log10(ppl_clean); low means harmful-like",
        null="one of the two is null",
    ),
    *(
        Column(
            name=f"ppl_logratio_{category}",
            dtype=pa.float64(),
            doc=f"`ppl_logratio` for the model trained on {kind}",
            null="no text, or the language lacks a clean model or one of this category",
        )
        for category, kind in zip(CATEGORIES, ("adult pages", "spam and scam", "hateful posts"), strict=True)
    ),
    Column(
        name="ppl_tokens",
        dtype=pa.int32(),
        doc="number of tokens scored by the clean model (or, without one, the harmful model), including sentence ends",
        null="no model scored the row",
    ),
    Column(
        name="ppl_oov_ratio",
        dtype=pa.float32(),
        doc="share of these tokens, without sentence ends, that the model does not know, 0..1",
        null="no model scored the row, or no token",
    ),
)

PARAGRAPHS = (
    Column(
        name="ppl_logratio_mean",
        dtype=pa.float64(),
        doc="mean of the paragraphs' `ppl_logratio`, weighted by bytes",
        null="no paragraph has one",
    ),
    Column(
        name="ppl_logratio_worst",
        dtype=pa.float64(),
        doc="mean `ppl_logratio` of the `worst` lowest paragraphs, which shows one bad paragraph in a clean page",
        null="no paragraph has one",
    ),
    *(
        Column(
            name=f"ppl_logratio_{category}_worst",
            dtype=pa.float64(),
            doc=f"mean `ppl_logratio_{category}` of the `worst` lowest paragraphs",
            null="no paragraph has one",
        )
        for category in CATEGORIES
    ),
)
"""Written by the perplexity stage with `paragraphs`."""


def criteria_columns(prefix: str) -> tuple[Column, ...]:
    """The 14 ratings of a rater that uses DataMan's criteria."""
    return tuple(
        Column(
            name=f"{prefix}_{name}",
            dtype=pa.int8(),
            doc=f"DataMan's criterion {number}, 1..5, higher is better",
            null="not rated",
        )
        for number, name in enumerate(QUALITY_CRITERIA, 1)
    )


def status_column(prefix: str) -> Column:
    """Why a row is rated or not."""
    return Column(
        name=f"{prefix}_status",
        dtype=pa.string(),
        doc="`ok`; `out_of_domain`: rated by the student although it differs from the training data, or a blank text that no "
        "language model was asked about. Failures of a language model (all ratings null): `parse_error`: the reply does not "
        "have the required form; `truncated`: the reply is incomplete; `refused`: the model declined; `timeout`: no answer "
        "after all attempts",
        null="the row was dead or already rejected",
    )


def student_columns(prefix: str) -> tuple[Column, ...]:
    """The columns that the student writes."""
    raw = Column(
        name=f"{prefix}_overall_raw",
        dtype=pa.float32(),
        doc="the overall score before rounding, about 1..5; for ranking",
        null="not rated",
    )
    return (*criteria_columns(prefix), raw, status_column(prefix))


def reply_columns(prefix: str) -> tuple[Column, ...]:
    """The columns of a language model that fills in DataMan's form: `rater: dataman`, `rater: endpoint`."""
    return (
        *criteria_columns(prefix),
        Column(
            name=f"{prefix}_domain",
            dtype=pa.string(),
            doc="one of DataMan's 15 domains, by name",
            null="not rated",
            values=DOMAINS,
        ),
        status_column(prefix),
        Column(
            name=f"{prefix}_raw", dtype=pa.string(), doc="the unchanged reply of the model, or why there is none", null="rated"
        ),
    )


def classifier_column(prefix: str, name: str) -> Column:
    """The column that a sequence classifier writes for one of its labels."""
    return Column(
        name=f"{prefix}_{name}",
        dtype=pa.float32(),
        doc="probability of a label, 0..1, or the raw value of a regressor; one column for each label",
        null="blank or no text, or the row was dead or already rejected",
    )


def raw_columns(prefix: str) -> tuple[Column, ...]:
    """The columns that the student writes with `raw: true`: 13 scores; that of `overall_score` is `<prefix>_overall_raw`."""
    return tuple(
        Column(
            name=f"{prefix}_{name}_raw",
            dtype=pa.float32(),
            doc=f"`{prefix}_{name}` before rounding, about 1..5; for ranking",
            null="not rated",
        )
        for name in QUALITY_CRITERIA[:-1]
    )


QUALITY = student_columns("quality")
RAW = raw_columns("quality")
REPLY = reply_columns("quality")
CLASSIFIER = (classifier_column("classifier", "<label>"),)

DOMAIN = (
    Column(
        name="domain",
        dtype=pa.string(),
        doc="one of DataMan's 15 domains, by name",
        null="not tagged: no text, a language that the student does not know, or the row was dead or already rejected",
        values=DOMAINS,
    ),
    Column(name="domain_score", dtype=pa.float32(), doc="probability of `domain`, 0..1", null="not tagged"),
    Column(name="domain_2", dtype=pa.string(), doc="the second most probable domain", null="not tagged", values=DOMAINS),
    Column(name="domain_2_score", dtype=pa.float32(), doc="probability of `domain_2`, 0..0.5", null="not tagged"),
)

TOPIC = (
    Column(
        name="topic",
        dtype=pa.string(),
        doc="one of WebOrganizer's 24 topics; with `tags: [topic]`",
        null="not tagged",
        values=TOPICS,
    ),
    Column(name="topic_score", dtype=pa.float32(), doc="probability of `topic`, 0..1", null="not tagged"),
)
FORMAT = (
    Column(
        name="format",
        dtype=pa.string(),
        doc="one of WebOrganizer's 24 formats; with `tags: [format]`",
        null="not tagged",
        values=FORMATS,
    ),
    Column(name="format_score", dtype=pa.float32(), doc="probability of `format`, 0..1", null="not tagged"),
)

DECISION = (
    Column(
        name="reject_reason",
        dtype=pa.string(),
        doc="name of the first rule that the row fails, or `not_measured` (`curricle redecide`); the decision's columns are "
        "in rejected/ only",
        null="no rule failed",
    ),
    Column(
        name="reject_value",
        dtype=pa.string(),
        doc="the value that failed this rule, as text",
        null="no rule failed, or the value was null",
    ),
    Column(
        name="failed_rules",
        dtype=pa.list_(pa.field("element", pa.string())),
        doc="names of all rules that the row fails, except on columns that slow stages did not measure for a rejected row",
        null="dead letter",
    ),
)

GROUPS: dict[str, tuple[Column, ...]] = {
    "document": DOCUMENT,
    "payload": PAYLOAD,
    "dead": DEAD,
    "extract": EXTRACT,
    "url_rules": URL_RULES,
    "redact": REDACT,
    "clean_lines": CLEAN_LINES,
    "language": LANGUAGE,
    "heuristics": HEURISTICS,
    "perplexity": PERPLEXITY,
    "paragraphs": PARAGRAPHS,
    "datatrove": DATATROVE,
    "quality": (*QUALITY, *RAW),
    "reply": tuple(column for column in REPLY if column not in QUALITY),
    "classifier": CLASSIFIER,
    "domain": (*DOMAIN, *TOPIC, *FORMAT),
    "decision": DECISION,
}
"""All groups, by the name of the stage or step that writes them."""

COLUMNS: dict[str, Column] = {column.name: column for group in GROUPS.values() for column in group}
"""All fixed columns, by name."""

READ_SCHEMA = schema_of((*DOCUMENT, *PAYLOAD, *DEAD))
"""The schema of a reader's batches."""
