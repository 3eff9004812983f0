#!/usr/bin/env bats
# How requests are written: every writer there is, several lines, half lines, quoting, numbers read back.

load harness

setup_file() {
	mount_start
	backend b
	instance b one
}
teardown_file() { mount_stop; }

backends() { in_sh 'ls backends' | grep -v '^ctl$' | tr '\n' ' '; }
setup() { same "$(backends)" "b "; }
teardown() {
	for name in $(backends); do
		[ "$name" = b ] || in_sh 'rmdir backends/$1' "$name"
	done
}

writes() { # NAME COMMAND: the command, run in the mount, makes the backend NAME
	run in_sh "$2"
	[ "$status" = 0 ] || {
		echo "$output" >&2
		return 1
	}
	[ -d "$M/backends/$1" ]
}

@test "bash echo" { writes w "echo create w > backends/ctl"; }
@test "dash echo" {
	in_dash "echo create w > backends/ctl"
	[ -d "$M/backends/w" ]
}
@test "appending" { writes w "echo create w >> backends/ctl"; }
@test "noclobber with >|" { writes w "set -C; echo create w >| backends/ctl"; }
@test "appending under noclobber" { writes w "set -C; echo create w >> backends/ctl"; }
@test "tee" { writes w "echo create w | tee backends/ctl"; }
@test "tee -a" { writes w "echo create w | tee -a backends/ctl"; }
@test "dd" { writes w "echo create w | dd of=backends/ctl status=none"; }
@test "cp of a file" { writes w "echo create w > '$DIR/line'; cp '$DIR/line' backends/ctl"; }
@test "cat with a here document" { writes w $'cat > backends/ctl <<EOF\ncreate w\nEOF'; }
@test "python open().write()" { writes w "$PYTHON -c 'open(\"backends/ctl\", \"w\").write(\"create w\\n\")'"; }
@test "python print(file=)" { writes w "$PYTHON -c 'print(\"create w\", file=open(\"backends/ctl\", \"w\"))'"; }
@test "awk" {
	writes w "awk 'BEGIN { print \"create w\" > \"backends/ctl\" }'"
}
@test "vim writes a line into ctl or says that it cannot" {
	command -v vim.tiny vim >/dev/null || skip "no vim"
	in_sh 'vi -es -u NONE -i NONE -c "normal ggdGicreate w" -c "w!" -c "qa!" backends/ctl </dev/null' || :
	same "$(cat "$M/backends/b/state")" ready
}

@test "a line without its newline is a line" { writes w "printf 'create w' > backends/ctl"; }
@test "several lines in one write are several requests" {
	writes w "printf 'create w\ncreate x\ncreate y\n' | cat > backends/ctl"
	[ -d "$M/backends/x" ] && [ -d "$M/backends/y" ]
}
@test "bash printf, which cuts at newlines, makes the same requests" {
	writes w "printf 'create w\ncreate x\n' > backends/ctl"
	[ -d "$M/backends/x" ]
}
@test "empty lines and blanks are no requests" { writes w "printf '\n   \n\ncreate   w   \n' > backends/ctl"; }
@test "CRLF ends a line too" { writes w "printf 'create w\r\n' > backends/ctl"; }
@test "words are quoted as in a shell" {
	writes w "echo \"create w image='golem/alpine:latest' min_mem_gib=\\\"1\\\"\" > backends/ctl"
	same "$(cat "$M/backends/w/config/min_mem_gib")" 1
}
@test "an open quote is refused" { refused EINVAL backends/ctl 'create w image="x\n' 'quote'; }

@test "lines before a refused one are done, those after it are not" {
	run in_sh "printf 'create w\nfrobnicate\ncreate y\n' > backends/ctl"
	[ "$status" != 0 ]
	[ -d "$M/backends/w" ]
	[ ! -e "$M/backends/y" ]
}

@test "one write with a refused second line is short, and the descriptor then refuses the rest" {
	run in_python '
	import os
	fd = os.open("backends/ctl", os.O_WRONLY)
	text = b"create w\nfrobnicate\ncreate y\n"
	print(os.write(fd, text))
	for again in (text[9:], b"create z\n"):
	    try:
	        print(os.write(fd, again))
	    except OSError as e:
	        print(e.errno)'
	same "${lines[*]}" "9 22 22"
	[ ! -e "$M/backends/y" ]
	[ ! -e "$M/backends/z" ]
}

