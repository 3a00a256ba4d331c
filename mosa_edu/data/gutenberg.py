"""The corpus `gutenberg`: 52 novels by manifest, eight of them held out whole."""

import hashlib
import json
import os
import re
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mosa_edu.checks import require
from mosa_edu.data.documents import SPLITS, Corpus, Document, Split, cache_folder, decode_text
from mosa_edu.progress import track
from mosa_edu.records import write_atomic

CLEANING_VERSION = 1

_START = re.compile(r"\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG EBOOK.*?\*\*\*", re.S)
_END = re.compile(r"\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG EBOOK")
_TYPOGRAPHY = {
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
    **dict.fromkeys("\u2013\u2014\u2015", "--"),
    **{"\u2212": "-", "\u2026": "...", "\u00a0": " ", "\f": "\n", "\u2122": "", "_": ""},
}
_ILLUSTRATION = re.compile(r"\[(?:Illustration|Picture|Footnote)[^\]]*\]", re.I)
_NOTE_MARK = re.compile(r"(?<=\S) ?\[(?:\d{1,3}|\*)\]")
_DASH_AT_END = re.compile(r"(?<=\w)(--?)[ ]*\n\s*(?=\w)")
_BARE = re.compile(r"[\W\d_]*")
_CREDIT = re.compile(
    r"\[?(?:produced by|e-?text prepared|e-?text revised|special thanks|transcribe[rd]|"
    r"\W*transcriber|editorial note|an anonymous volunteer|html version|enlarge\b|"
    r"project gutenberg editor|this file was|note: (?:project gutenberg|images))",
    re.I,
)
_CREDIT_WORDS = [
    *("proofread", "http://", "https://", "www."),
    *("project gutenberg", "gutenberg.org", "gutenberg.net"),
]
_LONGEST_CREDIT = 2000
_TAIL = re.compile(
    r"\W*(?:transcriber's? (?:amend|correct|note)|footnotes?\W*$|typographical errors|"
    r"selected bibliography|the nelson classics|there's more to follow|"
    r"end of (?:the |this )?project gutenberg)",
    re.I,
)
_CONTENTS = re.compile(r"\W*(?:table of )?contents\W*", re.I)
_HEADING = re.compile(r"(?:chapter|book|part|volume|letter)\b|[ivxlc]+\.|\d+\.", re.I)


def clean(raw: str) -> str:
    r"""Strip licence and credits, join wrapped lines, and write quotes and dashes in ASCII."""
    start, end = _START.search(raw), _END.search(raw)
    if start is None or end is None or end.start() < start.end():
        raise ValueError("raw must be a Project Gutenberg file with START and END marks")
    body = raw[start.end() : end.start()]
    for printed, plain in _TYPOGRAPHY.items():
        body = body.replace(printed, plain)
    blocks = [block for block in re.split(r"\n\s*\n", body) if block.strip()]
    paragraphs = map(_unwrap, _without_contents(_without_credits(blocks)))
    # Rows of stars and bare page numbers are print, not text.
    return "\n\n".join(text for text in paragraphs if not _BARE.fullmatch(text))


def _unwrap(block: str) -> str:
    if "[" in block:
        block = _NOTE_MARK.sub("", _ILLUSTRATION.sub("", block))
    if "-" in block:
        # A hyphen or dash at a line's end is part of the text: these files do not break words.
        block = _DASH_AT_END.sub(r"\1", block)
    return " ".join(block.split())


