"""A static server that answers as the API does: nginx on the server's core, with JSON made beforehand."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.measuring.cores import SERVER_CORE
from benchmarks.measuring.rounds import processor_seconds

ORGANIZATION = "org_1"
PAGE_SIZES = (25, 100)
PLACE = "/v1/organizations/{organization}/integrations"


def integration(number: int) -> dict[str, Any]:
    """Return one integration as the document prints it, half a kilobyte with two fields no model knows."""
    return {
        "id": f"0190b5b4-7f4c-7d70-a9a5-{number:012d}",
        "name": f"Web shop number {number} of a merchant",
        "category": "shop",
        "order_sync_enabled": True,
        "order_sync_updated_at": "2026-03-01T09:30:00.000000Z",
        "product_sync_enabled": True,
        "product_sync_updated_at": "2026-03-01T09:31:00.000000Z",
        "stock_sync_enabled": number % 2 == 0,
        "created_at": "2025-01-01T00:00:00.000000Z",
        "updated_at": "2026-03-01T09:31:00.000000Z",
        "connector": {"id": f"con_{number}", "name": "Shopify"},
        "status": "connected",
    }


def page(size: int) -> dict[str, Any]:
    """Return a page of integrations that is the last one."""
    return {
        "data": [integration(number) for number in range(size)],
        "links": {"prev": None, "next": None},
        "meta": {"per_page": size},
    }


@frozen
class StaticServer:
    """Where it answers: organization ``page_25`` has a list of 25, and any id gives the one integration."""

    base_url: str
    name: str
    processes: tuple[int, ...]

    def busy(self) -> float:
        """Return the seconds of processor time it has had so far."""
        return processor_seconds(self.processes)


@contextmanager
def serving() -> Iterator[StaticServer]:
    """Serve until the block ends; raise RuntimeError when there is no nginx."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        raise RuntimeError("nginx is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Its worker, which has no rights of its own, reads the answers.
        folder.chmod(0o755)
        port = _free_port()
        (folder / "nginx.conf").write_text(_configuration(folder, port))
        _write_answers(folder)
        command = [binary, "-p", name, "-c", str(folder / "nginx.conf")]
        if SERVER_CORE is not None:
            command = ["taskset", "-c", str(SERVER_CORE), *command]
        process = subprocess.Popen(command)
        try:
            _wait_for(port)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield StaticServer(f"http://127.0.0.1:{port}", _version(binary), (process.pid, *map(int, children)))
        finally:
            process.terminate()
            process.wait(10)


def _write_answers(folder: Path) -> None:
    (folder / "one.json").write_text(json.dumps({"data": integration(1)}))
    for size in PAGE_SIZES:
        (folder / f"page_{size}.json").write_text(json.dumps(page(size)))


def _configuration(folder: Path, port: int) -> str:
    pages = "\n".join(
        f"location = {PLACE.format(organization=f'page_{size}')} {{ try_files /page_{size}.json =404; }}"
        for size in PAGE_SIZES
    )
    here = PLACE.format(organization=ORGANIZATION)
    return f"""
daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 3600s;
  open_file_cache max=64; sendfile off; output_buffers 2 128k; server_tokens off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ application/json json; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {folder};
    {pages}
    location ~ /sync$ {{ default_type application/json; return 202 '{{}}'; }}
    location ~ ^{here}/[^/]+$ {{ try_files /one.json =404; }}
  }}
}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("nginx does not listen")


def _version(binary: str) -> str:
    told: Sequence[str] = subprocess.run([binary, "-v"], check=True, capture_output=True, text=True).stderr.split()
    return told[-1]
