"""SQLite databases of an app that runs on: found in its volumes, copied beside, and back in the place of the live
file."""

import sqlite3
from contextlib import closing

import pytest

from infrakit.backups import BackupPart
from infrakit.errors import MachineUnfit
from infrakit.model import Origin
from infrakit.stack.backup.online import Copied, as_json, copied, left_out, of_json, put_in_place
from infrakit.stack.backup.proof import Differs, SqliteIsSound
from infrakit.system.machine import Machine

PART = BackupPart("shop", ("data", "more"), (), (), Origin("infrakit.yaml", ("apps", "shop"), "backups"))


def database(path, rows=3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE pages (page text)")
        made.executemany("INSERT INTO pages VALUES (?)", [("x",)] * rows)
        made.commit()


def taken(tmp_path, *sqlite: tuple[str, str]) -> list[Copied]:
    folders = {name: str(tmp_path / name) for name in ("data", "more")}
    return copied(Machine(), PART._replace(sqlite=sqlite), folders, str(tmp_path / "dumps"))


def test_all_databases_of_its_volumes_are_copied_and_none_of_who_says_nothing(tmp_path):
    database(tmp_path / "data/one.db")
    database(tmp_path / "data/deep/other", rows=5)
    database(tmp_path / "more/third.db", rows=7)
    (tmp_path / "data/page.txt").write_text("x" * 512)
    assert taken(tmp_path) == []
    found = taken(tmp_path, ("data", "one.db"))
    assert {item.live: item.rows for item in found} == {
        str(tmp_path / "data/deep/other"): {"pages": 5},
        str(tmp_path / "data/one.db"): {"pages": 3},
        str(tmp_path / "more/third.db"): {"pages": 7},
    }
    assert of_json({"sqlite": as_json(found)}) == tuple(found) and of_json({}) == ()


def test_a_database_that_is_named_and_is_not_there_is_a_mistake(tmp_path):
    database(tmp_path / "data/deep/one.db")
    for path in ("", "deep", "deep/one.db"):
        assert len(taken(tmp_path, ("data", path))) == 1
    for volume, path in (("data", "one.db"), ("data", "dee"), ("more", ""), ("more", "deep/one.db")):
        with pytest.raises(MachineUnfit, match="shop: no SQLite database is at"):
            taken(tmp_path, ("data", "deep"), (volume, path))


def test_what_is_in_use_is_in_no_snapshot_however_it_is_called():
    words = list(left_out([Copied("/v/a[1]*b?\\.db", "/c", {})]))
    assert words[::2] == ["--exclude"] * 4
    assert words[1::2] == [f"/v/a\\[1]\\*b\\?\\\\.db{end}" for end in ("", "-wal", "-shm", "-journal")]


def test_a_copy_takes_the_place_of_the_live_file_and_of_what_was_beside_it_and_that_again_does_nothing(tmp_path):
    database(tmp_path / "stage/dumps/0.sqlite")
    live = tmp_path / "stage/volume/one.db"
    live.parent.mkdir(parents=True)
    for end in ("", "-wal", "-shm", "-journal"):
        live.with_name(f"one.db{end}").write_text("old")
    for _ in range(2):
        put_in_place(Machine(), str(tmp_path / "stage"), [Copied("/volume/one.db", "/dumps/0.sqlite", {})])
        assert [path.name for path in live.parent.iterdir()] == ["one.db"]
        assert Machine().sqlite_rows(str(live)) == {"pages": 3}


def test_a_link_that_an_app_left_in_its_volume_leads_nothing_elsewhere(tmp_path):
    database(tmp_path / "stage/dumps/0.sqlite")
    (tmp_path / "stage/volume").mkdir()
    (tmp_path / "stage/volume/deep").symlink_to(tmp_path)
    with pytest.raises(MachineUnfit, match="a link leads elsewhere"):
        put_in_place(Machine(), str(tmp_path / "stage"), [Copied("/volume/deep/one.db", "/dumps/0.sqlite", {})])
    assert not (tmp_path / "one.db").exists()


def test_a_drill_names_a_damaged_database_and_one_with_other_rows_and_else_puts_it_among_the_files(tmp_path):
    database(tmp_path / "dumps/0.sqlite")
    (tmp_path / "volume").mkdir()
    good = Copied("/volume/one.db", "/dumps/0.sqlite", {"pages": 3})
    told = []
    with pytest.raises(Differs, match=r"pages of /volume/one.db has 3 rows, and had 4"):
        SqliteIsSound(str(tmp_path), (good._replace(rows={"pages": 4}),)).do(Machine(), told.append)
    SqliteIsSound(str(tmp_path), (good,)).do(Machine(), told.append)
    assert [event.text for event in told] == ["3 rows in 1 tables"] and (tmp_path / "volume/one.db").exists()
    (tmp_path / "dumps/1.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    with pytest.raises(Differs, match=r"/volume/one.db is damaged: file is not a database"):
        SqliteIsSound(str(tmp_path), (good._replace(copy="/dumps/1.sqlite"),)).do(Machine(), told.append)
