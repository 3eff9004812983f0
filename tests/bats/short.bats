#!/usr/bin/env bats
# One rental from the mount to the unmount, short enough for valgrind.

load harness

setup_file() { mount_start; }
teardown_file() { mount_stop; }

@test "a rental, two commands, a refusal, a failed deploy, a stop" {
	backend b
	instance b one
	same "$(ran backends/b/instances/one 'echo out; echo err >&2')" out
	run ran backends/b/instances/one 'exit 3'
	same "$status" 3
	same "$(wrote backends/ctl 'nonsense\n')" EINVAL
	fault '{"point":"deploy","count":1}' >/dev/null
	in_sh 'mkdir backends/b/instances/bad'
	same "$(got backends/b/instances/bad/wait)" EIO
	in_sh 'find . -type f -exec cat {} + >/dev/null'
	in_sh 'rmdir backends/b/instances/one; echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
}

@test "a mount that is left with an instance and a running command" {
	backend c
	instance c one
	in_sh 'echo "sleep 100" > backends/c/instances/one/run'
	same "$(cat "$M/backends/c/state")" ready
}
