"""What `rater: dataman` costs a document on a CPU: prefill, decoding and peak memory of a model of DataMan-1.5B's shape.

    python benchmarks/rater_cost.py FILE.parquet... --folder /tmp/qwen2-1.5b --dtype float32 --threads 1 [--documents 2]

FOLDER is made where it is not there: Qwen2-1.5B's shape (huggingface.co/Qwen/Qwen2-1.5B, config.json) with RANDOM weights, which
changes no speed and makes every answer nonsense, and a byte-level BPE of the files' texts. Every document is cut to the published
limit, every answer is as long as a whole form (29 tokens). Seconds are CPU (wall). Needs the extra `torch`.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from curricle.models.raters.dataman import LIMITS, REPLY_TOKENS
from curricle.models.raters.generate import DataManConfig, Generator

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_model(folder: Path, texts: Sequence[str]) -> None:
    """Save the random model and its tokenizer."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bpe.decoder = ByteLevelDecoder()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    bpe.train_from_iterator(
        texts, BpeTrainer(vocab_size=32_000, special_tokens=special, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151_936,
        hidden_size=1536,
        intermediate_size=8960,
        num_hidden_layers=28,
        num_attention_heads=12,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="bfloat16",
    )
    Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def measure(rater: Generator, text: str) -> str:
    """A line: prompt tokens, seconds of the prefill (the reply's first token with it) and of the other 28 tokens."""
    prompt = rater.tokenizer(rater.ask(text), add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        clocks = [(time.process_time(), time.perf_counter())]
        out = rater.model(input_ids=prompt, use_cache=True, logits_to_keep=1)
        clocks.append((time.process_time(), time.perf_counter()))
        for _ in range(REPLY_TOKENS - 1):
            token = out.logits[:, -1:].argmax(dim=-1)
            out = rater.model(input_ids=token, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
        clocks.append((time.process_time(), time.perf_counter()))
    spent = [f"{after[0] - before[0]:.1f} s ({after[1] - before[1]:.1f} s)" for before, after in pairwise(clocks)]
    return f"{prompt.shape[1]} tokens, prefill {spent[0]}, decoding {spent[1]}"


def main() -> None:
    """Make the model where it is missing, then measure one type and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--documents", type=int, default=2)
    options = parser.parse_args()
    texts = [text for file in options.files for text in pq.read_table(file, columns=["text"])["text"].to_pylist() if text]
    if not (options.folder / "tokenizer.json").is_file():
        make_model(options.folder, texts[:2000])
    rater = Generator(DataManConfig(model=str(options.folder.resolve()), device="cpu"))
    rater.model.to(getattr(torch, options.dtype))
    torch.set_num_threads(options.threads)
    long = sorted(text for text in texts if len(text) > 3 * LIMITS["en"].chars)[: options.documents]
    if not long:
        raise SystemExit(f"no text of over {3 * LIMITS['en'].chars:,} characters")
    for text in long:
        print(f"{options.dtype}, {options.threads} threads: {measure(rater, text)}", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
