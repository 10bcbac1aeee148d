"""A transformer of BERT's kind whose layers OpenVINO compiles: bfloat16, and products of eight bits where they fit.

Products of eight bits are twice as fast as those of bfloat16 where a processor has them (VNNI). Queries, keys and both
parts of the feed-forward network are read in them. Values are not: an error there is never levelled out. Each vector
has a scale of its own (Yao et al. 2022, ZeroQuant), so that it does not depend on its neighbours. Channels are centred
and scaled by what a few texts show, so that large ones do not take the eight bits of all others (Xiao et al. 2023,
SmoothQuant; Wei et al. 2023, Outlier Suppression+), and what rounding the weights does to the mean vector is taken off
the bias (Nagel et al. 2019). What GELU gives is never below -.17: raised by that, it needs no sign, and has a bit more.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from toolkit.batches import Numbers, Run, reading, ready
from toolkit.vectors import Vectors, normalise

Reader = Callable[[Sequence[str]], Vectors]
TOKENS = 1024
"""Tokens in a batch, one on each processor: more need more memory and are no faster."""
_SHORT = 32
"""Tokens below which a text is read without eight bits: over more the errors cancel."""
_DAMPED = 0.1
"""Of the mean square of the channels, added to each: the texts shown are few."""
_BLOCK = 32
"""Channels that are rounded before the others are told."""
_MOST = 127
"""The largest number of eight bits with a sign."""
_LOWEST = -0.17
"""Below all that GELU gives."""


class Compiled(NamedTuple):
    """What reads texts, and what it can be made of again in a moment."""

    read: Reader
    blob: bytes


class Layer(NamedTuple):
    """What linear layers that read the same vectors share: how those are centred and scaled, and seen (rows, in)."""

    middle: Numbers
    scale: Numbers
    seen: Numbers


def has_compiler() -> bool:
    """Tell whether OpenVINO is installed (extra ``transformers``)."""
    return importlib.util.find_spec("openvino") is not None


def compiled(model: Any, shown: Sequence[str], eight: bool, half: bool, blob: bytes = b"") -> Compiled | None:
    """Return what reads texts as the sentence-transformers `model` does, with vectors of length one.

    None for a model that is not built as BERT is, or that puts a prompt before each text. `shown` are texts that tell
    what the layers get to read; `eight` asks for products of eight bits, `half` for bfloat16 in all others. A `blob`
    is what an earlier call with all the same made, which takes seconds.
    """
    bert, fast = getattr(model[0], "auto_model", None), getattr(model.tokenizer, "is_fast", False)
    if not (fast and hasattr(bert, "embeddings") and hasattr(bert, "encoder")) or model.default_prompt_name:
        return None
    mean = getattr(model[1], "pooling_mode", "") == "mean"
    try:
        if not blob:
            graph = _rounded_alone(bert, tokens_of(model, shown) if eight else [], mean)
            blob = ready(graph, half, 1).export_model().getvalue()
        short = long = reading(lambda threads: ready(blob, half, threads), True)
        if eight:
            short = reading(lambda threads: ready(_rounded_alone(bert, [], mean), half, threads), False)
    except (AttributeError, RuntimeError, TypeError, ValueError):  # other parts, or other names for them
        return None
    return Compiled(lambda texts: _read(model, (short, long), mean, texts), blob)


def tokens_of(model: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the numbers of each text's tokens, cut to what `model` reads."""
    if not len(texts):
        return []
    most = model.max_seq_length or model.tokenizer.model_max_length
    bare = {"return_attention_mask": False, "return_token_type_ids": False}
    found: list[list[int]] = model.tokenizer(list(texts), truncation=True, max_length=most, **bare)["input_ids"]
    return found


def _read(model: Any, runs: tuple[Run, Run], mean: bool, texts: Sequence[str]) -> Vectors:
    """Read `texts` in batches of equal length, which need no filling, by the one for short and the one for long."""
    import torch

    tokens, rows = tokens_of(model, texts), defaultdict(list)
    for row, found in enumerate(tokens):
        rows[len(found)].append(row)
    out = np.zeros((len(texts), int(model.get_embedding_dimension() or 0)), dtype=np.float32)
    more = [module for module in list(model)[1 + mean :] if type(module).__name__ != "Normalize"]  # done below

    def take(part: list[int], vectors: Numbers) -> None:
        made = {"sentence_embedding" if mean else "token_embeddings": torch.from_numpy(vectors)}
        with torch.inference_mode():
            for module in more:
                made = module({**made, "attention_mask": torch.ones(vectors.shape[:2], dtype=torch.int64)})
        out[part] = made["sentence_embedding"].numpy()

    for number, run in enumerate(runs):
        lengths = sorted((length for length in rows if (length >= _SHORT) == number), reverse=True)
        run(tokens, [part for length in lengths for part in _parts(rows[length], length)], take)
    return normalise(out)