@test "a retry by python of a refused write does nothing twice" {
	run in_python '
	file = open("backends/ctl", "w")
	file.write("create w\ncreate w\ncreate x\n")
	file.close()'
	[ "$status" != 0 ]
	[ -d "$M/backends/w" ]
	[ ! -e "$M/backends/x" ]
}

@test "the unfinished tail of a longer write waits for the next write" {
	run in_python '
	import os
	fd = os.open("backends/ctl", os.O_WRONLY)
	os.write(fd, b"create w\ncrea")
	os.write(fd, b"te x\n")
	os.close(fd)'
	[ "$status" = 0 ]
	[ -d "$M/backends/w" ] && [ -d "$M/backends/x" ]
}

@test "an unfinished tail is taken at the close" {
	in_python '
	import os
	fd = os.open("backends/ctl", os.O_WRONLY)
	os.write(fd, b"create w\ncreate x")
	os.close(fd)'
	eventually 5 test -d "$M/backends/x"
}

@test "more bytes after an unterminated line are refused" {
	run in_python '
	import os
	fd = os.open("backends/ctl", os.O_WRONLY)
	os.write(fd, b"create w")
	try:
	    os.write(fd, b"x\n")
	except OSError as e:
	    print(e.errno)'
	same "$output" 22
	[ -d "$M/backends/w" ]
	[ ! -e "$M/backends/wx" ]
}

@test "dd in blocks of five never half-executes a line" {
	run in_sh "echo 'create w' | dd of=backends/ctl bs=5 status=none"
	[ "$status" != 0 ]
	same "$(backends)" "b "
}

@test "opening, truncating, touching and writing nothing are harmless" {
	same "$(requests_changing in_sh ': > backends/b/ctl; truncate -s 0 backends/b/ctl; touch backends/b/ctl
		cp /dev/null backends/b/ctl; echo -n > backends/b/ctl; printf "" > backends/b/instances/one/run')" 0
	same "$(cat "$M/backends/b/state")" ready
	same "$(in_sh 'ls backends/b/instances/one/commands')" ""
}

@test "an unknown verb is refused by its name" { refused EINVAL backends/ctl 'frobnicate w\n' frobnicate; }
@test "an unknown key is refused by its name" { refused EINVAL backends/ctl 'create w frob=1\n' frob; }
@test "a bad value is refused by its key" { refused EINVAL backends/ctl 'create w min_mem_gib=lots\n' min_mem_gib; }
@test "a verb with too many words is refused" { refused EINVAL backends/b/ctl 'start now please\n' '(now|start)'; }
@test "a verb without its name is refused" { refused EINVAL backends/ctl 'destroy\n' '(destroy|name|NAME)'; }
@test "a refused create leaves no directory" {
	wrote backends/ctl 'create w min_mem_gib=lots\n'
	[ ! -e "$M/backends/w" ]
}

@test "a descriptor that created reads the name made, whatever the offset" {
	run in_sh 'exec 3<>backends/b/instances/ctl; echo create >&3; read name <&3; echo "$name"
		ls -d backends/b/instances/$name >/dev/null && rmdir backends/b/instances/$name'
	[ "$status" = 0 ]
	[ -n "$output" ]
}

@test "the help is read on a descriptor that wrote nothing" {
	run in_sh 'exec 3<>backends/b/instances/ctl; cat <&3'
	contains "$output" create
}

@test "set changes a value, quoted ones too" {
	in_sh 'mkdir backends/w; echo "set rent_timeout 90s" > backends/w/ctl'
	same "$(cat "$M/backends/w/config/rent_timeout")" 90s
}

@test "mkdir -m and chmod of a directory are accepted" {
	run in_sh 'mkdir -m 700 backends/w && chmod 755 backends/w'
	[ "$status" = 0 ]
}

@test "create and destroy are mkdir and rmdir" {
	in_sh 'echo create w > backends/ctl; echo destroy w > backends/ctl'
	[ ! -e "$M/backends/w" ]
	in_sh 'mkdir backends/w; echo destroy > backends/w/ctl'
	eventually 5 test ! -e "$M/backends/w"
}

@test "two hundred writers on one ctl: each line is done exactly once" {
	LIMIT=40 in_sh 'for i in $(seq 200); do echo "create p$i" > backends/ctl & done; wait'
	same "$(in_sh 'ls backends' | grep -c '^p')" 200
	same "$(in_sh 'tail -n +2 error' | grep -c 'create p' || :)" 0
}