def _without_credits(blocks: list[str]) -> list[str]:
    """Drop what volunteers wrote: credits in front, notes on the transcription at the end."""
    front, back = max(12, len(blocks) // 50), int(len(blocks) * 0.95)
    for number in range(back, len(blocks)):
        if _TAIL.match(blocks[number].strip()):
            blocks = blocks[:number]
            break
    return [
        block
        for number, block in enumerate(blocks)
        if not (_is_credit(block) and (number < front or len(block) < _LONGEST_CREDIT))
    ]


def _is_credit(block: str) -> bool:
    return bool(_CREDIT.match(block.strip())) or any(w in block.lower() for w in _CREDIT_WORDS)


def _without_contents(blocks: list[str]) -> list[str]:
    """Drop a table of contents: what stands between that heading and the first prose."""
    limit = min(len(blocks), 800)
    heads = ({text, text.split("\n")[0]} for text in map(str.strip, blocks[:limit]))
    first = next((n for n, head in enumerate(heads) if any(map(_CONTENTS.fullmatch, head))), None)
    if first is None:
        return blocks
    for prose in range(first + 1, limit + 200):
        if prose < len(blocks) and _is_prose(blocks[prose]):
            heading = prose
            while heading - 1 > first and prose - heading < 2 and len(blocks[heading - 1]) < 60:
                heading -= 1
            return blocks[:first] + blocks[heading:]
    return blocks


def _is_prose(block: str) -> bool:
    words = re.findall(r"[A-Za-z]+", block)
    if len(block.strip()) < 60 or _HEADING.match(block.strip()):
        return False
    return sum(word[0].islower() for word in words) > 0.7 * len(words)


_ADDRESS = "https://raw.githubusercontent.com/{repository}/{commit}/{path}"
_TIMEOUT_SECONDS = 60


def read_manifest() -> list[dict[str, Any]]:
    """Return the manifest: id, title, author, size, SHA-256, split and pinned source of each."""
    text = resources.files("mosa_edu.data").joinpath("gutenberg.json").read_text(encoding="utf-8")
    return list(json.loads(text))


def load_gutenberg(manifest: list[dict[str, Any]] | None = None) -> Corpus:
    """Load the novels, from disk where they are there, else from their pinned source."""
    entries = read_manifest() if manifest is None else manifest
    books: dict[Split, list[Document]] = {split: [] for split in SPLITS}
    for entry in track(entries, "reading gutenberg", "novels"):
        text = clean(decode_text(fetch(entry), "corpus file", f"{entry['id']}.txt"))
        books[entry["split"]].append(Document(entry["title"], text))
    provenance = {
        "source": "Project Gutenberg, through the GITenberg repositories, at pinned commits",
        "cleaning": CLEANING_VERSION,
        "files": [{key: entry[key] for key in ("id", "sha256", "split")} for entry in entries],
    }
    return Corpus("gutenberg", tuple(books["train"]), tuple(books["validation"]), provenance)


def fetch(entry: dict[str, Any]) -> bytes:
    """Return one novel's file, checked against the manifest's SHA-256.

    ``$MOSA_EDU_DATA/gutenberg/<id>.txt`` is looked at first, then the cache folder, then the
    network. A file fetched is kept in the cache; one of a wrong hash never is.
    """
    name = f"gutenberg/{entry['id']}.txt"
    if given := os.environ.get("MOSA_EDU_DATA"):
        path = Path(given).expanduser() / name
        if path.exists():
            return _checked(path.read_bytes(), entry, str(path))
    cached = cache_folder() / name
    if cached.exists():
        content = cached.read_bytes()
        if hashlib.sha256(content).hexdigest() == entry["sha256"]:
            return content
    content = _checked(_download(entry), entry, address(entry))
    write_atomic(cached, content)
    return content


def address(entry: dict[str, Any]) -> str:
    """Return the address of one novel's file at its pinned commit."""
    return _ADDRESS.format_map(entry | {"path": quote(entry["path"])})


def _download(entry: dict[str, Any]) -> bytes:
    try:
        with urllib.request.urlopen(address(entry), timeout=_TIMEOUT_SECONDS) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise ValueError(
            f"corpus file {entry['id']}.txt ({entry['title']}) must be in "
            f"$MOSA_EDU_DATA/gutenberg, in {cache_folder() / 'gutenberg'}, or reachable at "
            f"{address(entry)}, got {error}"
        ) from None


def _checked(content: bytes, entry: dict[str, Any], where: str) -> bytes:
    require(bool(content), "corpus file", where, "a text file that is not empty")
    found, allowed = hashlib.sha256(content).hexdigest(), f"{entry['sha256']} as in the manifest"
    require(found == entry["sha256"], f"SHA-256 of corpus file {where}", found, allowed)
    return content
