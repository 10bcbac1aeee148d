"""A transformer whose layers OpenVINO compiles: bfloat16, and products of eight bits where they are accurate enough.

Products of eight bits are twice as fast as those of bfloat16 where a processor has them (VNNI). They are used in the
layers that read a normalised vector; what an activation function lets through has too wide a range, and stays as it
is. Each vector has a scale of its own (Yao et al. 2022, ZeroQuant), so that it does not depend on its neighbours.
Channels are centred and scaled by what a few texts show, so that large ones do not take the eight bits of all others
(Xiao et al. 2023, SmoothQuant; Wei et al. 2023, Outlier Suppression+), and what rounding the weights does to the mean
vector is taken off the bias (Nagel et al. 2019). Over many tokens the errors cancel; in short texts they do not, so
these are read in bfloat16.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from toolkit.vectors import Vectors, normalise

Numbers = npt.NDArray[Any]
Reader = Callable[[Sequence[str]], Vectors]
Run = Callable[[Any], Any]
TOKENS = 4096
"""Tokens in a batch: more need more memory and are no faster."""
_SHORT = 64
"""Tokens below which a text is read without eight bits."""
_DAMPED = 0.1
"""Of the mean square of the channels, added to each: the texts shown are few."""
_BLOCK = 32
"""Channels that are rounded before the others are told."""
_MOST = 127
"""The largest number of eight bits with a sign."""


class Layer(NamedTuple):
    """A linear layer: its weights (out, in), the vectors it was seen to read (rows, in), and who gave them."""

    weight: Numbers
    seen: Numbers
    source: int


def has_compiler() -> bool:
    """Tell whether OpenVINO is installed (extra ``transformers``)."""
    return importlib.util.find_spec("openvino") is not None


def compiled(model: Any, shown: Sequence[str], eight: bool, half: bool) -> Reader | None:
    """Return what reads texts as the sentence-transformers `model` does, with vectors of length one.

    None for a model that is not built as BERT is, or that puts a prompt before each text. `shown` are texts that tell
    what the layers get to read; `eight` asks for products of eight bits, `half` for bfloat16 in all others.
    """
    bert, fast = getattr(model[0], "auto_model", None), getattr(model.tokenizer, "is_fast", False)
    if not (fast and hasattr(bert, "embeddings") and hasattr(bert, "encoder")) or model.default_prompt_name:
        return None
    from openvino.frontend import OpConversionFailure

    try:
        short = long = _compile(bert, [], half)
        if eight:
            long = _compile(bert, tokens_of(model, shown), half)
    except (RuntimeError, TypeError, ValueError, OpConversionFailure):  # layers that take more than vectors, or others
        return None
    return lambda texts: _read(model, (short, long), texts)


def tokens_of(model: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the numbers of each text's tokens, cut to what `model` reads."""
    if not len(texts):
        return []
    most = model.max_seq_length or model.tokenizer.model_max_length
    found: list[list[int]] = model.tokenizer(list(texts), truncation=True, max_length=most)["input_ids"]
    return found


