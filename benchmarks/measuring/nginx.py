"""nginx on the server's core, with answers made beforehand."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measuring.answers import ORGANIZATION, PAGE_SIZES, PLACE, bodies
from benchmarks.measuring.cores import SERVER_CORE
from benchmarks.measuring.server import StaticServer, free_port, wait_for


def found() -> str | None:
    """Return the path of the program, None without one."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def serving() -> Iterator[StaticServer]:
    """Serve until the block ends; raise RuntimeError when there is no nginx."""
    binary = found()
    if binary is None:
        raise RuntimeError("nginx is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Its worker, which has no rights of its own, reads the answers.
        folder.chmod(0o755)
        port = free_port()
        (folder / "nginx.conf").write_text(_configuration(folder, port))
        _write_answers(folder)
        command = [binary, "-p", name, "-c", str(folder / "nginx.conf")]
        if SERVER_CORE is not None:
            command = ["taskset", "-c", str(SERVER_CORE), *command]
        process = subprocess.Popen(command)
        try:
            wait_for(port, process)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield StaticServer(f"http://127.0.0.1:{port}", _version(binary), (process.pid, *map(int, children)))
        finally:
            process.terminate()
            process.wait(10)


def _write_answers(folder: Path) -> None:
    for name, body in bodies().items():
        (folder / f"{name}.json").write_bytes(body)


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
    location ~ /sync$ {{ return 202; }}
    location ~ ^{here}/[^/]+$ {{ try_files /one.json =404; }}
  }}
}}
"""


def _version(binary: str) -> str:
    told: Sequence[str] = subprocess.run([binary, "-v"], check=True, capture_output=True, text=True).stderr.split()
    return told[-1]
