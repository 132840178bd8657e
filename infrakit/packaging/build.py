"""A checkout -> dist/infrakit.pyz, dist/install.py and dist/SHA256SUMS, the same bytes wherever it is built.

Stages pure wheels and our package, precompiles the catalogue and the schemas, lets shiv make the archive, gives it our
own __main__, and writes it anew with sorted names, fixed times and fixed modes. Runs in the build's virtual
environment, with the folder of wheels as its argument: nothing is fetched.
One member is bytecode of the Python that builds (bytecode.py): another minor version makes another archive, by that
member alone.
"""

import base64
import hashlib
import json
import lzma
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import MAGIC_NUMBER

from plain import plain

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "infrakit", "packaging")
WORK = os.path.join(ROOT, ".build")
STAGE = os.path.join(WORK, "stage")
DIST = os.path.join(ROOT, "dist")
PURE = (
    "--no-compile",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
    "--platform",
    "any",
    "--implementation",
    "py",
    "--abi",
    "none",
    "--python-version",
    "3.11",
    "--disable-pip-version-check",
    "--quiet",
)
NESTED = (
    "attr/",
    "docker/",
    "jsonschema/",
    "pyrsistent/",
    "requests/",
    "urllib3/",
    "idna/",
    "certifi/",
    "charset_normalizer/",
    "click/",
    "infrakit/plan/",
    "infrakit/host/",
    "infrakit/stack/",
    "infrakit/bundle/",
    "infrakit/composed/",
    "infrakit/notify/",
    "infrakit/templates/",
    "segno/",
    "tomli/",
    "infrakit/catalog/outdated",
    "infrakit/lock/entries",
    "infrakit/lock/text",
    "infrakit/system/bundle/",
    "infrakit/system/registry/",
    *(
        f"infrakit/system/{name}.py"
        for name in ("asking", "engine", "fetch", "forward", "knock", "machine", "patience", "pull", "redacted", "send")
    ),
    *(
        f"infrakit/cli/{name}"
        for name in (
            "add",
            "apply",
            "bundle",
            "carry",
            "catalog",
            "diff",
            "doctor",
            "doors",
            "down",
            "drift",
            "exported",
            "from_bundle",
            "generations",
            "here",
            "import",
            "install",
            "inventory",
            "lock",
            "logs",
            "looking",
            "monitor",
            "newer",
            "notify",
            "open",
            "outdated",
            "plan.py",
            "planning",
            "preflight",
            "progress",
            "remove",
            "restart",
            "rollback",
            "set.py",
            "setting",
            "sign_in",
            "status",
            "telling",
            "templates",
            "trust",
            "uninstall",
            "unset",
            "up.py",
            "update",
        )
    ),
)
"""What a compile does not need, by how its path begins."""
REPRODUCIBLE = 2
"""Later formats of bytecode mark what else in the process refers to a constant, which no two Pythons agree on."""
EPOCH = (1980, 1, 1, 0, 0, 0)
UNUSED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "py.typed")
UNUSED_PLACES = (
    *(
        "bin",
        "attrs",
        "jsonschema/tests",
        "jsonschema/benchmarks",
        "charset_normalizer/cli",
        "click/testing.py",
        "segno/cli.py",
        "segno/helpers.py",
        "share",
        "urllib3/http2/connection.py",
    ),
    *(f"urllib3/contrib/{name}" for name in ("emscripten", "pyopenssl.py", "socks.py")),
)
"""`attrs` is a second name for `attr`, which is what jsonschema imports. No browser, no other TLS, and no SOCKS: Docker
is asked at its socket."""


LEFT_OUT = "Comments and docstrings of these libraries are left out, but for notices; nothing else is changed.\n"


