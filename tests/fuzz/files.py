"""A seed -> the bytes of a file: shaped like the schema, an example with damage, or hostile from the start."""

import random

from infrakit import resources
from tests.config.generate import random_tree, text_of

EXAMPLES = [resources.example_source(name) for name in ("full", "edge", "monitoring", "hybrid")]
SCHEMA = resources.schema("infrakit")
PIECES = [
    b"&a ",
    b"*a",
    b"!!python/object/apply:os.system ",
    b"? ",
    b"- ",
    b": ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"'",
    b'"',
    b"|",
    b">",
    b"%",
    b"---\n",
    b"...\n",
    b"\t",
    b"\x00",
    b"\xff",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\r",
    b"<<: ",
    b"#",
    b"`",
    b"@",
    b"${x}",
    b"$(x)",
    b"{{x}}",
    b"{$X}",
    b"%s",
    b"\\",
    b"\xf0\x9f\x92\xa9",
    b"\xed\xa0\x80",
    b"~",
    b"null",
    b"1e999",
    b"0x" + b"f" * 400,
    b"9" * 5000,
    b".nan",
    b"2024-13-45",
    b"edge-[1:99999]: {pattern: edge}\n",
]
HOSTILE = [
    lambda g: b"[" * g.randint(1, 6000),
    lambda g: b"{a: " * g.randint(1, 3000),
    lambda g: b"- " * g.randint(1, 4000) + b"x",
    lambda g: bytes(g.randrange(256) for _ in range(g.randint(0, 400))),
    lambda g: b"a: &a [" + b"*a, " * g.randint(1, 50) + b"]",
    lambda g: b"".join(b"k%d: 1\n" % n for n in range(g.randint(1, 6000))),
    lambda g: b"x" * g.randint(1, 300_000),
    lambda g: (
        b"apps:\n" + b"".join(b"  a%d: {image: 'x/y:1', needs: [a%d]}\n" % (n, (n + 1) % 400) for n in range(400))
    ),
    lambda g: (
        (
            b"version: 1\ndomain: a.example.org\nhosts:\n  core: {pattern: full, address: 10.0.0.1}\n  e[1:%d]: "
            b"{pattern: edge}\n"
        )
        % g.choice([1, 9, 999, 99999, 10**30])
    ),
    lambda g: (
        b"version: 1\ndomain: a.example.org\npattern: full\nservices: {glances: {memory: "
        + b"9" * g.randint(1, 3000)
        + b"g}}\n"
    ),
    lambda g: b"version: 1\ndomain: " + b"a-" * g.randint(1, 20000) + b"\npattern: full\n",
]


def generated(seed: int) -> bytes:
    """The file of one seed."""
    generator = random.Random(seed)
    kind = seed % 4
    if kind == 0:
        return generator.choice(HOSTILE)(generator)
    if kind == 1:
        return text_of(random_tree(generator)).encode("utf-8", "surrogatepass")
    return _damaged(generator, generator.choice(EXAMPLES), lines=kind == 3)


def _damaged(generator: random.Random, example: bytes, *, lines: bool) -> bytes:
    """An example with its lines shuffled about, or with bytes put in, taken out and changed."""
    if lines:
        parts = example.split(b"\n")
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(parts))
            other = generator.choice(parts)
            parts[place : place + generator.randint(0, 2)] = [other] if generator.random() < 0.6 else []
            if not parts:
                parts = [b""]
        return b"\n".join(parts)
    source = bytearray(example)
    for _ in range(generator.randint(1, 6)):
        place = generator.randrange(len(source) or 1)
        choice = generator.random()
        if choice < 0.5:
            source[place:place] = generator.choice(PIECES)
        elif choice < 0.8:
            del source[place : place + generator.randint(1, 30)]
        elif source:
            source[min(place, len(source) - 1)] = generator.randrange(256)
    return bytes(source)
