"""Records come back exactly as they were written, and a wrong one is refused by name."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosa_edu.records import Comparison, RoutingTrace, RunRecord, Token, provenance, write_atomic
from mosa_edu.records.codec import decode, encode, plain
from mosa_edu.records.origin import command_line


def make_trace(T=12, k=3, layers=2, heads=4, seed=0, **changes):
    """Make a consistent trace from random logits."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(layers, heads, T)).round(1)  # rounded: ties occur
    order = np.argsort(-logits, axis=-1, kind="stable")
    fields = {
        "model": {"name": "hand-made", "sha256": None},
        "tokens": [Token(i, f" w{i}", 3 * i, 3 * i + 3) for i in range(T)],
        "sparsity": max(T // k, 1),
        "scores": np.round(65535 / (1 + np.exp(-logits))).astype(np.uint16),
        "order": order.astype(np.uint8 if T <= 256 else np.uint16),
        "indices": np.sort(order[..., :k], axis=-1).astype(np.uint16),
        "attention": rng.integers(0, 256, (layers, heads, k * (k + 1) // 2), dtype=np.uint8),
        "next_ids": rng.integers(0, 500, (T, 5), dtype=np.uint16),
        "next_probabilities": rng.integers(0, 9999, (T, 5), dtype=np.uint16),
        "provenance": {"command": "made by hand"},
    }
    return RoutingTrace(**fields | changes)


def make_run(**changes):
    """Make a small, finished run."""
    fields = {
        "name": "mosa",
        "command": "mosa-edu train",
        "commit": None,
        "seed": 0,
        "model": {"d_model": 64, "shape": (1, 2)},
        "training": {"steps": 2},
        "data": {"corpus": "tales"},
        "n_parameters": 123,
        "hardware": "a processor, 2 cores",
        "wall_seconds": 1.5,
        "tokens_seen": 64,
        "train_curve": [[1, 32, 6.25], [2, 64, np.float32(6.0)]],
        "validation": {"64": {"loss": 5.9, "stderr": 0.01}},
        "status": "finished",
        "comparison": Comparison("isoflop", "no_sink", "flops", 8, recipe="d64-1"),
    }
    return RunRecord(**fields | changes)


@given(
    T=st.integers(1, 300), k=st.integers(1, 9), layers=st.integers(1, 3), heads=st.integers(1, 5)
)
def test_trace_round_trip_is_exact(T, k, layers, heads):
    trace = make_trace(T, min(k, T), layers, heads)
    again = RoutingTrace.from_json(trace.to_json())
    assert again == trace
    assert again.to_json() == trace.to_json()
    for name in ("scores", "order", "indices", "attention", "next_ids", "next_probabilities"):
        np.testing.assert_array_equal(getattr(again, name), getattr(trace, name))
        assert getattr(again, name).dtype == getattr(trace, name).dtype


def test_trace_optional_fields_round_trip(tmp_path):
    counts = np.full((2, 4), 3, np.uint16)
    counts[1, 2] = 1
    indices = make_trace().indices.copy()
    indices[1, 2, 1:] = 0
    loss = np.linspace(0, 9, 11, dtype=np.float32)
    trace = make_trace(
        counts=counts, indices=indices, true_loss=loss, true_rank=np.arange(11, dtype=np.uint16)
    )
    trace.save(tmp_path / "traces" / "one.json")
    again = RoutingTrace.load(tmp_path / "traces" / "one.json")
    assert again == trace
    np.testing.assert_array_equal(again.true_loss, loss)
    assert len(again.selected(1, 2)) == 1
    assert again.attention_matrix(1, 2).shape == (1, 1)
    assert again.selected_mask().sum() == 2 * 4 * 3 - 2


def test_trace_json_is_the_written_format():
    """Other writers of this format (the page's engine) depend on names, bytes and layout."""
    values = json.loads(make_trace().to_json())
    assert list(values) == [
        *("version", "model", "tokens", "T", "k", "sparsity", "layers", "heads", "scores"),
        *("order", "indices", "attention", "next_top", "provenance"),
    ]
    assert values["tokens"][2] == {"id": 2, "text": " w2", "start": 6, "end": 9}
    assert values["order"]["dtype"] == "uint8"
    assert values["indices"]["shape"] == [2, 4, 3]
    assert encode(np.array([258], np.uint16)) == {"dtype": "uint16", "shape": [1], "data": "AgE="}
    assert json.loads(make_trace(T=257).to_json())["order"]["dtype"] == "uint16"


def test_trace_reads_what_it_says():
    trace = make_trace()
    picked = trace.selected_mask()
    for layer, head in np.ndindex(2, 4):
        best = np.argsort(-trace.scores[layer, head].astype(int), kind="stable")[:3]
        np.testing.assert_array_equal(np.flatnonzero(picked[layer, head]), np.sort(best))
        np.testing.assert_array_equal(trace.selected(layer, head), np.sort(best))
    matrix = trace.attention_matrix(0, 1) * 255
    assert matrix[2, 1] == trace.attention[0, 1, 4]
    assert matrix[0, 1] == 0
    np.testing.assert_array_equal(trace.heads_per_token(), picked.sum((0, 1)))
    with pytest.raises(ValueError, match=r"head must be in \[0, 4\), got 4"):
        trace.selected(0, 4)


def test_trace_cannot_be_changed():
    trace, scores = make_trace(), np.full((2, 4, 12), 7, np.uint16)
    with pytest.raises(ValueError, match="read-only"):
        trace.scores[0, 0, 0] = 0
    copied = replace(trace, scores=scores)
    scores[:] = 0
    assert (copied.scores == 7).all()


BROKEN = {
    "version": lambda v: v.update(version=2),
    "scores": lambda v: v.pop("scores"),
    "colour": lambda v: v.update(colour="red"),
    "indices": lambda v: v["indices"].update(dtype="uint8", data=v["order"]["data"][:32]),
    "indices.data": lambda v: v["indices"].update(data="AAAA"),
    "scores.data": lambda v: v["scores"].update(data="not base64!"),
    "scores.dtype": lambda v: v["scores"].update(dtype="object"),
    "scores.shape": lambda v: v["scores"].update(shape=[2, -4, 12]),
    "attention": lambda v: v.update(attention=encode(np.zeros((2, 4, 5), np.uint8))),
    "order": lambda v: v.update(order=encode(np.zeros((2, 4, 12), np.uint8))),
    "tokens": lambda v: v["tokens"][3].update(start=0),
    "next_top": lambda v: v["next_top"].pop("ids"),
    "next_ids": lambda v: v["next_top"].update(ids=encode(np.zeros((12, 4), np.uint16))),
    "sparsity": lambda v: v.update(sparsity=0),
    "T": lambda v: v.update(T=13),
    "model": lambda v: v.update(model={"name": "x"}),
    "counts": lambda v: v.update(counts=encode(np.full((2, 4), 4, np.uint16))),
    "true_loss": lambda v: v.update(
        next_true={
            "loss": encode(np.full(11, np.nan, np.float32)),
            "rank": encode(np.zeros(11, np.uint16)),
        }
    ),
}


@pytest.mark.parametrize("field", BROKEN)
def test_broken_trace_is_refused_by_the_name_of_its_field(field):
    values = json.loads(make_trace().to_json())
    BROKEN[field](values)
    with pytest.raises(ValueError, match=field):
        RoutingTrace.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("indices", np.array([[[2, 1]]], np.uint16)),
        ("indices", np.array([[[1, 12]]], np.uint16)),
        ("scores", np.zeros((1, 1, 12), np.float32)),
        ("order", np.arange(12, dtype=np.uint8)[::-1].reshape(1, 1, 12)),
    ],
)
def test_contradictory_arrays_are_refused(field, value):
    scores = np.arange(12, 0, -1, dtype=np.uint16).reshape(1, 1, 12)
    fields = {"scores": scores, "order": np.arange(12, dtype=np.uint8).reshape(1, 1, 12)}
    with pytest.raises(ValueError, match=field):
        make_trace(T=12, k=2, layers=1, heads=1, **fields | {field: value})


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "{}"])
def test_text_that_is_no_record_is_refused(text):
    for kind in (RoutingTrace, RunRecord):
        with pytest.raises(ValueError, match=r"must be|lacks"):
            kind.from_json(text)


