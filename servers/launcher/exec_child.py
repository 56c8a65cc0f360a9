"""Run a program in place of this one, so that it is killed when its parent ends: PARENT PROGRAM ARGUMENT...

It is a script of its own, without site packages, because code between fork and exec is not safe in a process
with threads. Linux only tells a child of its parent's end; elsewhere the program is just run.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

parent, program = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == parent:
    os.execv(program[0], program)
