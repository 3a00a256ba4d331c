"""One call loads every corpus, and says what is wrong with one that cannot be loaded."""

import json
import sys

import pytest

from mosa_edu.data import corpora
from mosa_edu.data.corpora import load_corpus


def test_unknown_corpus_names_the_known_ones():
    with pytest.raises(
        ValueError, match=r"corpus must be one of stories, cloze, stdlib, gutenberg.*'storiez'"
    ):
        load_corpus("storiez")
    for name in ("", "huggingface:", "/"):
        with pytest.raises(ValueError, match="corpus must be one of"):
            load_corpus(name)


def test_text_file_is_cut_at_a_line_near_nine_tenths(tmp_path):
    path = tmp_path / "notes.txt"
    lines = [f"line number {number}\r\n" for number in range(100)]
    path.write_bytes(b"\xef\xbb\xbf" + "".join(lines).encode())
    corpus = load_corpus(str(path))
    text = corpus.train[0].text + corpus.validation[0].text
    assert text == "".join(lines).replace("\r\n", "\n")
    assert corpus.validation[0].text.startswith("line number 90\n")
    assert corpus.name == "notes"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "corpus must be a text file that is not empty, got"),
        (b" \n\n ", "corpus must be a text file that is not empty, got"),
        (b"caf\xe9 au lait", r"corpus must be a UTF-8 text file, got .*\(byte 3 is not UTF-8\)"),
        (b"short", "corpus must be a text file long enough"),
    ],
)
def test_bad_text_files_are_named(tmp_path, content, message):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_corpus(str(path))


def test_stdlib_is_the_same_twice_and_split_by_file():
    corpus = load_corpus("stdlib", max_bytes=400_000)
    assert load_corpus("stdlib", max_bytes=400_000) == corpus
    titles = [document.title for document in (*corpus.train, *corpus.validation)]
    assert len(set(titles)) == len(titles) > 10
    assert corpus.provenance["bytes"] <= 400_000
    assert not any({"test", "tests", "site-packages"} & {*title.split("/")} for title in titles)


def test_stdlib_leaves_out_what_is_not_text_and_says_when_there_is_nothing(tmp_path):
    for number in range(80):
        (tmp_path / f"module_{number}.py").write_text(f"answer = {number}\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "test").mkdir()
    (tmp_path / "test/test_it.py").write_text("assert True\n")
    corpus = load_corpus("stdlib", folder=tmp_path)
    titles = {document.title for document in (*corpus.train, *corpus.validation)}
    assert titles == {f"module_{number}.py" for number in range(80)}
    with pytest.raises(ValueError, match="corpus must be an interpreter whose Python sources"):
        load_corpus("stdlib", folder=tmp_path / "test")


@pytest.fixture
def dataset(monkeypatch, tmp_path):
    """Write a dataset of these splits; nothing outside this machine is asked."""
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def write(**splits):
        folder = tmp_path / "rows"
        folder.mkdir()
        for split, texts in splits.items():
            rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
            (folder / f"{split}.jsonl").write_text(rows)
        return folder

    return write


STORIES = [f"story {number}" for number in range(50)]


def texts(documents):
    return [document.text for document in documents]


def test_huggingface_streams_a_local_dataset_through_the_same_call(dataset):
    folder = dataset(train=STORIES, validation=["held out 0", "  ", "held out 1"])
    corpus = load_corpus(f"huggingface:{folder}", n_train=7, n_validation=5)
    assert texts(corpus.train) == STORIES[:7]
    assert texts(corpus.validation) == ["held out 0", "held out 1"]
    with pytest.raises(ValueError, match=r"column must be one of \['text'\]"):
        load_corpus(f"huggingface:{folder}", column="body")


def test_huggingface_without_a_validation_split_holds_out_the_first_rows(dataset):
    corpus = load_corpus(f"huggingface:{dataset(train=STORIES)}", n_train=10, n_validation=3)
    assert texts(corpus.validation) == STORIES[:3]
    assert texts(corpus.train) == STORIES[3:13]


def test_huggingface_joins_the_lines_of_wikitext_to_articles(dataset, monkeypatch):
    one = ["", " = One = \n", "", " a b c \n", " = = Part = = \n", " d \n"]
    lines = [*one, " = Two = \n", " e \n"]
    folder = dataset(train=lines, test=lines)
    source = corpora.KNOWN["wikitext"]._replace(path=str(folder), config=None)
    monkeypatch.setitem(corpora.KNOWN, "wikitext", source)
    corpus = load_corpus("huggingface:WikiText")
    assert texts(corpus.train) == ["".join(one), " = Two = \n e \n"]


def test_huggingface_that_cannot_be_reached_is_one_line(dataset):
    with pytest.raises(ValueError, match=r"corpus must be a dataset that can be reached") as error:
        load_corpus("huggingface:/no/such/folder")
    assert "\n" not in str(error.value)


def test_huggingface_without_the_extra_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'mosa_edu\[data\]'"):
        load_corpus("huggingface:wikitext")
