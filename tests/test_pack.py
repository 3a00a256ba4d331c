"""Protects packs: the tokens that come out are those that went in, or the pack is refused."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from training_toys import assert_same_streams

from mosa_edu.cli.main import main
from mosa_edu.data import corpora
from mosa_edu.data import tokens as pack
from mosa_edu.data.corpora import load_corpus
from mosa_edu.data.stories import load_stories
from mosa_edu.data.tokens import TokenSet, read_pack, write_pack
from mosa_edu.records.origin import program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOSA_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(corpora.LOADERS, "stories", partial(load_stories, n_stories=60))
    write_pack("stories", 400, tmp_path / "pack", shard_tokens=3000)
    return tmp_path / "pack"


def test_tokens_come_out_as_they_went_in(folder):
    """Catches shards joined in another order, bytes swapped, and documents that moved."""
    corpus, tokenizer, tokens = read_pack(folder)
    expected = TokenSet.build(load_corpus("stories"), tokenizer)
    assert corpus == "stories"
    assert (tokens.fingerprint, tokens.vocab_size) == (expected.fingerprint, 400)
    assert_same_streams(tokens, expected)
    assert len(list(folder.glob("train-*.xz"))) > 1
    batch = tokens.batch(3, 0, 256, 32)
    np.testing.assert_array_equal(batch[0], expected.batch(3, 0, 256, 32)[0])


def test_a_shard_is_small_even_if_nothing_compresses(tmp_path, monkeypatch):
    """Catches a limit on the number of tokens that noise would break."""
    noise = np.random.default_rng(0).integers(0, 1 << 16, 50_000).astype(np.uint16)
    per_token = 30_000_000 / pack.SHARD_TOKENS
    (shard,) = pack._write_shards(tmp_path, "train", noise, 50_000)
    assert shard["bytes"] < per_token * len(noise)


@pytest.mark.parametrize("damage", ["shard", "tokenizer", "manifest", "missing"])
def test_damaged_packs_are_refused(folder, damage):
    """Catches a pack that is used unchecked: a cut shard would train on other tokens."""
    shard = folder / "train-000.xz"
    if damage == "shard":
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 1
        shard.write_bytes(content)
    elif damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{}")
    elif damage == "manifest":
        (folder / "manifest.json").write_text("{")
    else:
        shard.unlink()
    with pytest.raises(ValueError, match=r"pack must be whole|manifest\.json must be"):
        read_pack(folder)


def test_the_command_says_what_it_wrote_and_refuses_what_it_cannot(folder, tmp_path, capsys):
    words = ["experiment", "pack", "isoflop", "--corpus", "stories"]
    assert main([*words, str(tmp_path / "new"), "--vocab-size", "400"]) == 0
    assert f"Next: {program()} experiment run isoflop --pack" in capsys.readouterr().out
    assert main([*words, str(tmp_path / "wide"), "--vocab-size", "70000"]) == 2
    assert "vocab_size must be at most 65536" in capsys.readouterr().err
    with pytest.raises(ValueError, match="a folder of mosa-edu experiment pack"):
        read_pack(tmp_path)
