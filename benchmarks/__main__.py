"""The benchmarks: run them all, some of them, or compare what two runs found.

    python -m benchmarks                     all that take minutes; writes results.json and the tables of the pages
    python -m benchmarks NAME...             some, also those that run only by name
    python -m benchmarks --quick [NAME...]   a smoke run into build/benchmarks/, marked as one, pages left alone
    python -m benchmarks list                what there is
    python -m benchmarks compare OLD NEW     what moved between two files of results

Each benchmark is a process of its own, the same as ``python -m benchmarks.NAME``, which also takes its options. A
module says with ``ONLY_BY_NAME`` why it is not among all, and with ``QUICK`` how a smoke run of it is asked for.
"""

import argparse
import ast
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks import compare, readme
from benchmarks.results import QUICK, ROOT, SMOKE

HERE = Path(__file__).parent
GRACE = 20.0
"""Seconds a benchmark has to end its processes when it is stopped."""


@frozen
class Benchmark:
    """A module of this folder that can be run."""

    name: str
    describes: str
    quick: tuple[str, ...] | None
    only_by_name: str | None


def benchmarks(folder: Path = HERE) -> dict[str, Benchmark]:
    """Return every module that can be run, read from the source: some need what need not be installed."""
    places = {path.stem: path for path in folder.glob("*.py") if path.stem != "__main__"}
    places |= {path.parent.name: path for path in folder.glob("*/__main__.py")}
    modules = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in sorted(places.items())}
    return {name: _read(name, module) for name, module in modules.items() if _can_be_run(module)}


def _can_be_run(module: ast.Module) -> bool:
    return any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in module.body)


def _read(name: str, module: ast.Module) -> Benchmark:
    said: Mapping[str, Any] = {
        target.id: ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in {"QUICK", "ONLY_BY_NAME"}
    }
    first_line = (ast.get_docstring(module) or "").partition("\n")[0]
    return Benchmark(name, first_line, said.get("QUICK"), said.get("ONLY_BY_NAME"))


def listed(found: Mapping[str, Benchmark]) -> str:
    """Write what there is, one a line."""
    return "\n".join(
        f"{one.name:<20} {one.describes}" + (f" (only by name: {one.only_by_name})" if one.only_by_name else "")
        for one in found.values()
    )


def run(chosen: Sequence[Benchmark], *, quick: bool) -> list[str]:
    """Run one after the other, and return the names of those that failed."""
    environment = dict(os.environ)
    if quick:
        SMOKE.mkdir(parents=True, exist_ok=True)
        environment |= {"BENCHMARKS_FOLDER": str(SMOKE), QUICK: "1"}
    failed: list[str] = []
    for one in chosen:
        if quick and one.quick is None:
            print(f"\n== {one.name}: has no short form, left out", flush=True)
            continue
        print(f"\n== {one.name}: {one.describes}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{one.name}", *((one.quick or ()) if quick else ())]
        if _ended(command, environment):
            failed.append(one.name)
    return failed


def _ended(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it and return its exit code; when this is stopped, wait until it has ended its own processes."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C reaches both; whoever was told alone passes it on.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["compare"]:
        return compare.main(given[1:])
    found = benchmarks()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a smoke run, marked as one")
    options = parser.parse_args(given)
    if options.names == ["list"]:
        print(listed(found))
        return 0
    if unknown := [name for name in options.names if name not in found]:
        parser.error(f"there is no {', '.join(unknown)}; see: python -m benchmarks list")
    chosen = [found[name] for name in options.names] or [one for one in found.values() if not one.only_by_name]
    failed = run(chosen, quick=options.quick)
    if not options.quick:
        readme.main()
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall went through")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
