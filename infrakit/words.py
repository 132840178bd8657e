"""Sixteen bits <-> a word of five letters that can be said and written down (proquints, arXiv:0901.4016)."""

CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"
PROQUINT = ((12, CONSONANTS), (10, VOWELS), (6, CONSONANTS), (4, VOWELS), (0, CONSONANTS))
"""How far from the right the bits of each letter are."""
WORD = f"[{CONSONANTS}][{VOWELS}][{CONSONANTS}][{VOWELS}][{CONSONANTS}]"
"""As a regular expression."""


def word(number: int) -> str:
    """Of sixteen bits."""
    return "".join(letters[number >> shift & len(letters) - 1] for shift, letters in PROQUINT)


def number_of(text: str) -> int:
    """The same backwards. `text`: such a word."""
    return sum(letters.index(letter) << shift for letter, (shift, letters) in zip(text, PROQUINT))
