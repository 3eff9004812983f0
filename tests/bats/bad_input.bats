#!/usr/bin/env bats
# What no program should do, and some do: the forty nasty cases, by their numbers, and the issue's list.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
}
teardown_file() { mount_stop; }

I=backends/b/instances/one
alive() {
	kill -0 "$DAEMON_PID"
	same "$(in_sh 'cat backends/b/state')" ready
}
teardown() { alive; }
commands() { in_sh "ls $I/commands | wc -l"; }

@test "1: names with newline, tab, escape, DEL" {
	for name in 'a\nb' 'a\tb' 'a\033b' 'a\177b'; do same "$(called mkdir "backends/$name")" EINVAL; done
}
@test "3: names that are not UTF-8, and UTF-8 ones" {
	for name in 'a\377b' 'e\xcc\x81' '\xc3\xa9'; do same "$(called mkdir "backends/$name")" EINVAL; done
}
@test "4: names that look like options, paths, devices" {
	for name in '-rf' '--help' '.hidden' '...' ' ' '%2e%2e' 'a b' '*' '$x' 'a;b'; do
		same "$name $(called mkdir "backends/$name")" "$name EINVAL"
	done
	same "$(called mkdir backends/CON)" ok
	same "$(called rmdir backends/CON)" ok
	same "$(called mkdir 'backends/nowhere/../x')" ENOENT
	same "$(called mkdir backends/.)" EEXIST
}
@test "5: names of control files do not shadow them" {
	for name in ctl wait any; do matches "$(called mkdir "backends/$name")" '^(EINVAL|EEXIST)$'; done
	for name in README status version events log error cost hold run; do same "$name $(called mkdir "backends/$name")" "$name EINVAL"; done
	in_sh 'cat backends/ctl | grep -q create'
}
@test "6: echo executes exactly one command" {
	before=$(commands)
	in_sh "echo true > $I/run"
	same "$(commands)" $((before + 1))
}
@test "7: truncating, touching and copying nothing have no effect and succeed" {
	run in_sh ": > $I/ctl && truncate -s 0 $I/ctl && touch $I/ctl && cp /dev/null $I/ctl && cp /dev/null backends/ctl"
	[ "$status" = 0 ]
}
@test "10: a hundred megabytes into ctl, run and a setting are refused quickly" {
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	for file in backends/ctl backends/b/config/max_instances $I/run backends/b/config/setup; do
		run in_sh 'head -c 100000000 /dev/zero > "$1"' "$file"
		[ "$status" != 0 ]
		[ "$status" != 124 ]
	done
	after=$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	[ $((after - before)) -lt $((65536 * MEMORY)) ]
	in_sh "cat $I/commands/wait" >/dev/null || :
}
@test "11: NUL bytes, a line of 4097 bytes, only blanks" {
	same "$(wrote backends/ctl 'create a\000b\n')" EINVAL
	same "$(wrote backends/ctl "create $(printf 'x%.0s' $(seq 4097))\n")" EINVAL
	same "$(wrote backends/ctl '     \n')" 6
	same "$(wrote backends/ctl '\000\n')" EINVAL
}
@test "12, 13: a writer killed in the middle leaves the file to the next one" {
	fault '{"point":"delay","method":"POST","route":"/payment-api/v1/allocations","delay_ms":3000,"count":1}' >/dev/null
	in_sh 'mkdir backends/k'
	(wrote backends/k/ctl 'start\n' >/dev/null) 3>&- &
	eventually 5 pgrep -f 'syscall.py write backends/k/ctl' >/dev/null
	kill -9 "$(pgrep -f 'syscall.py write backends/k/ctl' | tail -n 1)" || :
	same "$(wrote backends/k/ctl 'stop\n')" 5
	faults_clear
	in_sh 'rmdir backends/k'
}
@test "15: an inherited descriptor commits at its last close, not when a child exits" {
	before=$(commands)
	in_sh "exec 4>$I/run; echo true >&4; (true); /bin/true; [ \$(ls $I/commands | wc -l) = $before ]; exec 4>&-"
	same "$(commands)" $((before + 1))
}
@test "16: values refuse writers at open" {
	same "$(wrote backends/b/state x)" EACCES
	same "$(wrote $I/provider x)" EACCES
}
@test "17: tools that replace files fail cleanly and replace nothing" {
	for command in 'sed -i s/a/b/ backends/b/config/image' 'mv backends/b/state backends/b/state2' \
		'install -m 644 /etc/hostname backends/b/config/image' 'ln backends/b/state x' 'ln -s x y' \
		'rsync /etc/hostname backends/b/config/image' 'chmod 777 backends/b/state'; do
		run in_sh "$command"
		[ "$status" != 0 ] || {
			echo "succeeded: $command" >&2
			return 1
		}
	done
	same "$(cat "$M/backends/b/config/image")" golem/alpine:latest
}
@test "18: reads by single bytes, beyond the end, at absurd offsets" {
	run in_python '
	import os
	fd = os.open("backends/ctl", os.O_RDONLY)
	whole = os.read(fd, 1 << 20)
	print(os.pread(fd, 10, len(whole)), os.pread(fd, 10, 2**62), os.pread(fd, 3, 5) == whole[5:8])
	print(b"".join(os.pread(fd, 1, i) for i in range(len(whole))) == whole)'
	same "${lines[0]}" "b'' b'' True"
	same "${lines[1]}" True
}
@test "20: tail -f over many events loses none" {
	(in_sh 'timeout 12 tail -n +1 -f backends/b/events' >"$DIR/tail") 3>&- &
	tail=$!
	in_sh "for i in \$(seq 50); do echo true > $I/run; done; cat $I/commands/wait >/dev/null"
	wait "$tail" || :
	cmp <(head -n "$(wc -l <"$DIR/tail")" "$M/backends/b/events") "$DIR/tail"
	[ "$(grep -c commandFinished "$DIR/tail")" -ge 50 ]
}
@test "25: poll after the object is gone ends" {
	in_sh 'mkdir backends/p'
	run in_python '
	import os, select
	fd = os.open("backends/p/state", os.O_RDONLY)
	os.rmdir("backends/p")
	poll = select.poll()
	poll.register(fd, select.POLLIN | select.POLLPRI)
	poll.poll(2000)
	try:
	    os.read(fd, 10)
	    print("read")
	except OSError as e:
	    print("refused")'
	matches "$output" '^(read|refused)$'
}
@test "27: mmap, sendfile, O_DIRECT, O_PATH and O_TMPFILE give an error or the right data" {
	run in_python '
	import mmap, os
	path = "backends/ctl"
	want = open(path, "rb").read()
	def attempt(name, call):
	    try:
	        print(name, "right" if call() == want else "WRONG")
	    except (OSError, ValueError) as e:
	        print(name, "refused")
	def mapped(flags):
	    fd = os.open(path, os.O_RDONLY)
	    return bytes(mmap.mmap(fd, len(want), flags, mmap.PROT_READ))
	def sent():
	    r, w = os.pipe()
	    os.sendfile(w, os.open(path, os.O_RDONLY), 0, len(want))
	    return os.read(r, 65536)
	attempt("shared", lambda: mapped(mmap.MAP_SHARED))
	attempt("private", lambda: mapped(mmap.MAP_PRIVATE))
	attempt("sendfile", sent)
	attempt("direct", lambda: os.read(os.open(path, os.O_RDONLY | os.O_DIRECT), 65536))
	attempt("tmpfile", lambda: os.open("backends", os.O_TMPFILE | os.O_RDWR))
	os.close(os.open(path, os.O_PATH))'
	[ "$status" = 0 ] || {
		echo "$output" >&2
		return 1
	}
	! grep -q WRONG <<<"$output"
}
@test "28: mkdir and rmdir of one name from eight shells leave no ghost" {
	shells=()
	for _ in 1 2 3 4 5 6 7 8; do
		(cd "$M" && for _ in $(seq 100); do mkdir backends/ghost 2>/dev/null; rmdir backends/ghost 2>/dev/null; done) 3>&- &
		shells+=($!)
	done
	wait "${shells[@]}" || :
	in_sh 'rmdir backends/ghost' 2>/dev/null || :
	[ ! -e "$M/backends/ghost" ]
	! in_sh 'ls backends' | grep -q ghost
}
@test "29: rmdir while others sit inside and hold descriptors" {
	in_sh 'mkdir backends/r'
	run in_sh 'cd backends/r; exec 4>ctl 5<state; rmdir ../r; echo start >&4; ls; cat <&5'
	[ "$status" != 124 ]
	[ ! -e "$M/backends/r" ]
}
@test "32: rename, link, symlink, mknod, chmod, chown, xattr, fallocate on everything" {
	for call in "rename $I $I-2" "link $I/state backends/x" "symlink x backends/x" "mknod backends/x 4516" \
		"chmod backends/b/state 511" "chown backends/b/state 1 1" "truncate backends/b/state 5"; do
		# shellcheck disable=SC2086
		matches "$call: $(called $call)" ': (EPERM|EACCES|EOPNOTSUPP|ENOTSUP|ENOSYS|EINVAL)$'
	done
	run in_sh 'fallocate -l 100 backends/b/config/setup'
	[ "$status" != 0 ]
	run in_sh 'flock backends/b/ctl true'
	[ "$status" = 0 ]
}
@test "33: a hundred thousand names looked up, memory returns" {
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	in_python '
	import os
	for i in range(100000):
	    try:
	        os.stat("backends/n%d" % i)
	    except FileNotFoundError:
	        pass'
	after=$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	[ $((after - before)) -lt $((8192 * MEMORY)) ]
}
@test "37: a stopped daemon serves everything after SIGCONT" {
	kill -STOP "$DAEMON_PID"
	(in_sh "echo 'echo after' > $I/run; cat $I/last/stdout_pipe" >"$DIR/out") 3>&- &
	client=$!
	eventually 2 false || kill -CONT "$DAEMON_PID"
	wait "$client"
	same "$(cat "$DIR/out")" after
}
@test "39: five hundred cats of a state and ten ls -R at once" {
	LIMIT=60 in_sh 'for i in $(seq 500); do cat backends/b/state >/dev/null & done; for i in $(seq 10); do ls -R >/dev/null & done; wait'
}
@test "a write of nothing, of half a line, of one megabyte" {
	same "$(wrote backends/ctl '')" 0
	run in_sh 'head -c 1048576 /dev/urandom > backends/ctl'
	[ "$status" != 0 ]
	same "$(wrote backends/ctl 'creat')" EINVAL
}
@test "two writers of one run make two commands" {
	before=$(commands)
	in_sh "(exec 3>$I/run; echo 'echo a' >&3) & (exec 3>$I/run; echo 'echo b' >&3) & wait; cat $I/commands/wait >/dev/null"
	same "$(commands)" $((before + 2))
}
@test "rm -rf of the whole mount does not hang, and leaves the control files" {
	in_sh 'mkdir backends/z; rm -rf backends/z' 2>/dev/null || :
	[ -f "$M/backends/ctl" ]
	[ ! -d "$M/backends/z" ] || in_sh 'rmdir backends/z'
}
@test "control lines with every byte value are refused or harmless" {
	run in_python '
	import os
	for b in range(1, 256):
	    fd = os.open("backends/ctl", os.O_WRONLY)
	    try:
	        os.write(fd, b"create " + bytes([b]) + b"~" + b"\n")
	        print("accepted", b)
	    except OSError as e:
	        if e.errno != 22:
	            print(b, e)
	    os.close(fd)'
	! grep -vE '^accepted (10|35|92|39|34)$' <<<"$output" | grep .
}
@test "config values take no binary, no two lines, no megabyte" {
	same "$(wrote backends/b/config/max_instances '5\000\n')" EINVAL
	in_sh 'printf "5\n6\n" > backends/b/config/max_instances'
	same "$(cat "$M/backends/b/config/max_instances")" 6
	run in_sh 'head -c 1048576 /dev/zero > backends/b/config/budget'
	[ "$status" != 0 ]
}
@test "commands in every shell quoting arrive as written" {
	ran $I "echo \"a  b\" 'c  d' \\\$HOME" >"$DIR/out"
	same "$(cat "$DIR/out")" 'a  b c  d $HOME'
}
