"""What moves by itself: what is taken and what is left, what is remembered, and when."""

import json
from types import SimpleNamespace

import pytest

from infrakit.cli.automatic import closed
from infrakit.emit.window import window_of
from infrakit.errors import UsageProblem
from infrakit.lock import Lock, render
from infrakit.lock.entries import LockedImage, LockedName
from infrakit.model import Origin, Updates
from infrakit.stack.change.sights import Candidate, Sight, images_of, left, mends, read, seen, taken_back
from infrakit.stack.change.update import Files
from infrakit.stack.layout import SIGHTS

HOUR_S, DAY_S = 3600, 86400
NOW_S = 1_800_000_000.0
ORIGIN = Origin("infrakit.yaml", ("updates",), "updates")
NEW = "docker.io/library/web:1@sha256:new"


def updates(automatic="stateless", days=3):
    return Updates(automatic, "03:00", days * DAY_S, ORIGIN, ("chat",))


def sight(age_s, back=False):
    return {NEW: Sight(NOW_S - age_s, back)}


@pytest.mark.parametrize(
    ("said", "candidate", "sights"),
    [
        (updates(), Candidate((NEW,)), sight(3 * DAY_S)),
        (updates("all"), Candidate((NEW,), ("wiki",), ("home_wiki",)), sight(30 * DAY_S)),
        (updates(days=0), Candidate((NEW,)), sight(0)),
        (updates(), Candidate((NEW,), mends=True), sight(0)),
        (updates("all"), Candidate((NEW,), ("wiki",), ("home_wiki",), mends=True), sight(0)),
        (updates(), Candidate((NEW, "old")), {**sight(3 * DAY_S), "old": Sight(0.0)}),
    ],
)
def test_what_may_move_is_taken(said, candidate, sights):
    assert left(said, candidate, sights, NOW_S) == ""


@pytest.mark.parametrize(
    ("said", "candidate", "sights", "why"),
    [
        (
            updates(),
            Candidate((NEW,), ("wiki",), ("home_wiki",)),
            sight(9 * DAY_S),
            "keeps data, or needs who does: home_wiki",
        ),
        (updates(), Candidate((NEW,), ("wiki",), ("home_wiki",), mends=True), sight(9 * DAY_S), "keeps data"),
        (updates(), Candidate((NEW,)), sight(9 * DAY_S, back=True), "taken back before"),
        (updates(), Candidate((NEW,), mends=True), sight(9 * DAY_S, back=True), "taken back before"),
        (updates(), Candidate((NEW,), ("wiki", "chat"), mends=True), sight(9 * DAY_S), "updates.except names chat"),
        (updates("all"), Candidate((NEW,)), sight(5 * HOUR_S), "first seen 5 h ago, and has to be there for 3 days"),
        (updates(), Candidate((NEW,)), sight(3 * DAY_S - 1), "first seen 3 days ago"),
        (updates(), Candidate((NEW, "old")), {**sight(0), "old": Sight(0.0)}, "first seen 0 h ago"),
        (updates(), Candidate((NEW,)), {}, "first seen 0 h ago"),
        (updates(), Candidate((NEW, "bad")), {**sight(9 * DAY_S), "bad": Sight(0.0, True)}, "taken back before"),
    ],
)
def test_what_may_not_move_is_left_and_it_is_said_why(said, candidate, sights, why):
    assert why in left(said, candidate, sights, NOW_S)


@pytest.mark.parametrize(
    ("old", "new", "floors", "found"),
    [
        ("x/caddy:2.11.3", "x/caddy:2.11.5", ("2.11.5",), True),
        ("x/caddy:2.11.3", "x/caddy:2.11.4", ("2.11.5",), False),
        ("x/caddy:2.11.5", "x/caddy:2.11.6", ("2.11.5",), False),
        ("x/caddy:2.11.3", "x/caddy:2.11.5", (), False),
    ],
)
def test_what_mends_a_known_hole_is_told_from_what_does_not(old, new, floors, found):
    assert mends(old, new, floors) is found


