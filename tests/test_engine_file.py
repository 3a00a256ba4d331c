"""Protects what enters and leaves the page's engine: weights, checksum, self-test, traces."""

import base64
import hashlib
import json
from urllib.parse import quote

import numpy as np
import pytest
import torch
from page_engine import floats, open_page, random_model

from mosa_edu.config import PRESETS
from mosa_edu.data.tokenizer import Tokenizer
from mosa_edu.pretrained import load_page_model, save_page_model
from mosa_edu.texts import PROBES, RUNNING
from mosa_edu.tracing import trace
from mosa_edu.viz.assets import WEB, module_text

BYTES = "Uint8Array.from(atob(data), (c) => c.charCodeAt(0))"


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    tokenizer = Tokenizer.train(PROBES.values(), PRESETS["micro"].vocab_size)
    save_page_model(random_model(), tokenizer, path, {"seed": 0}, name="micro")
    return path


def safetensors_file(dtype, values):
    data = values.tobytes()
    header = {"x": {"dtype": dtype, "shape": [len(values)], "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000, 100_003])
def test_checksum_without_the_browsers_help_is_sha256(engine_page, length):
    data = np.random.default_rng(length).bytes(length)
    found = engine_page.call(f"(data) => mosa.sha256InScript({BYTES})", text_of(data))
    assert found == hashlib.sha256(data).hexdigest()


def test_every_half_precision_number_is_read_right(engine_page):
    halves = np.arange(65536, dtype="<u2").view("<f2")
    data = text_of(safetensors_file("F16", halves))
    found = engine_page.call(f"(data) => base64(mosa.openSafetensors({BYTES}).get('x'))", data)
    np.testing.assert_array_equal(floats(found), halves.astype(np.float32))


def test_single_precision_is_read_even_at_an_odd_address(engine_page):
    values = np.random.default_rng(0).normal(size=9).astype("<f4")
    data = text_of(b"!" + safetensors_file("F32", values))
    found = engine_page.call(
        f"(data) => base64(mosa.openSafetensors({BYTES}.subarray(1)).get('x'))", data
    )
    np.testing.assert_array_equal(floats(found), values)


def test_engine_says_what_it_opened_and_passes_its_self_test(engine_page, path):
    engine_page.open(path)
    about, verdict = engine_page.call(
        """() => {
          const { name, sha256, parameters, provenance, config } = engine;
          return [{ name, sha256, parameters, provenance, config }, mosa.selfTest(engine)];
        }"""
    )
    model, _ = load_page_model(path)
    assert about["name"] == "micro"
    assert about["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert about["parameters"] == sum(p.numel() for p in model.parameters())
    assert about["provenance"] == {"seed": 0}
    assert about["config"] == json.loads(model.config.to_json())
    assert verdict["passed"]
    assert verdict["heads"] == 8
    assert verdict["difference"] < 1e-4


def test_self_test_fails_when_the_arithmetic_is_off(engine_page, path):
    engine_page.open(path)
    verdict = engine_page.call(
        """() => {
          engine.model.embedding.forEach((value, i, all) => { all[i] = value * 1.1; });
          return mosa.selfTest(engine);
        }"""
    )
    assert not verdict["passed"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:4], "not a whole safetensors file"),
        (lambda data: data[:2000], "not a whole safetensors file"),
        (lambda data: data[:-100], "end inside the tensor"),
        (lambda data: data.replace(b'"dtype"', b'"dtype\\', 1), "header of the weights is damaged"),
        (lambda data: data.replace(b'"merges"', b'"marges"'), "come without their merges"),
        (lambda data: data.replace(b"norm_final.bias", b"norm_final.bies"), "lack the tensor"),
        (lambda data: data.replace(b'\\"mosa\\"', b'\\"tosa\\"'), "cannot compute heads of kind"),
    ],
)
def test_broken_files_are_refused_in_words(engine_page, path, damage, message):
    data = text_of(damage(path.read_bytes()))
    with pytest.raises(Exception, match=message):
        engine_page.call(f"async (data) => {{ await mosa.Engine.open({BYTES}); }}", data)


def test_another_file_than_the_expected_one_is_refused(engine_page, path):
    with pytest.raises(Exception, match="SHA-256 differs"):
        engine_page.call(
            f"async (data) => {{ await mosa.Engine.open({BYTES}, 'ab'.repeat(32)); }}",
            text_of(path.read_bytes()),
        )


