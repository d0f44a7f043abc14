"""The coverage-guided fuzzer: ``python -m tests.fuzz.run TARGET --seconds 60``; it needs the extra ``fuzz``.

TARGET is a name of ``tests.fuzz.targets.TARGETS``, or ``all``, for which the seconds are divided evenly. What is found
goes on from the seeds in ``tests/fuzz/corpus`` and is written to ``--into``, a new temporary folder unless it is given.
An input that breaks a promise is written there as ``crash-...``, and the exit status is not 0. Keep it: give it a name
that says what was wrong, and put it into the corpus.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
LONGEST_INPUT = 4096


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="Fuzz one target, or all.")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60, help="when to stop, at least 1 for each target")
    parser.add_argument("--seed", type=int, default=1, help="of the fuzzer's own randomness")
    parser.add_argument("--into", type=Path, help="where new inputs go")
    given = parser.parse_args(arguments)
    into = given.into or Path(tempfile.mkdtemp(prefix="packcloud-fuzz-"))
    if given.target != "all":
        return fuzz(given.target, seconds=given.seconds, seed=given.seed, into=into)
    from .targets import TARGETS

    each = max(1, given.seconds // len(TARGETS))
    command = [sys.executable, "-m", "tests.fuzz.run"]
    options = ["--seconds", str(each), "--seed", str(given.seed), "--into", str(into)]
    broken = []
    for name in TARGETS:
        print(f"== {name}", flush=True)
        if subprocess.run([*command, name, *options], check=False).returncode:
            broken.append(name)
    print(f"{len(TARGETS)} targets, broken: {', '.join(broken) or 'none'}; inputs are in {into}")
    return len(broken)


def fuzz(name, *, seconds, seed, into):
    known = sorted(path.name for path in CORPUS.iterdir())
    if name not in {*known, "breaks_on_fuzz"}:
        print(f"unknown target {name}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    try:
        import atheris
    except ImportError:
        print("atheris is missing: pip install 'packcloud_async[fuzz]'", file=sys.stderr)
        return 2
    with atheris.instrument_imports(
        include=["packcloud_async", "tests.fuzz.targets", "json", "email", "tomllib", "urllib"]
    ):
        from .targets import TARGETS, breaks_on_fuzz
    found = into / name
    found.mkdir(parents=True, exist_ok=True)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "seed": seed,
        "timeout": 20,
        "rss_limit_mb": 2048,
        "artifact_prefix": f"{found}/",
        "print_final_stats": 1,
    }
    command = [sys.argv[0], *(f"-{option}={value}" for option, value in options.items()), str(found)]
    if (seeds := CORPUS / name).is_dir():
        command.append(str(seeds))
    atheris.Setup(command, TARGETS.get(name, breaks_on_fuzz))
    # It ends the process by itself.
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
