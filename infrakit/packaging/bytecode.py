"""Staged sources -> `site-packages/<magic>.code`, what a first compile imports, as this Python's bytecode.

Bytecode belongs to one minor version of Python: the one that builds. Others compile the sources, which are always
there. Runs as `python -I -S -X no_debug_ranges bytecode.py STAGE`; the format is that of the cache in zip_start.py.
"""

import ast
import contextlib
import importlib.util
import io
import marshal
import os
import sys
import tempfile

# As build.py has it.
REPRODUCIBLE = 2


def imported(stage: str) -> list[str]:
    """Names of the modules in `stage` that a compile of the full example loads."""
    names = set()
    # Not sys.modules, from which the reader takes away the parts of ruamel.yaml that it has.
    sys.addaudithook(lambda event, given: names.add(given[0]) if event == "import" else None)
    sys.path.insert(0, stage)
    sys.dont_write_bytecode = True
    from infrakit.cli import main

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        code = main(["compile", "--example", "full", "--no-secrets", "-o", os.path.join(folder, "build")])
    if code:
        sys.exit(f"the full example does not compile: exit code {code}")
    return sorted(
        name for name in names if os.path.exists(os.path.join(stage, name.partition(".")[0])) and name != "ruamel.yaml"
    )


class Untyped(ast.NodeTransformer):
    """Takes annotations away, which Python would evaluate at every start, and typing look at; nothing of ours reads
    them. Fields of a named tuple keep their place."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
            if argument is not None:
                argument.annotation = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.copy_location(ast.Constant(None), node.annotation)
        self.generic_visit(node)
        return node


def compiled(stage: str, name: str) -> tuple[bool, bytes]:
    """(is a package, its code), compiled as zip_start.py does; ours without annotations."""
    base = "site-packages/" + name.replace(".", "/")
    is_package = os.path.isdir(os.path.join(stage, name.replace(".", "/")))
    file = base + ("/__init__.py" if is_package else ".py")
    with open(os.path.join(stage, file.partition("/")[2]), "rb") as source:
        content = source.read()
    tree = ast.parse(content, file) if name.startswith("ruamel") else Untyped().visit(ast.parse(content, file))
    code = compile(tree, file, "exec", dont_inherit=True, optimize=0 if name.startswith("ruamel") else 2)
    return is_package, marshal.dumps(code, REPRODUCIBLE)


def main() -> None:
    """Write the file."""
    stage = os.path.abspath(sys.argv[1])
    modules = {name: compiled(stage, name) for name in imported(stage)}
    with open(os.path.join(stage, importlib.util.MAGIC_NUMBER.hex() + ".code"), "wb") as file:
        file.write(marshal.dumps(modules, REPRODUCIBLE))


if __name__ == "__main__":
    main()