def _read(model: Any, runs: tuple[Run, Run], texts: Sequence[str]) -> Vectors:
    """Read `texts` in batches of equal length, which need no filling, by the one for short and the one for long."""
    import torch

    tokens, rows = tokens_of(model, texts), defaultdict(list)
    for row, found in enumerate(tokens):
        rows[len(found)].append(row)
    out = np.zeros((len(texts), int(model.get_embedding_dimension() or 0)), dtype=np.float32)
    mean = getattr(model[1], "pooling_mode", "") == "mean"  # without filling there is nothing to leave out
    for length, alike in rows.items():
        run, step = runs[length >= _SHORT], max(1, TOKENS // max(1, length))
        for part in (alike[start : start + step] for start in range(0, len(alike), step)):
            numbers = torch.tensor([tokens[row] for row in part])
            with torch.inference_mode():
                made = {"sentence_embedding": run(numbers).mean(dim=1)} if mean else {"token_embeddings": run(numbers)}
                for module in list(model)[1 + mean :]:
                    made = module({**made, "attention_mask": torch.ones_like(numbers)})
            out[part] = made["sentence_embedding"].numpy()
    return normalise(out)


def _compile(bert: Any, shown: list[list[int]], half: bool) -> Run:
    """Return a function from numbers of tokens (n, length) to the last layer's vectors (n, length, width), in torch."""
    import openvino
    import torch

    graph, threads = _graph(bert), torch.get_num_threads()
    if shown:
        torch.set_num_threads(1)  # more would round otherwise in single precision, and what follows takes sides
        try:
            with threadpool_limits(1):
                _quantise(graph, _watched(bert, shown))
        finally:
            torch.set_num_threads(threads)

    def request(threads: int) -> Any:
        wanted = {"INFERENCE_PRECISION_HINT": "bf16" if half else "f32", "NUM_STREAMS": 1}
        ready = openvino.Core().compile_model(graph, "CPU", {**wanted, "INFERENCE_NUM_THREADS": threads})
        return ready.create_infer_request()

    made = {os.getpid(): request(threads)}

    def run(numbers: Any) -> Any:
        if os.getpid() not in made:  # in a forked process the threads are not there
            made[os.getpid()] = request(1)
        given = bert.embeddings(input_ids=numbers).numpy()
        return torch.from_numpy(made[os.getpid()].infer([given], share_inputs=True, share_outputs=True)[0])

    return run


def _graph(bert: Any) -> Any:
    """Return the layers as OpenVINO's graph; not by its `convert_model`, which would report over the network."""
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    class Layers(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # torch may be missing
        def __init__(self) -> None:
            super().__init__()
            self.encoder = bert.encoder

        def forward(self, vectors: Any) -> Any:
            return self.encoder(vectors)[0]

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lengths that a trace holds fast: here they are all one
        trace: Any = torch.jit.trace
        traced = trace(Layers().eval(), torch.zeros(2, 8, bert.config.hidden_size), check_trace=False)
    decoder = TorchScriptPythonDecoder(traced)  # is to outlive the conversion
    side = FrontEndManager().load_by_framework("pytorch")
    graph = side.convert(side.load(decoder))
    graph.reshape({graph.inputs[0]: [-1, -1, bert.config.hidden_size]})
    return graph


def _watched(bert: Any, shown: list[list[int]]) -> dict[str, Layer]:
    """Return the linear layers that read what a normalisation gave, by name."""
    import torch

    given: list[Any] = []
    seen: dict[str, list[Any]] = defaultdict(list)
    source: dict[str, int] = {}
    layers = {name: one for name, one in bert.encoder.named_modules() if isinstance(one, torch.nn.Linear)}

    def look(name: str, vectors: Any) -> None:
        places = [place for place, one in enumerate(given) if one is vectors]
        if places:
            seen[name].append(vectors.flatten(0, 1))
            source[name] = places[0]

    hooks = [
        *(one.register_forward_pre_hook(lambda _, got, name=name: look(name, got[0])) for name, one in layers.items()),
        *(
            one.register_forward_hook(lambda _, got, made: given.append(made))
            for one in bert.modules()
            if isinstance(one, torch.nn.LayerNorm)
        ),
    ]
    with torch.inference_mode():
        for each in shown:
            given.clear()
            bert(input_ids=torch.tensor([each]))
    for hook in hooks:
        hook.remove()
    return {
        name: Layer(layers[name].weight.detach().numpy(), torch.cat(rows).numpy(), source[name])
        for name, rows in seen.items()
    }


def _quantise(graph: Any, layers: dict[str, Layer]) -> None:
    """Put products of eight bits in place of the layers' own."""
    ready: dict[int, tuple[Any, Any]] = {}
    for node in graph.get_ordered_ops():
        name = node.get_friendly_name().removeprefix("__module.encoder.").partition("/")[0]
        if node.get_type_name() == "MatMul" and name in layers:
            alike = [one for one in layers.values() if one.source == layers[name].source]
            made = _product(node.input_value(0), layers[name], alike, ready)
            for user in node.output(0).get_target_inputs():
                user.replace_source_output(made.output(0))
    graph.validate_nodes_and_infer_types()


def _product(vectors: Any, layer: Layer, alike: list[Layer], ready: dict[int, tuple[Any, Any]]) -> Any:
    """Return the node that multiplies `vectors` by the layer's weights in eight bits.

    Layers that read the same vectors are `alike` and share their scaling, which `ready` holds.
    """
    from openvino import opset13 as op

    middle = layer.seen.mean(axis=0)
    largest = np.max([np.abs(one.weight).max(axis=0) for one in alike], axis=0)
    scale = np.sqrt(np.abs(layer.seen - middle).max(axis=0).clip(1e-3) / largest.clip(1e-5))
    weight = (layer.weight * scale).astype(np.float32)
    edge = np.abs(weight).max(axis=1, keepdims=True).clip(1e-9)
    seen = (layer.seen - middle) / scale
    rounded = _steps(weight, edge / _MOST, seen)
    bias = layer.weight @ middle - (rounded - weight) @ seen.mean(axis=0)
    if layer.source not in ready:
        even = op.multiply(op.subtract(vectors, middle[None, None]), (1 / scale)[None, None])
        size = op.reduce_max(op.abs(even), np.array([-1]), True)
        ready[layer.source] = _rounded(op.divide(even, size), np.ones((1, 1, 1), np.float32)), size
    whole, size = ready[layer.source]
    made = op.multiply(op.matmul(whole, _rounded(op.constant(rounded), edge), False, True), size)
    return op.add(made, bias[None, None])


def _steps(weight: Numbers, step: Numbers, seen: Numbers) -> Numbers:
    """Round `weight` (out, in) to multiples of `step` (out, 1), channel by channel.

    What rounding one channel does to the outputs for the vectors `seen` is made good by those that are still to be
    rounded (Frantar et al. 2023, GPTQ).
    """
    together = seen.T @ seen / len(seen)
    together += np.eye(len(together), dtype=np.float32) * (_DAMPED * np.trace(together) / len(together))
    upper = np.linalg.cholesky(np.linalg.inv(together)).T.astype(np.float32)
    left, width = np.array(weight, order="F"), weight.shape[1]
    lost = np.empty_like(left)
    for start in range(0, width, _BLOCK):
        end = min(start + _BLOCK, width)
        for place in range(start, end):
            whole = np.clip(np.round(left[:, place] / step[:, 0]), -_MOST, _MOST) * step[:, 0]
            lost[:, place] = (left[:, place] - whole) / upper[place, place]
            left[:, place] = whole
            left[:, place + 1 : end] -= np.outer(lost[:, place], upper[place, place + 1 : end])
        left[:, end:] -= lost[:, start:end] @ upper[start:end, end:]
    return np.ascontiguousarray(left)


def _rounded(values: Any, edge: Numbers) -> Any:
    """Return the node that rounds `values` to whole numbers of `edge` / 127, which OpenVINO reads as eight bits."""
    from openvino import opset13 as op

    return op.fake_quantize(values, -edge, edge, -edge, edge, 2 * _MOST + 1)
