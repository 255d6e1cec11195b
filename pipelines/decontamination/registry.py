"""The usual evaluation sets by name: where they are on the Hugging Face Hub, and which of their columns hold what."""

from dataclasses import dataclass, field

from curricle.pipelines.decontamination.items import Fields


@dataclass(frozen=True)
class Benchmark:
    """A data set on the hub."""

    hub: str
    config: str | None = None
    split: str = "test"
    fields: Fields = field(default_factory=dict)  # where the usual names do not find them


BENCHMARKS = {
    "agieval_lsat_ar": Benchmark("hails/agieval-lsat-ar", fields={"question": ("query",)}),
    "arc_challenge": Benchmark("allenai/ai2_arc", "ARC-Challenge"),
    "arc_easy": Benchmark("allenai/ai2_arc", "ARC-Easy"),
    "belebele_turkish": Benchmark(
        "facebook/belebele",
        "tur_Latn",
        fields={
            "passage": ("flores_passage",),
            "choices": ("mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4"),
        },
    ),
    "boolq": Benchmark("google/boolq", split="validation"),
    "commonsense_qa": Benchmark("tau/commonsense_qa", split="validation"),
    "drop": Benchmark("ucinlp/drop", split="validation", fields={"answer": ("answers_spans",)}),
    "gpqa": Benchmark("Idavidrein/gpqa", "gpqa_main", "train", {"question": ("Question",), "answer": ("Correct Answer",)}),
    "gsm8k": Benchmark("openai/gsm8k", "main"),
    "hellaswag": Benchmark("Rowan/hellaswag", split="validation", fields={"question": ("ctx",), "answer": ("label",)}),
    "humaneval": Benchmark("openai/openai_humaneval", fields={"question": ("prompt",), "answer": ("canonical_solution",)}),
    "lambada": Benchmark("EleutherAI/lambada_openai", "en", fields={"question": ("text",)}),
    "math": Benchmark("HuggingFaceH4/MATH-500", fields={"question": ("problem",), "answer": ("solution",)}),
    "mbpp": Benchmark("google-research-datasets/mbpp", "full", fields={"question": ("text",), "answer": ("code",)}),
    "mmlu": Benchmark("cais/mmlu", "all"),
    "mmlu_pro": Benchmark("TIGER-Lab/MMLU-Pro"),
    "openbookqa": Benchmark("allenai/openbookqa", "main", fields={"question": ("question_stem",)}),
    "piqa": Benchmark("ybisk/piqa", split="validation", fields={"question": ("goal",), "choices": ("sol1", "sol2")}),
    "race": Benchmark("ehovy/race", "all"),
    "squad": Benchmark("rajpurkar/squad", split="validation"),
    "squad_turkish": Benchmark("boun-tabi/squad_tr", split="validation"),
    "trivia_qa": Benchmark("mandarjoshi/trivia_qa", "rc.nocontext", "validation", {"answer": ("answer",)}),
    "truthful_qa": Benchmark(
        "truthfulqa/truthful_qa", "generation", "validation", {"answer": ("best_answer", "correct_answers")}
    ),
    "turkish_mmlu": Benchmark("AYueksel/TurkishMMLU", "All"),
    "winogrande": Benchmark(
        "allenai/winogrande", "winogrande_xl", "validation", {"question": ("sentence",), "choices": ("option1", "option2")}
    ),
    "xcopa_turkish": Benchmark("cambridgeltl/xcopa", "tr", fields={"question": ("premise",), "choices": ("choice1", "choice2")}),
    "xnli_turkish": Benchmark("facebook/xnli", "tr", fields={"question": ("hypothesis",), "passage": ("premise",)}),
    "xquad_turkish": Benchmark("google/xquad", "xquad.tr", "validation"),
}
"""Name for `--against` -> data set. Columns that are not named here have usual names (`items.NAMES`)."""