READ = """([json, text]) => {
  const run = json
    ? mosa.readTrace(JSON.parse(json))
    : engine.forward(engine.tokenizer.spans(text).map((span) => span.id));
  const plain = (rows) => rows.map((row) => Array.from(row));
  const positions = Array.from({ length: run.T }, (_, t) => t);
  return {
    T: run.T,
    k: run.settings.k,
    picks: run.layers.map((layer) => plain(layer.picks)),
    attention: run.layers.map((layer) => plain(layer.attention)),
    scores: run.layers.map((layer) => base64(layer.scores)),
    order: run.layers.map((layer) => Array.from(layer.order)),
    next: positions.map((t) => run.next(t)),
    truth: positions.map((t) => run.truth(t)),
  };
}"""


@pytest.mark.parametrize("source", ["mosa", "prefix", "live"])
def test_page_draws_what_python_traced(engine_page, path, source):
    """A trace that Python stored, of either shape, and the run of the page itself: one picture."""
    engine_page.open(path)
    live, (model, tokenizer) = source == "live", load_page_model(path)
    torch.manual_seed(1)
    stored = trace(model if live else random_model(sparse=source), tokenizer, RUNNING)
    read = engine_page.call(READ, [None if live else stored.to_json(), RUNNING])
    step = 1 / 255 if live else 1e-6  # what a stored weight is rounded to
    assert (read["T"], read["k"], read["truth"][-1]) == (stored.T, stored.k, None)
    for layer in range(stored.layers):
        scores = floats(read["scores"][layer]).reshape(stored.heads, stored.T)
        rounded = 1 / 65535 if live else 1e-6
        np.testing.assert_allclose(scores, stored.router_scores()[layer], atol=rounded)
        same = np.equal(read["order"][layer], stored.order[layer].ravel())
        assert same.all() if not live else same.mean() > 0.99
        for head in range(stored.heads):
            assert read["picks"][layer][head] == stored.selected(layer, head).tolist()
            weights = stored.attention_matrix(layer, head)
            expected = weights[np.tril_indices(len(weights))]
            np.testing.assert_allclose(read["attention"][layer][head], expected, atol=step)
    for t in range(stored.T):
        next_, truth = read["next"][t], read["truth"][t]
        assert [own["id"] for own in next_] == stored.next_ids[t].tolist()
        likely = stored.next_probabilities[t] / 65535
        np.testing.assert_allclose([own["probability"] for own in next_], likely, atol=2e-5)
        if truth:
            assert (truth["id"], truth["rank"]) == (stored.tokens[t + 1].id, stored.true_rank[t])
            assert truth["loss"] == pytest.approx(float(stored.true_loss[t]), abs=1e-4)


def test_page_refuses_a_trace_of_another_version(engine_page):
    with pytest.raises(Exception, match="version 1, not 2"):
        engine_page.call("() => mosa.readTrace({ version: 2 })")


FETCH = """async ([sha256, address]) => {
  const seen = [];
  const onProgress = (received, total) => seen.push([received, total]);
  try {
    const engine = await mosa.fetchEngine(address, { sha256, onProgress });
    return [engine.name, seen];
  } catch (error) {
    return [error.message, seen];
  }
}"""


def test_model_is_fetched_with_progress_and_checked(chromium, path):
    data = path.read_bytes()
    other = ["ab" * 32, hashlib.sha256(data).hexdigest()]
    engine = open_page(chromium, answers={"model": (200, data), "gone": (404, b"")})
    name, seen = engine.call(FETCH, [other[1], "model"])
    assert name == "micro"
    assert seen[-1][0] == len(data)
    assert [received for received, _ in seen] == sorted(received for received, _ in seen)
    assert "SHA-256 differs" in engine.call(FETCH, [other[0], "model"])[0]
    assert "did not send the weights (404)" in engine.call(FETCH, [other[0], "gone"])[0]
    refused = engine.call(FETCH, [other[0], "http://127.0.0.1:2/model"])[0]
    assert "could not be reached" in refused
    engine.page.close()


def test_loading_can_be_given_up(chromium, path):
    engine = open_page(chromium, answers={"model": (200, path.read_bytes())})
    name = engine.call(
        """async () => {
          const control = new AbortController();
          const loading = mosa.fetchEngine("model", { signal: control.signal });
          control.abort();
          return loading.catch((error) => error.name);
        }"""
    )
    assert name == "AbortError"
    engine.page.close()


def test_page_from_disk_says_why_it_loads_no_model(chromium, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html><title>page</title>")
    engine = open_page(chromium)
    engine.page.goto((tmp_path / "page.html").as_uri())
    script = module_text("bench/page", WEB.parents[1])
    load = "async (url) => { window.mosa = (await import(url)).default; }"
    engine.page.evaluate(load, f"data:text/javascript,{quote(script)}")
    assert "opened from disk" in engine.call(FETCH, ["", "model"])[0]
    engine.page.close()
