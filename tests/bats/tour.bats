#!/usr/bin/env bats
# What a new user does, line by line as it is written: the issue's first section, in one shell session.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	HOME=$DIR
	unset XDG_STATE_HOME XDG_RUNTIME_DIR YAGNA_APPKEY
	export DIR HOME
	mkdir "$HOME/golem"
	timeout 30 "$GOLEMFS" --devnet ~/golem >"$DIR/golemfs.log" 2>&1 3>&- </dev/null
	mountpoint -q ~/golem || {
		cat "$DIR/golemfs.log" >&2
		return 1
	}
	M=$HOME/golem
	export M
}

teardown_file() {
	cd /
	mountpoint -q "$M" && { fusermount3 -u "$M" || fusermount3 -u -z "$M"; }
	eventually 25 no_process_left
	! mountpoint -q "$M"
	no_process_left
	sanitizers_silent
	rm -rf --one-file-system "$DIR"
}

# Programs of this suite are known by their home directory.
no_process_left() { [ -z "$(processes)" ]; }
processes() {
	local environment
	for environment in /proc/[0-9]*/environ; do
		if tr '\0' '\n' <"$environment" 2>/dev/null | grep -qx "HOME=$DIR"; then
			readlink "${environment%environ}exe" | grep -E 'golemfs|golem-devnet' || :
		fi
	done 2>/dev/null
}

@test "cd ~/golem && cat README explains the tree in one screen" {
	run in_sh 'cd ~/golem && cat README'
	[ "$status" = 0 ]
	[ "${#lines[@]}" -gt 10 ]
	[ "$(wc -l <"$M/README")" -le 60 ]
	contains "$output" backends
}

@test "mkdir backends/demo makes a backend" {
	run in_sh 'mkdir backends/demo'
	[ "$status" = 0 ]
	same "$(cat "$M/backends/demo/state")" initial
}

@test "a control line makes a backend with an image and resources" {
	run in_sh "echo 'create other image=golem/alpine:latest min_mem_gib=1' > backends/ctl"
	[ "$status" = 0 ]
	same "$(cat "$M/backends/other/config/min_mem_gib")" 1
	in_sh 'rmdir backends/other'
}

@test "cat backends/ctl prints its verbs with an example each" {
	run in_sh 'cat backends/ctl'
	[ "$status" = 0 ]
	contains "$output" create
	contains "$output" destroy
}

@test "start and wait make the backend ready" {
	run in_sh 'echo start > backends/demo/ctl && cat backends/demo/wait'
	[ "$status" = 0 ]
	same "$output" ready
}

@test "mkdir rents an instance, wait says when it is ready" {
	run in_sh 'mkdir backends/demo/instances/one && cat backends/demo/instances/one/wait'
	[ "$status" = 0 ]
	same "$output" ready
}

@test "run, stdout_pipe, stderr and wait give all of a command" {
	run --separate-stderr in_sh 'cd backends/demo/instances/one
		echo "uname -a; echo oops >&2; exit 3" > run; cat last/stdout_pipe; cat last/stderr; cat last/wait'
	matches "${lines[0]}" '^Linux '
	same "${lines[1]}" oops
	same "${lines[2]}" 3
}

@test "a descriptor reads the number of the command it wrote" {
	run in_sh 'cd backends/demo/instances/one
		exec 3<>run; echo "hostname" >&3; read n <&3; exec 3>&-; cat commands/$n/wait commands/$n/stdout'
	[ "$status" = 0 ]
	same "${lines[0]}" 0
	[ -n "${lines[1]}" ]
}

@test "the same line works in dash" {
	run in_dash 'cd backends/demo/instances/one
		exec 3<>run; echo "echo from dash" >&3; read n <&3; exec 3>&-; cat commands/$n/wait commands/$n/stdout'
	[ "$status" = 0 ]
	same "${lines[1]}" "from dash"
}

@test "tail -f events works anywhere in the tree" {
	for directory in . backends/demo backends/demo/instances/one; do
		LIMIT=2 run in_sh 'cd "$1" && tail -n +1 -f events' "$directory"
		[ "$status" = 124 ]
		contains "$output" '"event":'
	done
}

@test "rmdir and fusermount3 -u end everything, in bounded time" {
	run timeout 20 bash -c 'cd ~/golem/backends/demo; cd; rmdir ~/golem/backends/demo; fusermount3 -u ~/golem'
	[ "$status" = 0 ]
	eventually 25 no_process_left
	! mountpoint -q "$M"
}
