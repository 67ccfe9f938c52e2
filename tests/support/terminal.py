# Runs a command in a pseudo-terminal. The arguments are the command and a list of answers as JSON. Each answer has the
# prompt after which it is typed, the text to type, and whether the terminal must not show it. Prints what the terminal
# shows, and exits with the exit code of the command.
import json, os, pty, signal, sys, termios, time

command, answers = json.loads(sys.argv[1]), json.loads(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown = b""


def read():
    try:
        return os.read(terminal, 4096)
    except OSError:  # The command has ended.
        return b""


for prompt, text, is_hidden in answers:
    unread = b""
    while prompt.encode() not in unread:
        more = read()
        shown += more
        unread += more
        if not more:
            sys.exit(f"no prompt {prompt!r} in {shown!r}")
    deadline = time.monotonic() + 30
    while is_hidden and termios.tcgetattr(terminal)[3] & termios.ECHO:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            sys.exit(f"after {prompt!r}, the terminal shows the input")
    os.write(terminal, text.encode() + b"\n")
while more := read():
    shown += more
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
