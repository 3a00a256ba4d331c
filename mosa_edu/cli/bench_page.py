"""The part of `mosa-edu bench` that measures the built book in a browser."""

from __future__ import annotations

import argparse
import os
from typing import Any

from mosa_edu.experiments.runner import runs_folder


def measure_page(args: argparse.Namespace) -> int:
    """Measure, print one line a number, and save the record."""
    from mosa_edu.bench.page import BuiltBook, measure_book, open_browser
    from mosa_edu.records import provenance
    from mosa_edu.records.probe import ProbeRecord
    from mosa_edu.viz.assets import WEB, module_text

    settings: dict[str, Any] = {"rounds": args.rounds, "load": round(os.getloadavg()[0], 1)}
    book = BuiltBook(args.book)
    with open_browser() as browser:
        settings["browser"] = f"Chromium {browser.version}, headless"
        rows = measure_book(browser, book, args.rounds, module_text("bench/page", WEB.parents[1]))
    origin = provenance(command=f"mosa-edu bench page --rounds {args.rounds}")
    record = ProbeRecord("bench-page", "page", settings, rows, {}, origin)
    record.save(args.out or runs_folder() / "bench")
    print(f"{settings['browser']}; {origin['hardware']}; load {settings['load']}")
    print(*(_line(row) for row in record.rows), sep="\n")
    return 0


def _line(row: dict[str, Any]) -> str:
    """Write a number, what was promised of it, and whether that holds."""
    number = f"{row['median']:,.1f} {row['unit']}".strip()
    if row["lower"] != row["upper"]:
        number += f" [{row['lower']:,.1f}, {row['upper']:,.1f}]"
    if row["clock"] == "processor":
        number += " of the processor's time"
    if row["bar"] is None:
        return f"{row['what']}: {number}"
    verdict = "reached" if row["median"] <= row["bar"] else "missed"
    aims = f"bar {row['bar']:,}"
    if row["stretch"] is not None:
        aims += f", stretch {row['stretch']:,}"
    return f"{row['what']}: {number} ({aims}: {verdict})"
