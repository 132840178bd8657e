"""What a person sees of a step under way."""

from infrakit.cli.progress import bar
from infrakit.plan import Event


def test_a_fetch_says_how_much_of_how_much_and_how_fast():
    event = Event("progress", "image", "2 of 5 layers", part=50_000_000, whole=200_000_000)
    assert bar(event, 4.0) == "[######..................] 50.0 of 200.0 MB, 12.5 MB/s 2 of 5 layers"


def test_a_rate_is_not_guessed_in_the_first_second():
    assert bar(Event("progress", "image", part=1, whole=2), 0.2) == "[############............] 0.0 of 0.0 MB "


def test_what_is_not_counted_is_said_in_words():
    assert (
        bar(Event("progress", "packages", "another program works on packages, waiting"), 9.0)
        == "another program works on packages, waiting"
    )
