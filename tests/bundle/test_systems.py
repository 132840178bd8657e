"""Where a distribution's packages come from: what apt is told on a machine of that distribution, or what the user
says."""

import re
import subprocess

import pytest

from infrakit.bundle.apt_sources import entries, places
from infrakit.bundle.systems import Own, sources, system
from infrakit.errors import UsageProblem
from infrakit.system.bundle.debs import own_archive

DEBIAN, UBUNTU = "/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
NEW = f"""\
# Some comment
Types: deb deb-src
URIs: http://mirror.lan/debian
# another: one
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {DEBIAN}

Types: deb
URIs: http://mirror.lan/debian-security
Suites: bookworm-security
Components: main
Signed-By: {DEBIAN}

Types: deb-src
URIs: http://source.lan/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://off.lan/debian
Suites: bookworm
Components: main
"""
OLD = """\
deb cdrom:[Debian GNU/Linux 12]/ bookworm contrib
# deb http://off.lan/debian bookworm main
deb [ arch=amd64 signed-by=/etc/apt/keyrings/other.gpg ] https://packages.example.org/other/debian bookworm main
deb http://mirror.lan/debian bookworm main contrib  # ours
deb-src http://mirror.lan/debian bookworm main
deb https://apt.example.org bookworm-pgdg main extra
deb http://second.lan/debian bookworm main
"""
FOUND = {
    "{codename}": "http://mirror.lan/debian",
    "{codename}-updates": "http://mirror.lan/debian",
    "{codename}-security": "http://mirror.lan/debian-security",
}


def test_both_formats_of_apts_sources_are_read():
    assert places([NEW], "bookworm", DEBIAN) == FOUND
    assert places([OLD], "bookworm", DEBIAN) == {
        "{codename}": "http://mirror.lan/debian",
        "{codename}-pgdg": "https://apt.example.org",
    }
    assert (
        places([OLD, NEW], "trixie", DEBIAN)
        == places([OLD], "", DEBIAN)
        == places(["", "nonsense: x\n\n\n"], "bookworm", DEBIAN)
        == {}
    )


@pytest.mark.parametrize("text", [NEW, OLD])
def test_they_are_read_as_apt_reads_them(text, tmp_path):
    """apt-get itself says what it would fetch."""
    text = "".join(line for line in text.splitlines(keepends=True) if "cdrom" not in line)
    for name in ("lists/partial", "parts"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "parts" / ("x.sources" if text.startswith("#") and "Types" in text else "x.list")).write_text(text)
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": tmp_path / "parts",
        "Dir::State::lists": tmp_path / "lists",
        "Dir::Cache": tmp_path,
    }
    words = ["apt-get", *(f"-o{name}={value}" for name, value in settings.items()), "update", "--print-uris"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    seen = set(re.findall(r"^'(\S+)/dists/([^/]+)/", done.stdout, re.MULTILINE)) - {
        ("http://source.lan/debian", "bookworm")
    }  # of sources alone
    assert seen == {(entry.url, entry.suite) for entry in entries([text])} and seen


def test_a_bundle_for_another_release_of_this_machines_distribution_takes_its_mirror():
    own = Own("debian", "amd64", FOUND)
    assert sources(system("debian-trixie", "arm64"), {}, {}, own) == [
        f"deb [arch=arm64 signed-by={DEBIAN}] http://mirror.lan/debian trixie main",
        f"deb [arch=arm64 signed-by={DEBIAN}] http://mirror.lan/debian trixie-updates main",
        f"deb [arch=arm64 signed-by={DEBIAN}] http://mirror.lan/debian-security trixie-security main",
    ]


def test_what_the_user_says_comes_first():
    own = Own("debian", "amd64", FOUND)
    said = sources(system("debian-trixie", "amd64"), {"debian": "http://said.lan/debian"}, {"debian": "/k.gpg"}, own)
    assert said == ["deb [arch=amd64 signed-by=/k.gpg] http://said.lan/debian trixie main"]


@pytest.mark.parametrize(
    ("name", "architecture", "own", "archive"),
    [
        ("debian-trixie", "amd64", Own("ubuntu", "amd64", FOUND), "debian"),
        ("ubuntu-noble", "arm64", Own("ubuntu", "amd64", FOUND), "ubuntu-ports"),
        ("ubuntu-noble", "amd64", Own("ubuntu", "arm64", FOUND), "ubuntu"),
        ("debian-trixie", "amd64", Own("debian", "amd64", {"{codename}-updates": "http://x"}), "debian"),
    ],
)
def test_where_nobody_knows_it_is_asked_for(name, architecture, own, archive):
    with pytest.raises(UsageProblem) as caught:
        sources(system(name, architecture), {}, {}, own)
    assert (
        f"packages for {name}-{architecture}" in caught.value.message and f"--mirror {archive}=URL" in caught.value.hint
    )
    assert f"http://x/{archive} " in sources(system(name, architecture), {archive: f"http://x/{archive}"}, {}, own)[0]


def test_a_machine_says_what_it_is(tmp_path):
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/apt/sources.list").write_text("deb http://mirror.lan/ubuntu noble main\n")
    (tmp_path / "etc/apt/sources.list.d/b.sources").write_text(
        "Types: deb\nURIs: http://later.lan/ubuntu\nSuites: noble noble-security\nComponents: main\nSigned-By: "
        f"{UBUNTU}\n"
    )
    (tmp_path / "etc/apt/sources.list.d/c.list.save").write_text("deb http://old.lan/ubuntu noble-updates main\n")
    for release in (
        "ID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n",
        'ID=linuxmint\nVERSION_CODENAME="wilma"\nUBUNTU_CODENAME=noble\n',
    ):
        (tmp_path / "etc/os-release").write_text(release)
        found = own_archive(str(tmp_path))
        assert (found.distribution, found.places) == (
            "ubuntu",
            {"{codename}": "http://mirror.lan/ubuntu", "{codename}-security": "http://later.lan/ubuntu"},
        )
    (tmp_path / "etc/os-release").write_text("ID=fedora\n")
    assert own_archive(str(tmp_path)) == own_archive(str(tmp_path / "nothing")) == Own("", "", {})