def main() -> None:
    """Build all three files. Raises SystemExit where a pin has a known hole."""
    sys.path.insert(0, ROOT)
    _pins()
    shutil.rmtree(STAGE, ignore_errors=True)
    os.makedirs(STAGE)
    pip = [sys.executable, "-m", "pip", "install", *PURE, "--no-index", "--find-links", sys.argv[1], "--target", STAGE]
    subprocess.run([*pip, "-r", os.path.join(HERE, "runtime.txt")], check=True)
    _strip(STAGE)
    _own_package()
    _data()
    subprocess.run(
        [sys.executable, "-I", "-S", "-X", "no_debug_ranges", os.path.join(HERE, "bytecode.py"), STAGE], check=True
    )
    os.makedirs(DIST, exist_ok=True)
    archive = os.path.join(DIST, "infrakit.pyz")
    _archive(archive)
    _install_script(archive)
    _checksums()


def _pins() -> None:
    from infrakit.catalog.load import catalog_from, read_trees
    from infrakit.catalog.outdated import below_floors

    old = below_floors(catalog_from(read_trees()))
    if old:
        sys.exit("\n".join(f"blueprints: error: {line}" for line in old))


def _strip(folder: str) -> None:
    """Drop what the program does not read; the licences of others come along in one file."""
    licences = []
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(place, name)
            if ".dist-info" in place and name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE")):
                with open(path, encoding="utf-8") as file:
                    owner = place[len(folder) + 1 :].split(".dist-info")[0]
                    licences.append(f"{owner}\n{'=' * len(owner)}\n{file.read().strip()}\n")
            if name in UNUSED or name.endswith((".pyi", ".so", ".exe")):
                os.unlink(path)
    for entry in (*UNUSED_PLACES, *(name for name in os.listdir(folder) if name.endswith(".dist-info"))):
        path = os.path.join(folder, entry)
        os.unlink(path) if os.path.isfile(path) else shutil.rmtree(path, ignore_errors=True)
    with open(os.path.join(folder, "LICENSES.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join([*licences, LEFT_OUT]))
    for place, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".py"):
                path = os.path.join(place, name)
                with open(path, encoding="utf-8") as file:
                    text = plain(file.read())
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)


def _own_package() -> None:
    """The files of infrakit/ that git knows, but for the build itself."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "infrakit"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    for name in listed.decode().split("\0"):
        if not name or name.startswith("infrakit/packaging/") or name == "infrakit/__main__.py":
            continue
        target = os.path.join(STAGE, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.join(ROOT, name), target)
    # A namespace package would be looked for in every folder of the path.
    with open(os.path.join(STAGE, "ruamel", "__init__.py"), "w", encoding="utf-8"):
        pass
    # The machine's own authorities instead of a list that grows old with us, as Debian's package of certifi has it.
    os.makedirs(os.path.join(STAGE, "certifi"))
    with open(os.path.join(STAGE, "certifi", "__init__.py"), "w", encoding="utf-8") as file:
        file.write('def where():\n    return "/etc/ssl/certs/ca-certificates.crt"\n')


def _data() -> None:
    """What the zipapp reads instead of the checkout's schema/ and blueprints/."""
    from infrakit.catalog import catalog_json, read_trees

    data = os.path.join(STAGE, "infrakit", "data")
    os.makedirs(os.path.join(data, "blueprints"))
    with open(os.path.join(data, "catalog.json"), "wb") as file:
        file.write(catalog_json(read_trees()))
    from click.testing import CliRunner

    from infrakit.cli.program import program

    with open(os.path.join(data, "help.txt"), "w", encoding="utf-8") as file:
        file.write(CliRunner(env={"COLUMNS": "80"}).invoke(program, ["--help"], prog_name="infrakit").output)
    for folder in ("schema", "blueprints"):
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            source = os.path.join(ROOT, folder, name)
            if folder == "blueprints":
                shutil.copyfile(source, os.path.join(data, "blueprints", name))
                continue
            # Every compile reads a schema: without the white space that is for people.
            with (
                open(source, encoding="utf-8") as file,
                open(os.path.join(data, name), "w", encoding="utf-8") as target,
            ):
                json.dump(json.load(file), target, ensure_ascii=False, separators=(",", ":"))


