"""Damage to a file: what disks, transfers, editors and enemies do to it, drawn from a generator."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path

Mutation = Callable[[bytes, random.Random], bytes]

WORDS = (
    b"nan", b"inf", b"-1", b"1e400", b"9" * 40, b"1" * 5000, b"null", b"true", b"[]", b"{}", b"../../x", b"\x00",
    b"\xff\xfe", b"\xed\xa0\x80", b"=cmd|' /C calc'!A0", b"<script>", b"%s%n", b"!!python/object:os.system",
    b"&a [*a]", b"\t", b"\n\n", b"\r", b"__reduce__", b"cposix\nsystem\n", b"(" * 3000, b"[" * 3000,
)  # fmt: skip
"""What stands in the place of a number or is put anywhere."""


def _place(body: bytes, rng: random.Random) -> int:
    """Anywhere, half of the time in the first 200 bytes, where headers are."""
    return rng.randrange(min(len(body), 200) if rng.random() < 0.5 else len(body)) if body else 0


def flip_bits(body: bytes, rng: random.Random) -> bytes:
    """Change one to four bytes."""
    changed = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[_place(body, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(body: bytes, rng: random.Random) -> bytes:
    """Keep the beginning."""
    return body[: _place(body, rng)]


def cut_out(body: bytes, rng: random.Random) -> bytes:
    """Lose some bytes in the middle."""
    at = _place(body, rng)
    return body[:at] + body[at + rng.randint(1, 64) :]


def put_in(body: bytes, rng: random.Random) -> bytes:
    """Put a word anywhere."""
    at = _place(body, rng)
    return body[:at] + rng.choice(WORDS) + body[at:]


def repeat(body: bytes, rng: random.Random) -> bytes:
    """Have a part twice."""
    at = _place(body, rng)
    return body[:at] + body[at : at + rng.randint(1, 256)] + body[at:]


def replace_number(body: bytes, rng: random.Random) -> bytes:
    """Put a word in the place of a number in text."""
    numbers = list(re.finditer(rb"-?\d+(?:\.\d+)?", body[:20_000]))
    if not numbers:
        return put_in(body, rng)
    found = rng.choice(numbers)
    return body[: found.start()] + rng.choice(WORDS) + body[found.end() :]


def exchange_lines(body: bytes, rng: random.Random) -> bytes:
    """Exchange, drop or double lines."""
    lines = body.split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    if rng.random() < 0.5:
        del lines[one]
    return b"\n".join(lines)


def nothing(body: bytes, rng: random.Random) -> bytes:
    """An empty file."""
    return b""


def zeros(body: bytes, rng: random.Random) -> bytes:
    """Zeros from some place on, as after a power cut."""
    at = _place(body, rng)
    return body[:at] + bytes(len(body) - at)


def another(body: bytes, rng: random.Random) -> bytes:
    """Another kind of file."""
    return rng.choice(
        [
            b"%PDF-1.4\n",
            b"PK\x03\x04" + bytes(30),
            b"\x93NUMPY\x01\x00",
            b"\x80\x04.",
            gzip.compress(body[:1000]),
            b"<html><body>404</body></html>",
            body.decode("latin1").encode("utf-16"),
            rng.randbytes(300),
        ]
    )


def large_fields(body: bytes, rng: random.Random) -> bytes:
    """Write a huge number over four or eight bytes, as in lengths and shapes."""
    size = rng.choice([4, 8])
    at = _place(body, rng)
    value = rng.choice([2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62])
    return body[:at] + (value % 256**size).to_bytes(size, "little") + body[at + size :]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits, truncate, cut_out, put_in, repeat, replace_number, exchange_lines, nothing, zeros, another, large_fields,
)  # fmt: skip


def damage(path: Path, rng: random.Random) -> str:
    """Damage a file in place; the name of what was done. One time in thirty a folder or nothing stands in its place."""
    fate = rng.random()
    if fate < 1 / 60:
        path.unlink()
        return "removed"
    if fate < 2 / 60:
        path.unlink()
        path.mkdir()
        return "a folder"
    mutation = rng.choice(MUTATIONS)
    body = path.read_bytes()
    changed = mutation(body, rng)
    while changed == body:
        changed = flip_bits(body, rng) or b"\x00"
    path.write_bytes(changed)
    return mutation.__name__
