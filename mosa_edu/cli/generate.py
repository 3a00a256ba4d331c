"""`mosa-edu generate`: let a trained model continue a text, token by token."""

from __future__ import annotations

import argparse
from typing import Any

from mosa_edu.checks import require
from mosa_edu.cli import use_threads

TOKENS = 100
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def add_parser(subparsers: Any) -> None:
    """Declare the command's flags."""
    parser = subparsers.add_parser(
        "generate",
        help="let a trained model continue a text",
        description="Continue a text token by token. Models whose selection is causal keep a cache "
        "of what their heads selected; the paper's routing is not, and needs --reselect.",
    )
    add = parser.add_argument
    add("model", metavar="RUN", help="a run, 'explorer', 'causal', or a model file")
    add("--prompt", required=True, help="text to continue")
    add("--tokens", type=int, help=f"to write; by default {TOKENS} or as many as fit")
    add("--temperature", type=float, default=0.8, help="0 takes the likeliest token")
    add("--top-p", type=float, default=0.95, help="probability that the choice is cut down to")
    add("--seed", type=int, default=0, help="of the draws")
    add("--reselect", action="store_true", help="select again, from the whole text, at each token")
    add("--threads", type=int, default=1, help="CPU threads")


def run(args: argparse.Namespace) -> int:
    """Write the prompt and its continuation, each token as soon as it is chosen."""
    use_threads(args.threads)
    require(args.prompt != "", "--prompt", args.prompt, "at least one character long")
    from mosa_edu.data.tokenizer import END_OF_TEXT_ID
    from mosa_edu.experiments.runs import find_model
    from mosa_edu.generation import Sampler, stream

    model, tokenizer, *_ = find_model(args.model)
    causal = model.causal or args.reselect
    kind = f"a run with {model.config.sparse!r} heads, in which later tokens change earlier picks"
    require(causal, "RUN", kind, "one with causal selection, or given with --reselect")
    sampler = Sampler(args.temperature, args.top_p, args.seed, tokenizer.vocab_size)
    prompt = tokenizer.encode(args.prompt)
    room = max(model.config.max_seq_len - len(prompt), 0)
    n_tokens = min(TOKENS, room) if args.tokens is None else args.tokens
    written: list[int] = []
    text, shown = args.prompt, 0
    for _, token in stream(model, [prompt], n_tokens, sampler, reselect=args.reselect):
        if token == END_OF_TEXT_ID:
            break
        written.append(token)
        text = args.prompt + tokenizer.decode(written)
        # A character of several bytes may be spread over several tokens.
        if not text.endswith(REPLACEMENT):
            print(text[shown:], end="", flush=True)
            shown = len(text)
    print(text[shown:])
    return 0
