"""A word that nobody knows -> the known one that it most likely meant."""

from collections.abc import Iterable

MANY_NAMES = 60
MOST_KEYS, FEW = 20, 5
"""As many as a hint can name, and still be read; as many as it names of more."""
MOST_LIKENED = 40
"""Unknown keys of one place; of more, nobody misspelt them."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a typo of `word` most likely meant, or "".

    Among very many words only the neighbours in the alphabet are looked at: a file may hold thousands of unknown names.
    """
    word = word[:40].lower()
    limit = 1 if len(word) < 5 else 2 if len(word) < 9 else 3
    names = [name for name in map(str, known) if abs(len(name) - len(word)) <= limit]
    if len(names) > MANY_NAMES:
        from bisect import bisect_left

        names.sort()
        place = bisect_left(names, word)
        names = names[max(0, place - 6) : place + 6]
    best = min(((distance(word, name), name) for name in names), default=(limit + 1, ""))
    return best[1] if best[0] <= limit else ""


def distance(first: str, second: str) -> int:
    """Edits (insert, delete, replace, swap two neighbours) that turn one word into the other."""
    while first and second and first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    while first and second and first[0] == second[0]:
        first, second = first[1:], second[1:]
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(second, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if older and j > 1 and a == second[j - 2] and first[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]


def nearest_or_all(word: str, known: Iterable[str], where: str) -> str:
    """A hint with what there is at a key; of very much only what is most like `word`, those first that one holds the
    other of."""
    names = sorted(known)
    if not names:
        return f"infrakit explain {where} names all" if where else "infrakit schema prints all"
    if len(names) <= MOST_KEYS:
        return f"known here: {', '.join(names)}"
    word = word[:40].lower()
    names.sort(key=lambda name: (name not in word and word not in name, distance(word, name), name))
    return f"nearest here: {', '.join(names[:FEW])}; infrakit explain {where} names all"
