"""`mosa-edu`: parse the command, run it, and turn what went wrong into one line."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import mosa_edu
from mosa_edu import progress
from mosa_edu.cli import whole
from mosa_edu.records.origin import typed

COMMANDS = ("train", "experiment", "inspect", "bench", "generate", "explore")
"""Modules of this package, each with ``add_parser(subparsers)`` and ``run(args) -> int``."""

ALIASES = {
    "compare": "experiment run isoflop",
    "riddles": "experiment run cloze",
    "long-context": "experiment run long_context",
    "pair": "experiment run pair",
    "gpu-suite": "experiment run gpu_suite --count-seeds --seconds 520 --pack",
    "pack": "experiment pack gpu_suite",
    "scores": "inspect scores",
    "probe": "inspect",
}
"""Commands of version 0.1, until 0.2: their flags are hidden flags of the new ones."""

USER_ERROR, INTERRUPTED = 2, 130
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console without a character shows another one
            stream.reconfigure(errors="replace")
    progress.in_logs = True
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ALIASES:
        words[:1] = ALIASES[words[0]].split()
    parser = build_parser()
    args = parser.parse_args(words)
    args.words = words
    if args.command is None:
        parser.print_help()
        return 0
    warnings.showwarning = _warn
    try:
        return args.run(args)
    except ValueError as error:
        return _refuse(" ".join(str(error).split()))
    except ImportError as error:
        if "mosa_edu[" in str(error):  # says which extra to install
            return _refuse(str(error))
        raise
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            where = f" at {error.filename}" if error.filename else ""
            return _refuse(f"the disk is full{where} ({error.strerror}); what was saved is intact")
        if isinstance(error, BrokenPipeError):  # the reader of a pipe, such as head, has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if error.filename is not None:  # absent, forbidden, a folder where a file should be
            return _refuse(f"{error.filename} cannot be used ({error.strerror})")
        raise
    except KeyboardInterrupt:
        print(f"\nmosa-edu: interrupted\nNext: {typed(*whole(words))}", file=sys.stderr)
        return INTERRUPTED


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one line; its usage is what ``--help`` shows."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and end."""
        self.exit(USER_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="mosa-edu", description="Train, examine and measure Mixture of Sparse Attention."
    )
    parser.add_argument("--version", action="version", version=f"mosa-edu {mosa_edu.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"mosa_edu.cli.{name}")
        module.add_parser(subparsers)
        subparsers.choices[name].set_defaults(run=module.run)
    return parser


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"mosa-edu: {message}", file=sys.stderr)


def _refuse(message: str) -> int:
    print(f"mosa-edu: {message}", file=sys.stderr)
    return USER_ERROR


if __name__ == "__main__":
    sys.exit(main())