def _parts(rows: list[int], length: int) -> Iterator[list[int]]:
    step = max(1, TOKENS // max(1, length))
    return (rows[start : start + step] for start in range(0, len(rows), step))


def _rounded_alone(bert: Any, shown: list[list[int]], mean: bool) -> Any:
    """Return the graph, made on one thread: more would round otherwise, and what follows takes sides."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1), torch.inference_mode():
            return _graph(bert, _watched(bert, shown) if shown else {}, mean)
    finally:
        torch.set_num_threads(threads)


def _watched(bert: Any, shown: list[list[int]]) -> dict[int, Numbers]:
    """Return the vectors (rows, in) that those layers read which eight bits are for, by the layer's identity."""
    import torch

    seen: dict[int, list[Any]] = defaultdict(list)
    layers = [one for each in bert.encoder.layer for one in (each.attention.self.query, each.intermediate.dense)]
    layers += [each.output.dense for each in bert.encoder.layer]
    hooks = [
        one.register_forward_pre_hook(lambda module, got: seen[id(module)].append(got[0].flatten(0, 1)))
        for one in layers
    ]
    for each in shown:
        bert(input_ids=torch.tensor([each]))
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(rows).numpy() for name, rows in seen.items()}


def _graph(bert: Any, seen: dict[int, Numbers], mean: bool) -> Any:
    """Return the model as OpenVINO's graph, from numbers of tokens (n, length) to vectors.

    The mean is a product: without one between them and the output, all sums of vectors stay in single precision.
    """
    import openvino
    from openvino import opset13 as op

    if bert.config.hidden_act != "gelu":
        raise ValueError(f"The activation {bert.config.hidden_act!r} is none that the graph is built with.")
    numbers = op.parameter([-1, -1], np.int64)
    length = op.gather(op.shape_of(numbers), np.array([1]), np.array(0))
    vectors = _embedded(bert.embeddings, numbers, length)
    for layer in bert.encoder.layer:
        vectors = _layer(layer, vectors, seen, bert.config.num_attention_heads)
    if mean:
        share = op.divide(np.float32(1), op.convert(length, "f32"))
        shares = op.broadcast(share, op.concat([np.array([1, 1]), length], 0))
        vectors = op.squeeze(op.matmul(shares, vectors, False, False), np.array([1]))
    return openvino.Model([vectors], [numbers])


def _embedded(embeddings: Any, numbers: Any, length: Any) -> Any:
    """Return the node of the tokens' and their places' vectors, normalised."""
    from openvino import opset13 as op

    first = getattr(embeddings.position_embeddings, "padding_idx", None)
    places = _array(embeddings.position_embeddings.weight) + _array(embeddings.token_type_embeddings.weight)[0]
    places = places[0 if first is None else first + 1 :]
    there = op.slice(op.constant(places), np.array([0]), length, np.array([1]), np.array([0]))
    words = op.gather(op.constant(_array(embeddings.word_embeddings.weight)), numbers, np.array(0))
    return _normal(op.add(words, op.unsqueeze(there, np.array(0))), embeddings.LayerNorm)