def test_run_round_trip_is_exact(tmp_path):
    run = make_run(flops_per_token=1e6, extra={"grid": [1, {"a": None}]})
    run.save(tmp_path / "run.json")
    again = RunRecord.load(tmp_path / "run.json")
    assert again == run
    assert again.model["shape"] == [1, 2]
    np.testing.assert_array_equal(again.curve, [[1, 32, 6.25], [2, 64, 6]])
    assert again.validation_loss(64) == 5.9
    with pytest.raises(ValueError, match=r"length must be one of \[64\], got 65"):
        again.validation_loss(65)


def test_diverged_run_is_still_json():
    run = make_run(
        status="diverged",
        train_curve=[[1, 32, math.inf]],
        validation={"64": {"loss": math.nan, "stderr": None}},
    )
    assert "NaN" not in run.to_json()
    assert math.isnan(RunRecord.from_json(run.to_json()).curve[0, 2])
    assert math.isnan(run.validation_loss(64))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 3),
        ("status", "crashed"),
        ("n_parameters", -1),
        ("tokens_seen", True),
        ("train_curve", [[1, 2]]),
        ("validation", {"long": {"loss": 1}}),
        ("name", None),
        ("extra", {"model": object()}),
    ],
)
def test_wrong_run_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(ValueError, match=f"RunRecord.{field}"):
        make_run(**{field: value})


