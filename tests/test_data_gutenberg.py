"""Novels are the ones of the manifest, checked, cleaned, and never half-written."""

import hashlib
import re

import pytest

from mosa_edu.data import gutenberg
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.gutenberg import address, clean, fetch, load_gutenberg, read_manifest

BODY = """\
Produced by A Volunteer


A SMALL BOOK

CONTENTS

Chapter 1. The Gate
Chapter 2. The Key

CHAPTER 1.

THE GATE

\u201cIt was _never_ her gate,\u201d said Anna\u2014and she
smiled, for the gate was half-
open all the time; \u2018never\u2019 was a long word. [12]
It cost \u00a35 at the caf\u00e9\u2026

     *     *     *     *

[Illustration: the gate
at noon]

They went home--
home to the sea.

THE END

Transcriber's note: nothing was changed.
"""
RAW = f"""\
\ufeffThe Project Gutenberg EBook of A Small Book, by Nobody

*** START OF THIS PROJECT GUTENBERG EBOOK A SMALL
BOOK ***

{BODY}

End of the Project Gutenberg EBook of A Small Book

*** END OF THIS PROJECT GUTENBERG EBOOK A SMALL BOOK ***

This licence must not be learnt by heart.
"""
CLEAN = """\
A SMALL BOOK

CHAPTER 1.

THE GATE

"It was never her gate," said Anna--and she smiled, for the gate was half-open all the time; \
'never' was a long word. It cost \u00a35 at the caf\u00e9...

They went home--home to the sea.

THE END"""

NOWHERE = "file:///nowhere/{repository}/{commit}/{path}"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A manifest of two books, a folder of files given, a cache, and a place to download from."""
    source, given, cache = (tmp_path / name for name in ("source", "given", "cache"))
    (source / "nobody/small/c0ffee").mkdir(parents=True)
    (given / "gutenberg").mkdir(parents=True)
    content = RAW.replace("\n", "\r\n").encode()
    (source / "nobody/small/c0ffee/1-0.txt").write_bytes(content)
    monkeypatch.setenv("MOSA_EDU_CACHE", str(cache))
    monkeypatch.delenv("MOSA_EDU_DATA", raising=False)
    monkeypatch.setattr(gutenberg, "_ADDRESS", source.as_uri() + "/{repository}/{commit}/{path}")
    entry = {
        "id": 1,
        "title": "A Small Book",
        "sha256": hashlib.sha256(content).hexdigest(),
        "split": "train",
        "repository": "nobody/small",
        "commit": "c0ffee",
        "path": "1-0.txt",
    }
    other = {**entry, "id": 2, "split": "validation"}
    return {"manifest": [entry, other], "content": content, "given": given, "cache": cache}


def files_below(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_manifest_names_52_novels_and_holds_8_out_whole():
    entries = read_manifest()
    held_out = [entry for entry in entries if entry["split"] == "validation"]
    assert len(entries) == len({entry["id"] for entry in entries}) == 52
    assert len({entry["sha256"] for entry in entries}) == 52
    assert len(held_out) == 8
    assert {entry["split"] for entry in entries} == {"train", "validation"}
    for entry in entries:
        assert re.fullmatch(r"[0-9a-f]{64}", entry["sha256"])
        assert re.fullmatch(r"[0-9a-f]{40}", entry["commit"])
        assert re.fullmatch(r"GITenberg/[\w.-]+", entry["repository"])
        assert address(entry).startswith("https://raw.githubusercontent.com/GITenberg/")
    # Seven of the eight are by authors whom training never sees; the eighth is Austen's.
    authors = {entry["author"] for entry in entries if entry["split"] == "train"}
    assert [entry["title"] for entry in held_out if entry["author"] in authors] == ["Persuasion"]


def test_cleaning_keeps_the_story_alone():
    assert clean(RAW.removeprefix("\ufeff")) == CLEAN
    with pytest.raises(ValueError, match="START and END marks"):
        clean("no marks here")


def test_books_are_downloaded_once_checked_and_kept(shelf, monkeypatch):
    corpus = load_corpus("gutenberg", manifest=shelf["manifest"])
    assert corpus.name == "gutenberg"
    assert [entry["id"] for entry in corpus.provenance["files"]] == [1, 2]
    assert [document.text for document in corpus.train] == [CLEAN]
    assert [document.title for document in corpus.validation] == ["A Small Book"]
    assert files_below(shelf["cache"]) == ["1.txt", "2.txt"]
    assert (shelf["cache"] / "gutenberg/1.txt").read_bytes() == shelf["content"]
    monkeypatch.setattr(gutenberg, "_ADDRESS", NOWHERE)
    assert load_gutenberg(shelf["manifest"]) == corpus


def test_a_given_folder_is_looked_at_first(shelf, monkeypatch):
    monkeypatch.setenv("MOSA_EDU_DATA", str(shelf["given"]))
    monkeypatch.setattr(gutenberg, "_ADDRESS", NOWHERE)
    for number in (1, 2):
        (shelf["given"] / f"gutenberg/{number}.txt").write_bytes(shelf["content"])
    assert load_gutenberg(shelf["manifest"]).train[0].text == CLEAN
    assert not shelf["cache"].exists()


@pytest.mark.parametrize(
    ("content", "known", "message"),
    [
        (b"", False, "must be a text file that is not empty"),
        (b"another text", False, "SHA-256 of corpus file .*1.txt must be [0-9a-f]{64} as in the"),
        (b"caf\xe9", True, "corpus file must be a UTF-8 text file, got '1.txt'"),
    ],
)
def test_a_given_file_that_is_wrong_is_refused(shelf, monkeypatch, content, known, message):
    monkeypatch.setenv("MOSA_EDU_DATA", str(shelf["given"]))
    (shelf["given"] / "gutenberg/1.txt").write_bytes(content)
    own = {"sha256": hashlib.sha256(content).hexdigest()} if known else {}
    with pytest.raises(ValueError, match=message):
        load_gutenberg([shelf["manifest"][0] | own])
    assert not shelf["cache"].exists()


def test_a_download_of_a_wrong_hash_leaves_nothing(shelf):
    with pytest.raises(ValueError, match="SHA-256 of corpus file"):
        fetch(shelf["manifest"][0] | {"sha256": "0" * 64})
    assert not shelf["cache"].exists()


def test_a_spoilt_cache_is_fetched_again(shelf):
    entry = shelf["manifest"][0]
    fetch(entry)
    path = shelf["cache"] / "gutenberg/1.txt"
    path.write_bytes(path.read_bytes()[:-5])
    assert fetch(entry) == shelf["content"]
    assert path.read_bytes() == shelf["content"]


def test_offline_says_where_the_file_may_be_put(shelf, monkeypatch):
    monkeypatch.setattr(gutenberg, "_ADDRESS", NOWHERE)
    with pytest.raises(ValueError, match=r"1.txt \(A Small Book\) must be in \$MOSA_EDU_DATA"):
        fetch(shelf["manifest"][0])
    assert not shelf["cache"].exists()


def test_a_full_disk_leaves_nothing(shelf, monkeypatch):
    def refuse(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        fetch(shelf["manifest"][0])
    assert files_below(shelf["cache"]) == []
