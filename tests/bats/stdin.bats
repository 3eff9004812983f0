#!/usr/bin/env bats
# stdin of a command: order, storage before the start, back pressure, end of file, and writers that are killed.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
}
teardown_file() { mount_stop; }

I=backends/b/instances/one
in_i() { in_sh "cd $I; $1" "${@:2}"; }
made() { in_i 'mkdir commands/$1; printf %s "$2" > commands/$1/cmdline' "$@"; }
started() { in_i 'echo run > commands/$1/ctl' "$1"; }
asleep() { grep -q '^State:.[SD]' "/proc/$1/status"; }
ended() { ! kill -0 "$1" 2>/dev/null; }

@test "what was written before the start is stored, and its last close is end-of-file" {
	made early 'cat; echo end'
	in_i 'echo one > commands/early/stdin; echo two > commands/early/stdin'
	started early
	same "$(in_i 'cat commands/early/stdout_pipe')" $'one\ntwo\nend'
}

@test "a command whose stdin nobody had open reads end-of-file at once, and later writers get EPIPE" {
	same "$(ran $I 'cat; echo done')" done
	in_i 'echo "sleep 3" > run'
	same "$(wrote $I/last/stdin x)" EPIPE
}

@test "while it is open it goes through line by line, both ways" {
	made both 'while read -r line; do echo "got $line"; done; echo over'
	in_i 'exec 3>commands/both/stdin 4<commands/both/stdout_pipe; echo run > commands/both/ctl
		for i in 1 2 3; do echo $i >&3; read -r -t 5 line <&4; echo "$line"; done; exec 3>&-; cat <&4; cat commands/both/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" $'got 1\ngot 2\ngot 3\nover\n0'
}

@test "twenty mebibytes of random bytes arrive in order and whole" {
	head -c 20971520 /dev/urandom >"$DIR/random"
	made big md5sum
	in_i 'exec 3>commands/big/stdin; echo run > commands/big/ctl; cat "$1" >&3; exec 3>&-; cat commands/big/stdout_pipe' "$DIR/random" >"$DIR/out"
	same "$(cat "$DIR/out")" "$(md5sum <"$DIR/random")"
}

@test "more than a mebibyte before the start waits for it" {
	head -c 3000000 /dev/urandom >"$DIR/random"
	made long 'md5sum'
	(cd "$M/$I" && exec cat "$DIR/random" >commands/long/stdin) 3>&- &
	writer=$!
	eventually 5 asleep $writer
	started long
	same "$(in_i 'cat commands/long/stdout_pipe')" "$(md5sum <"$DIR/random")"
	gone $writer 5
}

@test "a full pipe says EAGAIN to who does not want to wait, and poll tells when there is room" {
	made full 'sleep 2; wc -c'
	run in_python '
	import os, select, sys
	name = sys.argv[1] + "/commands/full/"
	fd = os.open(name + "stdin", os.O_WRONLY | os.O_NONBLOCK)
	open(name + "ctl", "w").write("run\n")
	total = 0
	try:
	    while True:
	        total += os.write(fd, b"x" * 100000)
	except BlockingIOError:
	    print("EAGAIN", total > 500000)
	poll = select.poll()
	poll.register(fd, select.POLLOUT)
	print(len(poll.poll(0)))
	print(len(poll.poll(8000)))
	os.close(fd)
	print(int(open(name + "stdout_pipe").read()) == total)' "$I"
	same "${lines[*]}" "EAGAIN True 0 1 True"
}

@test "a signal gives a waiting writer a short count or EINTR, and nothing twice" {
	made signal 'sleep 3; wc -c'
	run in_python '
	import os, signal, sys
	class Alarm(Exception):
	    pass
	def ring(*_):
	    pass
	name = sys.argv[1] + "/commands/signal/"
	fd = os.open(name + "stdin", os.O_WRONLY)
	open(name + "ctl", "w").write("run\n")
	signal.signal(signal.SIGALRM, ring)
	signal.setitimer(signal.ITIMER_REAL, 0.7)
	n = os.write(fd, b"x" * 5000000)
	print(0 < n < 5000000)
	os.close(fd)
	print(int(open(name + "stdout_pipe").read()) == n)' "$I"
	same "${lines[*]}" "True True"
}

