"""One system call, and exactly what it gave: a value, or the name of the errno. Shells hide most of that."""
import codecs
import errno
import os
import sys


def escapes(text):
    """printf-like escapes, so that tests can name any byte."""
    return codecs.escape_decode(os.fsencode(text))[0]


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        return str(os.write(fd, escapes(text)))
    finally:
        os.close(fd)


def read(path):
    fd = os.open(path, os.O_RDONLY)
    data = b""
    while True:
        piece = os.read(fd, 65536)
        if not piece:
            return os.fsdecode(data)
        data += piece


def os_call(name, *arguments):
    converted = [int(a, 0) if a.lstrip("-")[:1].isdigit() else escapes(a) for a in arguments]
    getattr(os, name)(*converted)
    return "ok"


try:
    sys.stdout.write({"write": write, "read": read, "os": os_call}[sys.argv[1]](*sys.argv[2:]))
except OSError as error:
    sys.stdout.write(errno.errorcode[error.errno])
