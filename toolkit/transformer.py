"""Sentence-transformers models (extra ``transformers``), read faster than the library reads them, and held to it.

The library fills every batch up to its longest text and computes in single precision. Texts of equal length need no
filling, and a processor that multiplies bfloat16 or whole numbers of eight bits does so two and four times as fast.
Each model reads a few texts in each way when it is loaded, the quickest first; the first whose vectors are the
library's (a cosine of .999 at least) is taken, and single precision where there is none.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from toolkit import keeping
from toolkit.compiled import TOKENS, Reader, compiled, has_compiler, tokens_of
from toolkit.schema import SettingsError
from toolkit.vectors import Vectors, normalise

_LEAST_COSINE, _MARGIN = 0.999, 0.0002
"""To the library's own vectors; and what eight bits must have to spare, since they were fitted to the texts below."""
_KIND = "transformer"
"""What is kept of a compiled model, among all that is kept."""
_HALF, _EIGHT = {"avx512_bf16", "amx_bf16", "bf16"}, {"avx512_vnni", "avx_vnni", "amx_int8"}
"""What Linux calls the instructions, on Intel's and AMD's processors, and bfloat16 on ARM's."""
_CPU = Path("/proc/cpuinfo")
_PROBES = (
    "Prices rose.",
    "The ministers met in Astana on Monday and signed an agreement on trade, transport and water.",
    "Министры подписали соглашение о торговле; курс тенге не изменился.",
    "Қазақстан мен Өзбекстан су ресурстары туралы келісімге қол қойды.",
    "Border guards found 12 kg of heroin 🚚 (AP) – see https://example.org/a?b=1. " * 12,
    "The central bank left its key rate at 14.25% on Friday. Its governor said that inflation had slowed for a third "
    "month but that wages, fuel and a weaker currency could still push prices up; most analysts had expected a cut. "
    "Shares fell by 2% in the first hour. The next meeting is on 12 July, a week after the new budget is presented.",
    "В пятницу суд приговорил троих жителей области к восьми годам лишения свободы за участие в запрещённой "
    "организации. По словам следствия, они собирали деньги и искали сторонников в социальных сетях.",
    "Сейсенбі күні үкімет отырысында министр биыл өңірлерде үш жүз шақырым жол жөнделетінін, ал ауылдарға таза су "
    "мен газ тартылатынын айтты. Бұл жұмыстарға бюджеттен екі жүз миллиард теңге бөлінеді.",
)
"""Short and long, in three languages; what a way of reading does to them decides whether it is used."""


class TransformerEncoder:
    """A sentence-transformers model by hub name or folder."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise SettingsError(
                f"The encoder {name!r} needs sentence-transformers, which is not installed: "
                "pip install 'toolkit[transformers]', or use the encoder 'embedded'."
            ) from error
        try:
            self._model = SentenceTransformer(name, device="cpu")
        except (OSError, ValueError) as error:
            raise SettingsError(f"The encoder {name!r} cannot be loaded: {str(error).splitlines()[0]}") from error
        self.name = _folder_name(Path(name)) if Path(name).is_dir() else name
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self._reader, self.precision = _quickest(self._model)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the model's vectors, normalised; shape (n, dim); the same for a text whatever stands beside it."""
        return self._reader(texts)


def has_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 itself, as far as Linux tells."""
    return bool(_flags() & _HALF)


def has_eight_bits() -> bool:
    """Tell whether this processor sums products of eight bits itself, as far as Linux tells."""
    return bool(_flags() & _EIGHT)


def _flags() -> set[str]:
    lines = _CPU.read_text("utf-8").splitlines() if _CPU.is_file() else []
    return {word for line in lines for word in line.partition(":")[2].split()}


def _quickest(model: Any) -> tuple[Reader, str]:
    """Return what reads texts as `model` does, and its precision: the quickest whose vectors are the model's."""
    half = has_bfloat16()
    for eight in (True, False) if has_compiler() and has_eight_bits() and _is_fast(model) else ():
        read = _compiled(model, eight, half)
        if read is not None:
            return read, f"{'int8, ' * eight}{'bfloat16' if half else 'float32'}, compiled"
    wanted = normalise(_encoded(model, _PROBES, 1))
    if half:
        quick = copy.deepcopy(model).bfloat16()
        if _alike(normalise(_encoded(quick, _PROBES, 1)), wanted):
            return partial(_by_length, quick), "bfloat16"
    return partial(_by_length, model), "float32"


def _compiled(model: Any, eight: bool, half: bool) -> Reader | None:
    """Return what reads as `model` does and is compiled; what was found alike once is kept, and not made again."""
    key = keeping.make_key(
        _KIND, _weights(model), tokens_of(model, _PROBES), sorted(_flags()), eight, half, _LEAST_COSINE, _MARGIN
    )
    with tempfile.TemporaryDirectory(prefix="toolkit-") as scratch:
        path = Path(scratch) / "blob"
        if keeping.take(_KIND, key, path.parent) == keeping.TAKEN:
            made = compiled(model, _PROBES, eight, half, path.read_bytes())
            if made is not None:
                return made.read
        made = compiled(model, _PROBES, eight, half)
        if made is None or not _alike(made.read(_PROBES), normalise(_encoded(model, _PROBES, 1)), _MARGIN * eight):
            return None
        path.write_bytes(made.blob)
        keeping.keep(_KIND, key, path.parent, [path.name])
    return made.read


def _weights(model: Any) -> str:
    """Hash the numbers of all parts of `model`, how they are put together, and how far it reads."""
    settings = getattr(getattr(model[0], "auto_model", None), "config", "")
    found = hashlib.blake2b(f"{model} {model.max_seq_length} {settings}".encode(), digest_size=20)
    for name, one in model.state_dict().items():
        found.update(f"{name} {one.dtype} {tuple(one.shape)}".encode() + one.float().numpy().tobytes())
    return found.hexdigest()


def _alike(first: Vectors, second: Vectors, spare: float = 0) -> bool:
    return float((first * second).sum(axis=1).min()) >= _LEAST_COSINE + spare


def _by_length(model: Any, texts: Sequence[str]) -> Vectors:
    """Read `texts` by the library, those of equal length together; all together where no tokenizer tells lengths."""
    out, rows = np.empty((len(texts), int(model.get_embedding_dimension() or 0)), dtype=np.float32), defaultdict(list)
    fast = _is_fast(model)
    for row, length in enumerate(map(len, tokens_of(model, texts)) if fast else [TOKENS // 8] * len(texts)):
        rows[max(1, length)].append(row)
    for length, alike in rows.items():
        out[alike] = _encoded(model, [texts[row] for row in alike], max(1, TOKENS // length))
    return normalise(out)


def _is_fast(model: Any) -> bool:
    return bool(getattr(getattr(model, "tokenizer", None), "is_fast", False))


def _encoded(model: Any, texts: Sequence[str], batch: int) -> Vectors:
    vectors = model.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)


def _folder_name(folder: Path) -> str:
    """Name a model by its folder and a hash of its weights: the cache must not take one for another."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".bin", ".json"})
    digest = hashlib.blake2b(b"".join(hashlib.blake2b(path.read_bytes()).digest() for path in files), digest_size=4)
    return f"{folder.name}-{digest.hexdigest()}"