def _archive(path: str) -> None:
    """shiv's archive with our __main__ instead of its bootstrap, which would unpack everything at the first start."""
    made = os.path.join(WORK, "shiv.pyz")
    shiv = [
        sys.executable,
        "-m",
        "shiv",
        "--reproducible",
        "--site-packages",
        STAGE,
        "-e",
        "infrakit.cli:main",
        "-o",
        made,
    ]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    subprocess.run([*shiv, "-p", "/usr/bin/env python3"], check=True, env=environment, stdout=subprocess.DEVNULL)
    members = {}
    with zipfile.ZipFile(made) as archive:
        for name in archive.namelist():
            if name.startswith("site-packages/") and not name.endswith("/"):
                members[name] = archive.read(name)
    _nest(members)
    build = hashlib.sha256()
    for name in sorted(members):
        if name.endswith(".code"):  # the sources again, for one Python
            continue
        build.update(name.encode() + b"\0" + hashlib.sha256(members[name]).digest())
    from infrakit import VERSION

    starts = {}
    for name, source in (("__main__.py", "zip_main.py"), ("infrakit_start.py", "zip_start.py")):
        with open(os.path.join(HERE, source), encoding="utf-8") as file:
            starts[name] = file.read()
        build.update(starts[name].encode())
    said = {"@VERSION@": VERSION, "@BUILD@": build.hexdigest()[:16], "@NESTED@": " ".join(NESTED)}
    # A third smaller than zip's own method; few starts unpack it, which takes 4 MiB of memory.
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 22}]
    members["site-packages/nested.json.xz"] = lzma.compress(members.pop("site-packages/nested.json"), filters=filters)
    for name, text in starts.items():
        for word, value in said.items():
            text = text.replace(word, value)
        members[name] = text.encode()
    code = compile(members["infrakit_start.py"], "infrakit_start.py", "exec", dont_inherit=True)
    members[f"infrakit_start.{MAGIC_NUMBER.hex()}.code"] = marshal.dumps(code, REPRODUCIBLE)
    with open(path, "wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            stored = name == "__main__.py" or name.endswith(".xz")  # read at every start; packed already
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[name], compresslevel=9)
    os.chmod(path, 0o755)


def _nest(members: dict[str, bytes]) -> None:
    """NESTED as one member, path -> source: every start reads the list of members, few read these."""
    found = {}
    for name in sorted(members):
        inside = name.removeprefix("site-packages/")
        if inside.startswith(NESTED):
            content = members.pop(name)
            if name.endswith(".py") or inside.startswith("jsonschema/schemas/"):
                found[inside] = plain(content.decode()) if inside.startswith("infrakit/") else content.decode()
    members["site-packages/nested.json"] = json.dumps(found, sort_keys=True).encode()


def _install_script(archive: str) -> None:
    with open(archive, "rb") as file:
        content = file.read()
    with open(os.path.join(HERE, "install_main.py"), encoding="utf-8") as file:
        text = file.read()
    encoded = base64.encodebytes(content).decode().strip()
    text = text.replace("@SHA256@", hashlib.sha256(content).hexdigest()).replace("@ZIPAPP@", encoded)
    with open(os.path.join(DIST, "install.py"), "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(os.path.join(DIST, "install.py"), 0o755)


def _checksums() -> None:
    lines = []
    for name in ("infrakit.pyz", "install.py"):
        with open(os.path.join(DIST, name), "rb") as file:
            lines.append(f"{hashlib.sha256(file.read()).hexdigest()}  {name}\n")
    with open(os.path.join(DIST, "SHA256SUMS"), "w", encoding="ascii") as file:
        file.writelines(lines)


if __name__ == "__main__":
    os.umask(0o022)
    main()
