"""Ask pip-audit whether a pinned package has a published vulnerability, and say so in one line.

Exit code 1 for a finding, and for a package the advisory service does not know while it knows others. Where the
service cannot be reached nothing is known: that is said, and is no failure.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name("requirements.txt")
UNREACHED = ("ConnectionError", "Could not connect", "Timeout", "not redirecting", "ServiceError")


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--require-hashes"]
    command += ["--format", "json", "--progress-spinner", "off", *sys.argv[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words and own arguments
    said, code = verdict(done.stdout, done.stderr)
    print(said)  # noqa: T201 - a command
    return code


def verdict(stdout: str, stderr: str) -> tuple[str, int]:
    """Read what pip-audit printed: the line to print and the exit code."""
    try:
        packages: list[Mapping[str, Any]] = json.loads(stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = stderr.strip().rpartition("\n")[2].partition(" ")[0].rstrip(":") or "it said nothing"
        if any(sign in stderr for sign in UNREACHED):
            return f"SKIPPED: the advisory service was not reached ({said})", 0
        return f"FAILED: pip-audit gave no report ({said})", 1
    found = [f"{name(package)}: {', '.join(ids(package))}" for package in packages if package.get("vulns")]
    if found:
        return "FAILED: published vulnerabilities in " + "; ".join(found), 1
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if not packages or len(unknown) == len(packages):
        return f"SKIPPED: the advisory service knows none of {len(packages)} packages; it was not reached", 0
    if unknown:
        return f"FAILED: the advisory service does not know {', '.join(unknown)}", 1
    return f"no published vulnerability in {len(packages)} packages", 0


def name(package: Mapping[str, Any]) -> str:
    return f"{package['name']} {package['version']}"


def ids(package: Mapping[str, Any]) -> list[str]:
    return [vulnerability["id"] for vulnerability in package["vulns"]]


if __name__ == "__main__":
    sys.exit(main())
