"""infrakit backup and restore of a real MariaDB, from the built zipapp, with a real engine and a real restic. In place
of MariaDB's image stands one of this machine's own binaries, which makes its folder, its users and their passwords as
that does (mariadb-docker, docker-entrypoint.sh)."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.emit.tree import needs_compose
from tests.runtime.backed import Backed
from tests.runtime.engine import engine, needs_engine, shell_archive
from tests.runtime.test_update import ALONE, CHECK, WELL, publish
from tests.system import fake_registry

pytestmark = [
    needs_engine,
    needs_compose,
    pytest.mark.skipif(not shutil.which("mariadbd"), reason="needs MariaDB (tests/tools/install.sh)"),
    pytest.mark.skipif(not shutil.which("restic"), reason="needs restic (tests/tools/install.sh)"),
]

FILE = (
    ALONE
    + """\
backup: {{to: /mnt/disk}}
apps:
  shop: {{image: "{at}/team/shop:1", health: image, needs: [shop-db], data: [/data]}}
  shop-db:
    image: {at}/team/mariadb:10.11
    serves: [3306]
    data: [/var/lib/mysql]
    writable: true
    environment: {{MARIADB_ROOT_PASSWORD_FILE: /run/secrets/shop_root, MARIADB_DATABASE: shop}}
    secrets: [shop_root]
    health: image
"""
)
SERVER = r"""
folder=/var/lib/mysql
own="--no-defaults --datadir=$folder --plugin-dir=/usr/lib/mysql/plugin --lc-messages-dir=/usr/share/mysql --user=mysql
 --innodb-flush-method=fsync --innodb-buffer-pool-size=16M --socket=/run/mysqld/mysqld.sock"
mkdir -p /run/mysqld
chown mysql "$folder" /run/mysqld
if [ ! -d "$folder/mysql" ]; then
    word=$(cat "$MARIADB_ROOT_PASSWORD_FILE")
    health="drawn@lot $(cat /proc/sys/kernel/random/uuid)"
    mariadb-install-db $own --basedir=/usr --skip-test-db --auth-root-authentication-method=normal >/tmp/made || exit
    {
        echo "FLUSH PRIVILEGES;"
        echo "CREATE USER root@'%' IDENTIFIED BY '$word';"
        echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
        echo "SET PASSWORD FOR root@localhost = PASSWORD('$word');"
        echo "CREATE DATABASE $MARIADB_DATABASE;"
        for host in 127.0.0.1 ::1 localhost; do echo "CREATE USER healthcheck@'$host' IDENTIFIED BY '$health';"; done
    } >/tmp/first
    mariadbd $own --bootstrap </tmp/first || exit
    printf '[client]\nuser=healthcheck\npassword=%s\n' "$health" >"$folder/.my-healthcheck.cnf"
    chown mysql "$folder/.my-healthcheck.cnf"
fi
exec mariadbd $own
"""
PROGRAMS = (
    *("/bin/cat", "/bin/sed", "/bin/mkdir", "/bin/chown", "/bin/hostname", "/usr/bin/dirname", "/bin/uname", "/bin/rm"),
    *("/usr/bin/mariadb", "/usr/bin/mariadb-dump", "/usr/bin/mariadb-admin"),
    *("/usr/sbin/mariadbd", "/usr/bin/my_print_defaults", "/usr/bin/resolveip", "/usr/bin/head", "/usr/bin/id"),
)


@pytest.fixture(scope="module")
def host(tmp_path_factory, pyz):
    folder = tmp_path_factory.mktemp("maria")
    with engine(tmp_path_factory.mktemp("db")) as real, fake_registry.registry() as registry:
        users = "root:x:0:0::/:/bin/sh\nmysql:x:70:70::/:/bin/sh\n"
        files = (("etc/passwd", users), ("etc/group", "root:x:0:\nmysql:x:70:\n"), ("server.sh", SERVER))
        layer = gzip.compress(
            shell_archive(*PROGRAMS, files=files, trees=("/usr/share/mysql", "/usr/bin/mariadb-install-db")), 1
        )
        asks = (
            "mariadb --defaults-extra-file=/var/lib/mysql/.my-healthcheck.cnf -h 127.0.0.1 --protocol=tcp -e 'SELECT 1'"
        )
        says = {"Cmd": ["/bin/sh", "/server.sh"], "Healthcheck": {**CHECK, "Test": ["CMD-SHELL", asks]}}
        registry.publish("team/mariadb", tag="10.11", contents=[layer], says=says)
        publish(registry, "shop", WELL, tag="1")
        made = Backed(real, registry, pyz, folder)
        systemctl = folder / "systemctl"
        systemctl.write_text("#!/bin/sh\nexit 0\n")
        systemctl.chmod(0o755)
        made.to.mkdir(parents=True)
        (folder / "infrakit.yaml").write_text(FILE.format(at=registry.address))
        done = made.infrakit("up", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "infrakit.yaml").unlink()
        yield made
    for place in ("/var/lib/infrakit", "/etc/infrakit"):
        subprocess.run(["find", place, "-mindepth", "1", "-delete"], check=True)


def asked(host, statement: str) -> str:
    """By root, with the password of now."""
    script = 'exec mariadb -BN -p"$(cat /run/secrets/shop_root)" -h 127.0.0.1 shop -e "$1"'
    return host.real.docker("exec", "infrakit-shop-db-1", "sh", "-c", script, "sh", statement).strip()


def test_a_database_is_written_down_by_its_own_tools_and_comes_back_with_its_users(host):
    asked(host, "CREATE TABLE items (name varchar(40)) ENGINE=InnoDB; INSERT INTO items VALUES ('Löffel''n'), (NULL)")
    asked(host, "CREATE USER shop IDENTIFIED BY 'of-the-shop'; GRANT ALL ON shop.* TO shop")
    began = host.begun()
    done = host.now()
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.begun()["shop-db"] == began["shop-db"]
    asked(host, "DELETE FROM items; CREATE TABLE more (n int); DROP USER shop")
    done = host.infrakit("restore", "--yes", "--without-backup", "shop-db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert asked(host, "SELECT IFNULL(name, '-') FROM items ORDER BY 1") == "-\nLöffel'n"
    assert asked(host, "SHOW TABLES") == "items" and host.is_well()
    words = ("mariadb", "-BN", "-ushop", "-pof-the-shop", "-h", "127.0.0.1", "shop", "-e", "SELECT count(*) FROM items")
    assert host.real.docker("exec", "infrakit-shop-db-1", *words).strip() == "2"


def test_a_server_that_does_not_answer_is_named(host):
    host.real.docker("stop", "infrakit-shop-db-1")
    done = host.now()
    host.real.docker("start", "infrakit-shop-db-1")
    assert done.returncode == 1 and "the database in shop-db: " in done.stderr, done.stderr
    assert Path(host.to, "infrakit/config").exists()