def test_future_version_is_refused_before_its_fields():
    text = json.dumps({"version": 3, "something": "new"})
    with pytest.raises(ValueError, match=r"RunRecord.version must be 2, got 3"):
        RunRecord.from_json(text)


def test_a_run_of_version_1_has_no_comparison_and_a_wrong_one_is_refused():
    values = json.loads(make_run().to_json())
    del values["comparison"]
    old = RunRecord.from_json(json.dumps(values | {"version": 1}))
    assert old == make_run(comparison=None)
    with pytest.raises(ValueError, match="Comparison lacks the field 'match'"):
        make_run(comparison={"plan": "p", "kind": "k", "sparsity": 8, "baseline": "", "recipe": ""})
    with pytest.raises(ValueError, match=r"Comparison\.match must be one of"):
        Comparison("isoflop", "mosa", "nothing", 8)


@pytest.mark.parametrize("kind", [RoutingTrace, RunRecord])
def test_file_that_cannot_be_read_is_named(tmp_path, kind):
    path = tmp_path / "record.json"
    with pytest.raises(ValueError, match=r"path must be an existing file, got '.*record.json'"):
        kind.load(path)
    path.write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match="path must be a file of UTF-8 text, got"):
        kind.load(path)
    path.write_text("")
    with pytest.raises(ValueError, match=f"{kind.__name__} must be JSON"):
        kind.load(path)


def test_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_atomic(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_written_files_have_the_usual_permissions(tmp_path):
    write_atomic(tmp_path / "a", b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_provenance_names_the_code_but_no_machine(tmp_path):
    found = provenance(torch_version="2.0", command="mosa-edu train")
    assert found["torch"] == "2.0"
    assert found["command"] == "mosa-edu train"
    assert set(found) == {"commit", "command", "package", "python", "torch", "hardware"}
    text = json.dumps(plain(found, "provenance"))
    assert os.uname().nodename not in text
    assert command_line(["/usr/bin/x", f"--out={tmp_path}", str(tmp_path)]) == (
        f"x --out={tmp_path.name} {tmp_path.name}"
    )


def test_records_need_no_torch():
    """Pictures and tables must work where only numpy is installed."""
    code = "import sys; sys.modules['torch'] = None; import mosa_edu.records"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_arrays_survive_json(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    again = decode(json.loads(json.dumps(encode(array))), "field")
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
