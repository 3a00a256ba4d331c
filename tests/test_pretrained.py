"""Protects the model file: one truth for page and PyTorch, the same bytes every time, no code."""

import copy
import dataclasses
import hashlib
import json

import pytest
import torch
from safetensors import safe_open
from torch.nn import functional as F

from mosa_edu.config import PRESETS
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.model import TransformerLM
from mosa_edu.pretrained import (
    PRETRAINED,
    load_page_model,
    load_pretrained,
    merges_of,
    pretrained_path,
    read_metadata,
    save_page_model,
    tokenizer_of,
)
from mosa_edu.selection import ActivationCache
from mosa_edu.texts import PROBES

SOURCE = {"command": "mosa-edu train", "seed": 0}


def micro(**changes):
    torch.manual_seed(0)
    return TransformerLM(dataclasses.replace(PRESETS["micro"], **changes))


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(PROBES.values(), PRESETS["micro"].vocab_size)


@pytest.fixture
def path(tokenizer, tmp_path):
    path = tmp_path / "model.safetensors"
    save_page_model(micro(), tokenizer, path, SOURCE, name="micro")
    return path


def test_loaded_model_is_the_saved_one_rounded_to_half_precision(path, tokenizer):
    model, loaded_tokenizer = load_page_model(path)
    saved = micro()
    assert model.config == saved.config
    assert not model.training
    for name, tensor in saved.state_dict().items():
        own = model.state_dict()[name]
        assert own.dtype == torch.float32
        assert torch.equal(own, tensor.half().float()), name
    assert loaded_tokenizer.to_json() == tokenizer.to_json()


def test_file_is_the_same_every_time_and_its_checksum_is_returned(tokenizer, tmp_path):
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    sums = [save_page_model(micro(), tokenizer, file, SOURCE) for file in files]
    data = [file.read_bytes() for file in files]
    assert data[0] == data[1]
    assert sums == [hashlib.sha256(own).hexdigest() for own in data]


def test_header_says_what_the_file_is(path):
    metadata = read_metadata(path)
    assert metadata["name"] == "micro"
    assert json.loads(metadata["config"]) == dataclasses.asdict(PRESETS["micro"])
    assert json.loads(metadata["provenance"]) == SOURCE
    with safe_open(str(path), framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118


def test_stored_values_are_those_of_the_rounded_model(path):
    model, _ = load_page_model(path)
    reference = json.loads(read_metadata(path)["reference"])
    ids = torch.tensor([reference["ids"]])
    with torch.no_grad():
        logits = model(ids)[0]
    losses = F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
    assert reference["losses"] == pytest.approx(losses.tolist(), abs=1e-5)
    assert [len(heads) for heads in reference["picks"]] == [4, 4]
    assert {len(picks) for heads in reference["picks"] for picks in heads} == {ids.shape[1] // 4}


def test_thresholds_split_the_probe_texts_about_as_the_paper_does(path):
    model, tokenizer = load_page_model(path)
    thresholds = torch.tensor(json.loads(read_metadata(path)["thresholds"]))
    assert thresholds.shape == (2, 4)
    with torch.no_grad():
        for text in PROBES.values():
            x = model.embedding(torch.tensor([tokenizer.encode(text)[:64]]))
            block = model.blocks[0]
            logits = block.attention.sparse.selector.router(block.norm_attention(x))[0]
            share = (logits > thresholds[0][:, None]).float().mean()
            assert 0.1 < share < 0.45


@pytest.mark.parametrize("sparse", ["fixed", "prefix", "threshold"])
def test_other_heads_of_the_page_survive_the_file(tokenizer, tmp_path, sparse):
    model = micro(sparse=sparse)
    if sparse == "threshold":
        model.train()(torch.arange(64)[None])  # one batch moves the thresholds
    save_page_model(model, tokenizer, tmp_path / "m.safetensors", SOURCE)
    loaded, _ = load_page_model(tmp_path / "m.safetensors")
    for name, tensor in model.state_dict().items():
        rounded = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(loaded.state_dict()[name], rounded), name


def test_model_without_sparse_heads_has_a_file_too(tokenizer, tmp_path):
    save_page_model(micro(n_sparse_heads=0), tokenizer, tmp_path / "m.safetensors", SOURCE)
    assert load_page_model(tmp_path / "m.safetensors")[0].config.n_sparse_heads == 0


@pytest.mark.parametrize("vocab_size", [257, 300, 900])
def test_merges_alone_describe_a_tokenizer(vocab_size):
    tokenizer = Tokenizer.train([*PROBES.values(), "é的😀 \x00\t\r\n" * 9], vocab_size)
    assert tokenizer_of(merges_of(tokenizer)).to_json() == tokenizer.to_json()


def test_what_cannot_be_shipped_is_refused(tokenizer, tmp_path):
    target = tmp_path / "m.safetensors"
    huge = micro()
    with torch.no_grad():
        huge.blocks[0].feedforward.up.weight[0, 0] = 1e5
    for model, message in [
        (huge, r"feedforward\.up\.weight must be within the range of fp16"),
        (micro(sparse="token"), "sparse must be one of"),
        (micro(vocab_size=300), r"vocab_size must be in \[512"),
    ]:
        with pytest.raises(ValueError, match=message):
            save_page_model(model, tokenizer, target, SOURCE)
    assert not target.exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-10], "must be a safetensors file"),
        (lambda data: b"PK\x03\x04" + data, "must be a safetensors file"),
        (lambda data: data.replace(b'"merges"', b'"marges"'), "must be a file of save_page_model"),
        (lambda data: data.replace(b"norm_final", b"norm_fifal"), "whose weights fit its config"),
    ],
)
def test_damaged_files_are_refused(path, damage, message):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        load_page_model(path)


def test_missing_files_and_unknown_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match="existing model file"):
        load_page_model(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="name must be one of"):
        load_pretrained("gpt")


@pytest.mark.parametrize("name", PRETRAINED)
def test_shipped_model_loads_and_is_small_enough_for_a_page(name):
    model, tokenizer = load_pretrained(name)
    assert model.config.vocab_size == tokenizer.vocab_size
    assert pretrained_path(name).stat().st_size <= 4_000_000


def test_rounding_decides_between_scores_that_are_equal_on_paper_and_no_others():
    """As chapter 4 says of 64 equal letters: not in layer 0, and then by less than 1e-5 first."""
    model, tokenizer = load_pretrained("explorer")
    ids = torch.tensor(tokenizer.encode("a" * 64))[None]
    single, double = ActivationCache(), ActivationCache()
    with torch.no_grad():
        model(ids, record=single)
        copy.deepcopy(model).double()(ids, record=double)
    for layer in range(model.config.n_layers):
        logits = double.tensors[layer, "router"]["router_logits"][0]
        pairs = zip(single.selected(layer), double.selected(layer), strict=True)
        parted = {head: set(a) ^ set(b) for head, (a, b) in enumerate(pairs) if a != b}
        assert not (layer == 0 and parted)
        for head, tokens in parted.items():
            level = logits[head][list(tokens)]
            assert float(level.max() - level.min()) < 1e-5, (layer, head)
        if parted:  # the next layers read what the accident wrote
            break
