"""A layer that is copied, rounded, compiled, exported or mapped gives what it gave."""

import copy
import dataclasses
import warnings

import pytest
import torch
from layer_toys import D_MODEL, KINDS, make
from loops import texts
from torch.export import Dim
from torch.func import functional_call, grad, vmap

from mosa_edu.attention import SparseAttention
from mosa_edu.config import PRESETS, SPARSE_KINDS
from mosa_edu.model import TransformerLM
from mosa_edu.selection import Predictor


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_stays_close(kind):
    """bfloat16 rounds the products but not the scores: the same tokens are selected."""
    torch.manual_seed(11)
    layer = make(kind, d_head=16).float().eval()
    x = texts(2, 24, D_MODEL, 99).float().requires_grad_()
    y = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = layer(x)
    rounded.float().square().sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in layer.parameters())
    assert ((rounded - y).norm() / y.norm()).item() < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_equals_eager(kind):
    """Graph capture and functionalised buffers change no value, no gradient and no statistic."""
    torch.manual_seed(12)
    layer = make(kind).float()
    twin = copy.deepcopy(layer)
    compiled = torch.compile(twin, backend="aot_eager")
    for T in (8, 16) if kind == "mosa" else (8,):  # a second length compiles for any length
        x = texts(2, T, D_MODEL, 99).float().requires_grad_()
        y, again = layer(x), compiled(x)
        torch.testing.assert_close(again, y)
        by = torch.randn_like(y)
        expected, found = (torch.autograd.grad(out, x, by)[0] for out in (y, again))
        torch.testing.assert_close(found, expected)
    for name, buffer in layer.named_buffers():
        torch.testing.assert_close(twin.get_buffer(name), buffer)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("threshold", "selector.threshold"), ("token", "selector.bias"), ("routing", "centroids")],
)
def test_statistics_keep_float32(kind, name):
    """In bfloat16 a moving average with decay 0.99 would never move again."""
    layer = make(kind).to(torch.bfloat16).train()
    before = layer.get_buffer(name).clone()
    assert before.dtype == torch.float32
    assert layer(torch.randn(2, 24, D_MODEL, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert (layer.get_buffer(name) != before).any()


SIZES = [(1, 2), (2, 3), (3, 5), (2, 8), (1, 37), (2, 40)]
"""Batches and lengths, also below the sparsity and at its multiples; traced is (2, 13)."""


def traceable(kind):
    """A layer in float32 that has seen nothing of the sizes it will meet."""
    torch.manual_seed(13)
    if kind == "predictor":
        layer = SparseAttention(Predictor(D_MODEL, 3, 4, 40), D_MODEL, 4)
        torch.nn.init.normal_(layer.selector.classifier.weight)
        return layer.eval()
    return make(kind).float().eval()


def exported(module, example):
    """The module as a program for any batch and length."""
    free = {0: Dim.DYNAMIC, 1: Dim("T", min=2, max=40)}
    return torch.export.export(module, (example,), dynamic_shapes=(free,))


def traced(module, example):
    """The module as `torch.jit.trace` writes it down."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is old, and that the head's width is constant
        return torch.jit.trace(module, example, check_trace=False)


@pytest.mark.parametrize("kind", [*KINDS, "predictor"])
@pytest.mark.parametrize("write", [lambda *given: exported(*given).module(), traced])
def test_a_layer_written_down_at_one_length_is_right_at_all(kind, write):
    """Catches k, runs or capacity fixed at the length that was seen; few words tie at the cut."""
    layer = traceable(kind)
    program = write(layer, texts(2, 13, D_MODEL, 99).float())
    for B, T in SIZES:
        for distinct in (3, 99):
            x = texts(B, T, D_MODEL, distinct).float()
            torch.testing.assert_close(program(x), layer(x))


@pytest.mark.parametrize("kind", SPARSE_KINDS)
def test_a_model_is_exported_for_any_length(kind):
    """With its masks for pads, and a limit at its own longest text."""
    config = dataclasses.replace(PRESETS["micro"], sparse=kind, n_layers=1)
    torch.manual_seed(14)
    model = TransformerLM(config).eval()
    length = Dim("T", min=2, max=config.max_seq_len)
    free = {0: Dim("B", min=2, max=9), 1: length}
    given = torch.randint(9, (2, 13)), torch.ones(2, 13, dtype=torch.bool)
    program = torch.export.export(model, given, dynamic_shapes=(free, free)).module()
    for B, T in ((2, 2), (3, 37), (2, config.max_seq_len)):
        tokens, mask = torch.randint(9, (B, T)), torch.ones(B, T, dtype=torch.bool)
        mask[0, T // 2 :] = False
        torch.testing.assert_close(program(tokens, mask)[mask], model(tokens, mask)[mask])


@pytest.mark.parametrize("kind", [*KINDS, "predictor"])
def test_onnx_runs_at_any_length(kind, tmp_path):
    """Catches a stable sort, which ONNX lacks, and -(-T // rho), which it rounds the other way."""
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    layer = traceable(kind)
    program = exported(layer, texts(2, 13, D_MODEL, 99).float())
    torch.onnx.export(program, dynamo=True, verbose=False).save(tmp_path / "layer.onnx")
    session = runtime.InferenceSession(tmp_path / "layer.onnx")
    for B, T in SIZES:
        x = texts(B, T, D_MODEL, 99).float()
        (y,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(y), layer(x))


def per_sample_gradients(layer, x):
    """Gradient of every text by itself, by name, as differential privacy and NTKs take them."""
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(parameters, text):
        return functional_call(layer, parameters, (text[None],)).square().sum()

    return vmap(grad(loss), in_dims=(None, 0))(parameters, x)


@pytest.mark.parametrize("kind", [*KINDS, "predictor"])
def test_vmap_gives_the_gradient_of_each_text(kind):
    """Also where scores tie: whoever cannot look at values ranks them in full."""
    layer = traceable(kind)
    for distinct in (3, 99):
        x = texts(4, 13, D_MODEL, distinct).float()
        found = per_sample_gradients(layer, x)
        for text in range(4):
            layer.zero_grad()
            layer(x[text : text + 1]).square().sum().backward()
            for name, p in layer.named_parameters():
                expected = torch.zeros_like(p) if p.grad is None else p.grad
                torch.testing.assert_close(found[name][text], expected)


def test_vmap_goes_through_a_model():
    """Ids are looked at where there is something to see: here there is not."""
    model = TransformerLM(dataclasses.replace(PRESETS["micro"], n_layers=1)).eval()
    tokens = torch.randint(9, (3, 8))
    found = per_sample_gradients(model, tokens)["embedding.weight"]
    model(tokens[1:2]).square().sum().backward()
    torch.testing.assert_close(found[1], model.embedding.weight.grad)
    assert model(tokens[:0]).shape == (0, 8, model.config.vocab_size)


@pytest.mark.parametrize("kind", ["random", "threshold", "token", "routing"])
def test_statistics_do_not_move_under_vmap(kind):
    """torch said "mutate a captured Tensor"; nothing has moved when the layer refuses."""
    layer = make(kind).float().train()
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    owner = getattr(layer, "selector", layer)
    x = texts(4, 13, D_MODEL, 99).float()
    with pytest.raises(ValueError, match=f"where {type(owner).__name__} cannot .* eval"):
        per_sample_gradients(layer, x)
    if kind != "random":  # which counts its calls alone
        with pytest.raises(ValueError, match=r"under torch\.func"):
            vmap(lambda text: layer(text[None]))(x)
    for name, buffer in layer.named_buffers():
        assert kind == "random" or torch.equal(buffer, before[name]), name