@test "behind the end of the command a write is EPIPE, also one that waits" {
	made ends 'sleep 1'
	(cd "$M/$I" && exec "$PYTHON" -c '
import os
fd = os.open("commands/ends/stdin", os.O_WRONLY)
open("commands/ends/ctl", "w").write("run\n")
try:
    while True:
        os.write(fd, b"x" * 1000000)
except BrokenPipeError:
    print("EPIPE")') >"$DIR/out" 2>&1 3>&-
	same "$(cat "$DIR/out")" EPIPE
	same "$(wrote $I/commands/ends/stdin x)" EPIPE
}

@test "a command that closes its stdin gives EPIPE while it runs" {
	made closes 'exec 0<&-; sleep 5'
	run in_python '
	import os, sys, time
	name = sys.argv[1] + "/commands/closes/"
	fd = os.open(name + "stdin", os.O_WRONLY)
	open(name + "ctl", "w").write("run\n")
	end = time.time() + 4
	try:
	    while time.time() < end:
	        os.write(fd, b"x" * 1000)
	        time.sleep(0.05)
	except BrokenPipeError:
	    print("EPIPE", open(name + "state").read().strip())' "$I"
	same "$output" "EPIPE running"
	in_i 'echo abort > commands/closes/ctl; cat commands/closes/wait' >/dev/null
}

@test "two writers: both arrive, the end comes with the last close" {
	made two 'sort'
	in_i 'exec 3>commands/two/stdin 4>commands/two/stdin; echo run > commands/two/ctl
		echo b >&3; echo a >&4; exec 3>&-; echo c >&4; exec 4>&-; cat commands/two/stdout_pipe' >"$DIR/out"
	same "$(cat "$DIR/out")" $'a\nb\nc'
}

@test "writers that wait are killed with -9 one by one, and leave nothing stuck" {
	made stuck 'sleep 100'
	in_i 'exec 3>commands/stuck/stdin; echo run > commands/stuck/ctl'
	made stuck2 'sleep 100'
	(cd "$M/$I" && exec sleep 30 >commands/stuck2/stdin) 3>&- &
	keeper=$!
	eventually 5 asleep $keeper
	started stuck2
	pids=()
	for _ in 1 2 3 4 5; do
		(cd "$M/$I" && exec head -c 50000000 /dev/zero >commands/stuck2/stdin) 3>&- &
		pids+=($!)
	done
	read -r -t 1 <> <(:) || :
	# Others may look at it, write to it and truncate it meanwhile.
	same "$(timeout 5 stat -c %F "$M/$I/commands/stuck2/stdin")" "regular file"
	for pid in "${pids[@]}"; do
		kill -9 "$pid"
		eventually 3 ended "$pid"
		wait "$pid" || :
	done
	kill $keeper
	in_i 'echo abort > commands/stuck/ctl; echo abort > commands/stuck2/ctl; cat commands/wait' >/dev/null
	same "$(in_i 'cat commands/stuck2/exit')" 143
}

@test "the end of a writer that is killed is end-of-file" {
	made orphan 'cat; echo end'
	(cd "$M/$I" && exec sleep 30 >commands/orphan/stdin) 3>&- &
	writer=$!
	eventually 5 asleep $writer
	started orphan
	kill -9 $writer
	same "$(in_i 'cat commands/orphan/stdout_pipe')" end
}

@test "stdin reads as its help, and a recursive reader ends no command" {
	contains "$(cat "$M/$I/commands/early/stdin")" end-of-file
	made reads cat
	in_i 'exec 3>commands/reads/stdin; echo run > commands/reads/ctl; grep -r nothing-has-this-text commands/reads; echo still >&3; exec 3>&-; cat commands/reads/stdout_pipe' >"$DIR/out"
	same "$(cat "$DIR/out")" still
}

@test "without an agent a command with stdin fails and says why" {
	backend p agent=no
	instance p i
	in_sh 'cd backends/p/instances/i; mkdir commands/c; echo cat > commands/c/cmdline; echo x > commands/c/stdin; echo run > commands/c/ctl; cat commands/c/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" 126
	matches "$(tail -n 1 "$M/backends/p/instances/i/error")" 'neither stdin nor terminal'
	in_sh 'rmdir backends/p'
}