def lock(**digests):
    images = {
        f"docker.io/library/{name}:1": LockedName(f"sha256:{digest * 64}", {"amd64": LockedImage(*two(digest), 1)})
        for name, digest in digests.items()
    }
    return Files("version: 1\n", render(Lock(images)).decode())


def two(digest):
    return f"sha256:{digest * 64}", f"sha256:{digest * 64}"


def test_images_of_an_update_are_those_that_its_lock_has_and_the_one_before_has_not():
    found = images_of(lock(web="a", other="b"), lock(web="c", other="b", fresh="d"))
    assert set(found) == {f"docker.io/library/web:1@sha256:{'c' * 64}", f"docker.io/library/fresh:1@sha256:{'d' * 64}"}
    assert images_of(Files("", None), lock(web="a")) == ()


def test_the_first_sight_of_an_image_stays_and_a_clock_that_went_back_makes_nobody_wait_for_it():
    before = {NEW: Sight(NOW_S - 5, True), "ahead": Sight(NOW_S + DAY_S), "old": Sight(NOW_S - 500 * DAY_S)}
    found = seen(before, [NEW, "fresh"], NOW_S)
    assert found == {NEW: Sight(NOW_S - 5, True), "ahead": Sight(NOW_S), "fresh": Sight(NOW_S)}


class Disk(SimpleNamespace):
    """Stands for the machine's disk."""

    def read(self, path, most_bytes):
        return self.files.get(path)

    def write(self, path, content, mode):
        self.files[path] = content


def test_what_was_taken_back_is_remembered_beside_its_first_sight():
    disk = Disk(files={SIGHTS: json.dumps({NEW: [NOW_S - 9, False]}).encode()})
    taken_back(disk, [NEW, "other"], NOW_S)
    assert read(disk) == {NEW: Sight(NOW_S - 9, True), "other": Sight(NOW_S, True)}
    taken_back(disk, [NEW], NOW_S + 9)
    assert read(disk) == {NEW: Sight(NOW_S - 9, True), "other": Sight(NOW_S, True)}


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b'{"a": 1}', b'{"a": ["x", 1]}', b"\xff"])
def test_a_memory_that_cannot_be_read_is_none(content):
    assert read(Disk(files={SIGHTS: content})) == {}


SUN, MON, SAT = 6, 0, 5


@pytest.mark.parametrize(
    ("text", "weekday", "at", "is_open"),
    [
        ("03:00", SUN, (12, 0), True),
        ("Sat 03:00", SUN, (12, 0), True),
        ("03:00-05:00", SUN, (3, 0), True),
        ("03:00-05:00", SUN, (4, 59), True),
        ("03:00-05:00", SUN, (5, 0), False),
        ("03:00-05:00", SUN, (2, 59), False),
        ("Sat,Sun 03:00-05:00", SAT, (3, 5), True),
        ("Sat,Sun 03:00-05:00", MON, (3, 5), False),
        ("Sun 23:00-01:30", SUN, (23, 30), True),
        ("Sun 23:00-01:30", MON, (1, 29), True),
        ("Sun 23:00-01:30", MON, (1, 30), False),
        ("Sun 23:00-01:30", MON, (23, 30), False),
        ("Sun 23:00-01:30", SUN, (1, 0), False),
        ("03:00-03:00", MON, (2, 59), True),
    ],
)
def test_a_window_is_of_the_day_that_it_began_on_and_open_where_it_has_no_end(text, weekday, at, is_open):
    assert window_of(text).is_open(weekday, at[0] * 60 + at[1]) is is_open


def test_without_the_key_nothing_moves_and_without_a_lock_it_is_said_what_to_do():
    assert "updates.automatic is none" in closed(None, lock(web="a"))
    assert closed(updates(), lock(web="a")) == ""
    with pytest.raises(UsageProblem, match="there is no lock"):
        closed(updates(), Files("version: 1\n", None))
