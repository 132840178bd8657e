"""The key of the backups on paper: what is typed from it is the key, or the group that is wrong is named."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrakit.errors import UsageProblem
from infrakit.stack.backup.sheet import groups_of, read_sheet
from infrakit.system.secrets import fresh
from infrakit.words import CONSONANTS, VOWELS, number_of, word

OWN = st.lists(st.integers(0, 65535), min_size=8, max_size=8).map(lambda numbers: "-".join(map(word, numbers)).encode())
OTHERS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=30).map(str.encode)
KEY = b"lusab-babad-gutih-tugad-fimol-vozam-kanij-zozoz"


def named(text: str) -> list[int]:
    with pytest.raises(UsageProblem) as caught:
        read_sheet(text)
    assert caught.value.hint and not re.search(r"\b[a-z]{5}\d\d\b", caught.value.message)
    return [int(number) for number in re.findall(r"\d+", caught.value.message)]


def test_a_key_as_we_make_it_is_eight_groups_of_its_own_words():
    key = fresh("words", 16)
    groups = groups_of(key)
    assert [group[:5] for group in groups] == key.decode().split("-") and len(groups) == 8
    assert all(re.fullmatch("[a-z]{5}[0-9]{2}", group) for group in groups)


@given(st.integers(0, 65535))
def test_a_word_is_its_number(number):
    assert number_of(word(number)) == number


@given(st.one_of(OWN, OTHERS), st.sampled_from((" ", "\n", "  \r\n", "-", "")), st.booleans())
def test_what_is_typed_from_the_sheet_is_the_key(key, between, upper):
    typed = between.join(groups_of(key))
    assert read_sheet(typed.upper() if upper else typed) == key


@given(OWN, st.integers(0, 7), st.integers(0, 4), st.data())
def test_a_wrong_letter_is_found_in_its_group(key, group, at, data):
    groups = list(groups_of(key))
    others = [letter for letter in (VOWELS if at % 2 else CONSONANTS) if letter != groups[group][at]]
    letter = data.draw(st.sampled_from(others))
    groups[group] = groups[group][:at] + letter + groups[group][at + 1 :]
    assert named(" ".join(groups)) == [group + 1]


@given(OWN, st.integers(0, 7), st.integers(5, 6), st.data())
def test_a_wrong_digit_is_found_in_its_group(key, group, at, data):
    groups = list(groups_of(key))
    digit = data.draw(st.sampled_from([item for item in string.digits if item != groups[group][at]]))
    groups[group] = groups[group][:at] + digit + groups[group][at + 1 :]
    assert group + 1 in named(" ".join(groups))


@given(OWN, st.integers(0, 6), st.integers(0, 6))
def test_a_letter_that_is_left_out_is_found_in_its_group(key, group, at):
    groups = list(groups_of(key))
    groups[group] = groups[group][:at] + groups[group][at + 1 :]
    assert named(" ".join(groups))[0] in (group + 1, group + 2)


@given(OWN, st.permutations(range(8)))
def test_groups_in_another_order_are_found(key, order):
    groups = groups_of(key)
    typed = [groups[at] for at in order]
    if typed != list(groups):
        assert named(" ".join(typed))


@given(st.one_of(OWN, OTHERS), st.data())
def test_a_page_that_was_cut_is_no_key(key, data):
    groups = groups_of(key)
    left = data.draw(st.integers(0, len(groups) - 1))
    named(" ".join(groups[:left]))


def test_letters_and_digits_that_look_alike_are_told_apart_by_their_place():
    typed = " ".join(groups_of(KEY)).replace("o", "0")
    typed = re.sub(r"1(?=\d?\b)", "l", typed)
    assert read_sheet(typed) == KEY


def test_all_that_was_typed_wrong_is_named_at_once():
    groups = list(groups_of(KEY))
    groups[1], groups[5] = "babab" + groups[1][5:], "vozan" + groups[5][5:]
    assert named(" ".join(groups)) == [2, 6]


def test_nothing_typed_is_no_key():
    assert named(" \n") == []


def test_what_is_too_long_to_type_says_so():
    with pytest.raises(UsageProblem, match="backup_key has 100 bytes"):
        groups_of(b"x" * 100)
