"""Names are asked of the resolver of this machine."""

from infrakit.system.names import addresses_of


def test_a_name_has_its_addresses_and_one_that_nobody_can_know_has_none():
    found = addresses_of(["localhost", "127.0.0.9", "nobody.invalid", "", "x" * 300, f"{'ü' * 70}.example"])

    assert set(found["localhost"]) & {"127.0.0.1", "::1"} and found["127.0.0.9"] == ("127.0.0.9",)
    assert found["nobody.invalid"] == found["x" * 300] == found[f"{'ü' * 70}.example"] == ()
    assert addresses_of([]) == {}


def test_who_has_no_patience_is_told_of_every_name_all_the_same():
    names = [f"n{number}.invalid" for number in range(100)]
    assert addresses_of(names, patience_s=0) == dict.fromkeys(names, ())
