"""`mosa-edu generate`: let a trained model continue a text, token by token."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mosa_edu.checks import require
from mosa_edu.cli import check_file, end, use_threads
from mosa_edu.progress import track

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
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--prompt", help="text to continue; - reads it from standard input")
    text.add_argument("--prompt-file", type=Path, metavar="FILE", help="file of the text, UTF-8")
    add("--out", type=Path, metavar="FILE", help="file to write to, instead of the console")
    add("--tokens", type=int, help=f"to write; by default {TOKENS} or as many as fit")
    add("--temperature", type=float, default=0.8, help="0 takes the likeliest token (default: 0.8)")
    add(
        "--top-p",
        type=float,
        default=0.95,
        help="draw among the likeliest (default: 0.95)",
    )
    add("--top-k", type=int, help="draw among so many tokens (default: all)")
    add("--seed", type=int, default=0, help="of the draws (default: 0)")
    add("--reselect", action="store_true", help="select again, from the whole text, at each token")
    add("--threads", type=int, default=1, help="CPU threads (default: 1)")


def run(args: argparse.Namespace) -> int:
    """Write the prompt and its continuation, each token as soon as it is chosen."""
    use_threads(args.threads)
    start = _prompt(args)
    out = args.out
    check_file("--out", out)
    from mosa_edu.data.tokenizer import END_OF_TEXT_ID
    from mosa_edu.experiments.runs import called, find_model
    from mosa_edu.generation import Sampler, stream
    from mosa_edu.records import write_atomic

    model, tokenizer, *_ = find_model(args.model)
    reselect = args.reselect or not model.causal
    if reselect and not args.reselect:
        kind = model.config.sparse
        print(
            f"{args.model} has {kind} heads, in which later tokens change earlier picks: every "
            "token is written from the whole text anew (--reselect), which is slower.",
            file=sys.stderr,
        )
    drawn = args.temperature, args.top_p, args.seed
    sampler = Sampler(*drawn, tokenizer.vocab_size, top_k=args.top_k)
    prompt = tokenizer.encode(start)
    room = max(model.config.max_seq_len - len(prompt), 0)
    n_tokens = min(TOKENS, room) if args.tokens is None else args.tokens
    written: list[int] = []
    text, shown = start, 0
    tokens = stream(model, [prompt], n_tokens, sampler, reselect=reselect)
    if out is not None:
        tokens = track(tokens, "writing", "tokens", n_tokens)
    for _, token in tokens:
        if token == END_OF_TEXT_ID:
            break
        written.append(token)
        text = start + tokenizer.decode(written)
        # A character of several bytes may be spread over several tokens.
        if out is None and not text.endswith(REPLACEMENT):
            print(text[shown:], end="", flush=True)
            shown = len(text)
    if out is None:
        print(text[shown:])
    else:
        write_atomic(out, text + "\n")
        finding = f"{len(written)} tokens follow the {len(prompt)} of the prompt."
        end(finding, out, "explore", called(args.model))
    return 0


def _prompt(args: argparse.Namespace) -> str:
    """Return the text to continue, from the words, a file or standard input."""
    from mosa_edu.data.documents import decode_text

    if args.prompt_file:
        require(args.prompt_file.is_file(), "--prompt-file", str(args.prompt_file), "a text file")
        content = args.prompt_file.read_bytes()
        # An editor and `echo` end a text with a line break that is no part of it.
        return decode_text(content, "--prompt-file", str(args.prompt_file)).removesuffix("\n")
    text = str(args.prompt)
    if text == "-":
        text = decode_text(sys.stdin.buffer.read(), "--prompt", "-").removesuffix("\n")
    require(text != "", "--prompt", text, "at least one character long")
    return text