def _layer(layer: Any, vectors: Any, seen: dict[int, Numbers], heads: int) -> Any:
    """Return the node of what a layer of BERT makes of `vectors`."""
    from openvino import opset13 as op

    own, out, wide = layer.attention.self, layer.attention.output, layer.intermediate.dense
    width = own.query.weight.shape[0]
    shape = np.array([0, 0, heads, width // heads])
    query, key = _linear(vectors, [own.query, own.key], seen.get(id(own.query)))
    (value,) = _linear(vectors, [own.value], None)
    turned = zip((query, key, value), ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
    query, key, value = (op.transpose(op.reshape(one, shape, True), np.array(to)) for one, to in turned)
    alike = op.multiply(op.matmul(query, key, False, False), np.full((1, 1, 1, 1), (width // heads) ** -0.5, "f4"))
    read = op.transpose(op.matmul(op.softmax(alike, -1), value, False, False), np.array([0, 2, 1, 3]))
    (told,) = _linear(op.reshape(read, np.array([0, 0, width]), True), [out.dense], None)
    vectors = _normal(op.add(told, vectors), out.LayerNorm)
    (opened,) = _linear(vectors, [wide], seen.get(id(wide)))
    last = layer.output.dense
    (closed,) = _linear(op.gelu(opened, "erf"), [last], seen.get(id(last)), True)
    return _normal(op.add(closed, vectors), layer.output.LayerNorm)


def _normal(vectors: Any, module: Any) -> Any:
    from openvino import opset13 as op

    even = op.mvn(vectors, np.array([-1]), True, module.eps, "inside_sqrt")
    return op.add(op.multiply(even, _array(module.weight)[None, None]), _array(module.bias)[None, None])


def _linear(vectors: Any, modules: list[Any], seen: Numbers | None, lifted: bool = False) -> list[Any]:
    """Return the nodes of what linear `modules` make of `vectors`: in eight bits where it is known what they see.

    `lifted` tells that what they see is not below `_LOWEST`.
    """
    from openvino import opset13 as op

    if seen is None:
        return [
            op.add(op.matmul(vectors, op.constant(_array(one.weight)), False, True), _array(one.bias)[None, None])
            for one in modules
        ]
    middle = np.full(seen.shape[1], _LOWEST, np.float32) if lifted else seen.mean(axis=0)
    largest = np.max([np.abs(_array(one.weight)).max(axis=0) for one in modules], axis=0)
    scale = np.sqrt(np.abs(seen - middle).max(axis=0).clip(1e-3) / largest.clip(1e-5))
    even = op.multiply(op.subtract(vectors, middle[None, None]), (1 / scale)[None, None])
    size = op.reduce_max(even if lifted else op.abs(even), np.array([-1]), True)
    one = np.ones((1, 1, 1), np.float32)
    whole = _rounded(op.divide(even, size), 0 * one if lifted else -one, one)
    shared = Layer(middle, scale, (seen - middle) / scale)
    return [_product(whole, size, each, shared) for each in modules]


def _product(whole: Any, size: Any, module: Any, shared: Layer) -> Any:
    """Return the node that multiplies rounded vectors by the module's weights in eight bits."""
    from openvino import opset13 as op

    weight = (_array(module.weight) * shared.scale).astype(np.float32)
    edge = np.abs(weight).max(axis=1, keepdims=True).clip(1e-9)
    rounded = _steps(weight, edge / _MOST, shared.seen)
    bias = _array(module.bias) + _array(module.weight) @ shared.middle
    bias -= (rounded - weight) @ shared.seen.mean(axis=0)
    made = op.multiply(op.matmul(whole, _rounded(op.constant(rounded), -edge, edge), False, True), size)
    return op.add(made, bias[None, None])


def _steps(weight: Numbers, step: Numbers, seen: Numbers) -> Numbers:
    """Round `weight` (out, in) to multiples of `step` (out, 1), channel by channel.

    What rounding one channel does to the outputs for the vectors `seen` is made good by those that are still to be
    rounded (Frantar et al. 2023, GPTQ).
    """
    upper = np.linalg.cholesky(_inverse(seen)).T.astype(np.float32)
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


def _inverse(seen: Numbers) -> Numbers:
    """Return the inverse of the damped mean product of the channels of `seen` (rows, in); of the rows, if fewer."""
    rows, width = seen.shape
    damped = np.float32(_DAMPED * np.square(seen).sum() / rows / width)
    if rows >= width:
        return np.asarray(np.linalg.inv(seen.T @ seen / rows + damped * np.eye(width, dtype=np.float32)))
    solved = np.linalg.solve(seen @ seen.T / rows + damped * np.eye(rows, dtype=np.float32), seen)
    inverse: Numbers = (np.eye(width, dtype=np.float32) - seen.T @ solved / rows) / damped  # Woodbury
    return inverse


def _rounded(values: Any, low: Numbers, high: Numbers) -> Any:
    """Return the node that rounds `values` to whole numbers, which OpenVINO reads as eight bits."""
    from openvino import opset13 as op

    return op.fake_quantize(values, low, high, low, high, 2 * _MOST + (1 if low.any() else 2))


def _array(parameter: Any) -> Numbers:
    found: Numbers = parameter.detach().float().numpy()
    return found
