#!/usr/bin/env bats
# Each errno of the contract, from the situation that causes it, with its sentence in `error`.

load harness

setup_file() {
	mount_start
	backend b max_instances=2
	instance b one
}
teardown_file() { mount_stop; }

@test "EINVAL: syntax, unknown keys, values out of range" {
	refused EINVAL backends/ctl 'wibble\n' wibble
	refused EINVAL backends/ctl 'create w min_cpu_threads=-1\n' min_cpu_threads
	refused EINVAL backends/b/ctl 'set nokey 1\n' nokey
	refused EINVAL backends/b/instances/ctl 'create count=none\n' count
}

@test "EINVAL: names" {
	for name in yes no all new state error 'a b' 'a\tb' '-x' '.x'; do
		same "$name $(called mkdir "backends/$name")" "$name EINVAL"
	done
	matches "$(tail -n 1 "$M/error")" 'name'
	for name in ctl wait any; do same "$name $(called mkdir "backends/$name")" "$name EEXIST"; done
}

@test "ENAMETOOLONG: names of more than 63 bytes; 63 are fine" {
	long=$(printf 'n%.0s' $(seq 63))
	same "$(called mkdir "backends/$long")" ok
	same "$(called rmdir "backends/$long")" ok
	for count in 64 255; do
		name=$(printf 'n%.0s' $(seq $count))
		matches "$(called mkdir "backends/$name")" '^(ENAMETOOLONG|EINVAL)$'
	done
	for count in 256 1024 3000; do
		name=$(printf 'n%.0s' $(seq $count))
		matches "$(called stat "backends/$name")" '^(ENAMETOOLONG|ENOENT)$'
	done
}

@test "EEXIST: the name is taken" {
	same "$(called mkdir backends/b)" EEXIST
	refused EEXIST backends/ctl 'create b\n' '"?b"?'
	refused EEXIST backends/b/instances/ctl 'create one\n' one
}

@test "ENOENT: the name is not there" {
	same "$(called stat backends/nobody)" ENOENT
	same "$(called rmdir backends/nobody)" ENOENT
	refused ENOENT backends/ctl 'destroy nobody\n' nobody
	refused ENOENT backends/b/instances/ctl 'destroy nobody\n' nobody
	same "$(called stat backends/b/instances/one/commands/999)" ENOENT
}

@test "EBUSY: started already" { refused EBUSY backends/b/ctl 'start\n' '(start|ready)'; }

@test "EBUSY: an instance of a backend that is not started" {
	in_sh 'mkdir backends/idle'
	same "$(called mkdir backends/idle/instances/i)" EBUSY
	refused EBUSY backends/idle/instances/ctl 'create i\n' '(start|initial)'
	in_sh 'rmdir backends/idle'
}

@test "EBUSY: a setting of a backend that is started" {
	refused EBUSY backends/b/config/image 'golem/alpine:3\n' image
	refused EBUSY backends/b/ctl 'set min_mem_gib 2\n' min_mem_gib
}

@test "EBUSY: forgetting a command that has not ended" {
	in_sh 'cd backends/b/instances/one; echo "sleep 5" > run'
	n=$(basename "$(readlink "$M/backends/b/instances/one/last")")
	same "$(called rmdir "backends/b/instances/one/commands/$n")" EBUSY
}

@test "EDQUOT: more instances than max_instances" {
	instance b two
	same "$(called mkdir backends/b/instances/three)" EDQUOT
	refused EDQUOT backends/b/instances/ctl 'create three\n' max_instances
	in_sh 'rmdir backends/b/instances/two'
}

@test "EPERM: rename, link, unlink and chmod of control files" {
	same "$(called unlink backends/b/state)" EPERM
	same "$(called unlink backends/b/ctl)" EPERM
	same "$(called rename backends/b backends/c)" EPERM
	same "$(called rename backends/b/state backends/b/state2)" EPERM
	same "$(called link backends/b/state backends/b/other)" EPERM
	same "$(called symlink /etc/passwd backends/b/other)" EPERM
	same "$(called chmod backends/b/state 511)" EPERM
	[ -d "$M/backends/b" ]
}

@test "rm -rf of what is mounted removes no control file and ends in an error" {
	run in_sh 'rm -rf backends/b/config backends/b/ctl'
	[ "$status" != 0 ]
	[ -f "$M/backends/b/ctl" ]
	[ -f "$M/backends/b/config/image" ]
}

@test "nobody can make files, or directories where none belong" {
	run in_sh 'echo x > newfile'
	[ "$status" != 0 ]
	run in_sh 'mkdir newdirectory'
	[ "$status" != 0 ]
	run in_sh 'mkdir backends/b/config/newdirectory'
	[ "$status" != 0 ]
	same "$(called mknod newnode 4480)" EPERM
}

@test "ETIMEDOUT: no acceptable offer within rent_timeout" {
	backend dear max_start_price=0.000000001 max_cpu_per_hour_price=0.000000001 \
		max_env_per_hour_price=0.000000001 rent_timeout=2
	in_sh 'mkdir backends/dear/instances/i'
	same "$(got backends/dear/instances/i/wait)" ETIMEDOUT
	same "$(cat "$M/backends/dear/instances/i/state")" error
	contains "$(cat "$M/backends/dear/error" "$M/backends/dear/instances/i/error")" rent_timeout
	in_sh 'rmdir backends/dear'
}

@test "ECANCELED: what was waited for is stopped" {
	in_sh 'cat backends/b/instances/one/commands/wait >/dev/null' || :
	backend c max_start_price=0.000000001 max_cpu_per_hour_price=0.000000001 max_env_per_hour_price=0.000000001
	in_sh 'mkdir backends/c/instances/i'
	(got backends/c/instances/i/wait >"$DIR/waited") &
	reader=$!
	eventually 5 parked
	in_sh ': > backends/c/abort'
	wait "$reader"
	same "$(cat "$DIR/waited")" ECANCELED
	in_sh 'rmdir backends/c'
}
parked() { pgrep -f "syscall.py read backends/c" >/dev/null; }

@test "error keeps the last sixteen refusals, below it and above it, with time, pid, text and sentence" {
	for i in $(seq 20); do wrote backends/b/ctl "bogus$i\n" >/dev/null; done
	for file in backends/b/error backends/error error; do
		[ -e "$M/$file" ] || continue
		same "$file $(grep -vc '^#' "$M/$file")" "$file 16"
		contains "$(tail -n 1 "$M/$file")" bogus20
		matches "$(tail -n 1 "$M/$file" | cut -f1)" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T'
		matches "$(tail -n 1 "$M/$file" | cut -f2)" '^[0-9]+$'
	done
}

@test "a success clears no error" {
	wrote backends/b/ctl 'bogus\n' >/dev/null
	in_sh 'echo "set max_instances 3" > backends/b/ctl'
	contains "$(tail -n 1 "$M/backends/b/error")" bogus
}

@test "what is shown of bad text has no control characters" {
	wrote backends/b/ctl 'bo\033[31mgus\007\n' >/dev/null
	! grep -q $'[\033\007]' "$M/backends/b/error"
	contains "$(tail -n 1 "$M/backends/b/error")" gus
}
