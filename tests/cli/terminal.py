"""A command on a terminal of its own, 80 columns wide."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

ON_ITS_TERMINAL = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("packcloud_async", run_name="__main__", alter_sys=True)
"""


def on_a_terminal(*arguments):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", ON_ITS_TERMINAL, *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    return process, ours


def read_until(terminal, text):
    shown = b""
    while text is None or text.encode() not in shown:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            break
        shown += piece
    return shown.decode()
