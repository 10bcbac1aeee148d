"""Files to text, whatever their compression and encoding; a part of `readers`, apart for its length.

Text is UTF-8, UTF-16 or UTF-32 by its byte order mark, UTF-16 by its pattern of NUL bytes, otherwise UTF-8
if most of its bytes beyond ASCII are valid as that, otherwise a Windows code page: Cyrillic where those bytes
stand in runs (1251, or its Kazakh sister KZ-1048 by the letters that only Kazakh uses), else Western (1252).
Compressed files are known by their first bytes, not by their name.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast

from toolkit.schema import InputError

UNFIT = re.compile("[\udc80-\udcff]")
"""How a byte that does not fit the file's encoding appears in its text."""
UNFIT_BYTES = "bytes that do not fit the file's encoding"

_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_SAMPLE = 1 << 20


@contextmanager
def open_text(path: Path, newline: str = "\n") -> Iterator[IO[str]]:
    """Open `path` as text, streaming; bytes that do not fit its encoding match `UNFIT`.

    `newline` is as in `open`. `InputError` if the file is missing, empty, damaged, or no text.
    """
    try:
        encoding = _encoding(path)
        with (
            _open_bytes(path) as raw,
            TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline=newline) as stream,
        ):
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path.name} is a damaged gzip file ({error}); copy it again.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is damaged as {encoding} text ({error}); save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def _open_bytes(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _encoding(path: Path) -> str:
    with _open_bytes(path) as stream:
        head = stream.read(_SAMPLE)
        if not head:
            raise InputError(f"{path.name} is empty, expected articles.")
        marked = next((name for bom, name in _BOMS.items() if head.startswith(bom)), "")
        if marked:
            return marked
        if b"\x00" in head[:4096] or head.count(0) > len(head) / 50:
            return _by_nuls(head, path.name)
        if len(_CONTROLS.findall(head)) > len(head) / 20:
            raise _no_text(path.name)
        if all(_fits(_chunks(head, stream))):
            return "utf-8"
    with _open_bytes(path) as stream:
        fits, unfit = _count(_chunks(b"", stream))
    return "utf-8" if fits >= unfit else _code_page(head)


def _by_nuls(head: bytes, name: str) -> str:
    """Tell UTF-16 without a mark: its NULs stand nearly all at odd or nearly all at even places.

    Cyrillic has NULs only beside its spaces, digits and punctuation, hence the one in twenty.
    """
    even, odd = head[::2].count(0), head[1::2].count(0)
    if min(even, odd) > max(even, odd) / 20 or max(even, odd) < len(head) / 40:
        raise _no_text(name)
    return "utf-16-le" if odd > even else "utf-16-be"


def _no_text(name: str) -> InputError:
    return InputError(f"{name} is no text (it holds binary bytes), expected articles; export them as CSV.")


def _chunks(head: bytes, rest: IO[bytes]) -> Iterator[bytes]:
    yield head
    while chunk := rest.read(_SAMPLE):
        yield chunk


def _fits(chunks: Iterable[bytes]) -> Iterator[bool]:
    """Tell of each chunk whether it goes on as valid UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in chunks:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            yield False
    yield not decoder.getstate()[0]


def _count(chunks: Iterable[bytes]) -> tuple[int, int]:
    """Count the characters beyond ASCII that are valid UTF-8, and the bytes that are not."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    fits = unfit = 0
    for chunk in chunks:
        text = decoder.decode(chunk)
        bad = len(UNFIT.findall(text))
        fits, unfit = fits + len(_BEYOND_ASCII.findall(text)) - bad, unfit + bad
    return fits, unfit


def _code_page(head: bytes) -> str:
    letters = len(re.findall(rb"[\xc0-\xff]", head))
    in_runs = sum(map(len, re.findall(rb"[\xc0-\xff]{2,}", head)))
    if in_runs * 2 <= letters:
        return "cp1252"
    kazakh = re.search(rb"[\x8d\x9d\xa2\xbc\xbe]", head) and b"\xfb" in head
    return "kz1048" if kazakh else "cp1251"
