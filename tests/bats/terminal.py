"""A person at a terminal: terminal.py STEPS COMMAND... runs the command on a terminal of its own and prints what came on
it; the exit status is the command's, as a shell counts. STEPS are lines, done one after the other:
  see REGEX      what came after what was seen before matches; else the person gives up (exit 99)
  type TEXT      and the return key          key C    control-C, control-D ...
  pause SECONDS  hang-up                     kill     the command itself, with SIGKILL
"""
import os, pty, re, select, signal, sys, time

LIMIT = 20 * float(os.environ.get("STRETCH", "1"))
steps = [line.strip().partition(" ") for line in sys.argv[1].splitlines() if line.strip()]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, seen, verb = "", 0, ""


def give_up(why):
    os.write(1, shown.encode(errors="replace"))
    sys.stderr.write(f"\nterminal: {why}\n")
    os.kill(pid, signal.SIGTERM)
    sys.exit(99)


def take(seconds):
    """Whether anything came; False at the end too."""
    global shown
    if not select.select([terminal], [], [], max(seconds, 0))[0]:
        return False
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    shown += piece.decode(errors="replace").replace("\r\n", "\n")
    return bool(piece)


for verb, _, text in steps:
    end = time.monotonic() + LIMIT
    if verb == "see":
        while not (match := re.search(text, shown[seen:], re.M)):
            if not take(end - time.monotonic()) and (time.monotonic() >= end or os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
                give_up(f"did not see {text!r}")
        seen += match.end()
    elif verb == "type":
        os.write(terminal, text.encode() + b"\n")
    elif verb == "key":
        os.write(terminal, bytes([ord(text) - 64]))
    elif verb == "pause":
        end = time.monotonic() + float(text)
        while time.monotonic() < end and take(end - time.monotonic()):
            pass
        time.sleep(max(end - time.monotonic(), 0))
    elif verb == "kill":
        os.kill(pid, signal.SIGKILL)
    elif verb == "hang-up":
        os.close(terminal)
        break
    else:
        give_up(f"no step {verb!r}")

end = time.monotonic() + LIMIT
while verb != "hang-up" and take(end - time.monotonic()):
    pass
while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
    if time.monotonic() >= end:
        give_up("the command does not end")
    time.sleep(0.01)
os.write(1, shown.encode(errors="replace"))
code = os.waitstatus_to_exitcode(ended[1])
sys.exit(code if code >= 0 else 128 - code)
