#!/usr/bin/env bats
# Networks when the net API refuses, is silent or late, when yagna forgets them, and when golemfs crashes. Each test has
# a devnet and a golemfs of its own.

load harness
load network

# Many providers: one that was just left may still refuse, and then is left alone for long.
setup() { DEVNET_OPTIONS='--fast --providers 60' mount_start; }
teardown() {
	faults_clear
	mount_stop
}
# What is left in yagna; the devnet ends with the mount otherwise.
ends_clean() {
	# what belongs to a backend goes by itself meanwhile
	in_sh 'for b in backends/*/; do [ ! -e "$b/ctl" ] || rmdir "$b"; done; rmdir networks/*/ 2>/dev/null || :'
	becomes 20 0 eval 'nets | wc -l'
}
crash() {
	kill -9 "$DAEMON_PID"
	gone "$DAEMON_PID" 5
	fusermount3 -u -z "$M" 2>/dev/null || umount -l "$M"
	watchdog_stop
}
again() {
	daemon_start "$M" "$STATE"
	watchdog_start
	connected
	in_sh 'cat wait' >/dev/null
}

@test "R24: after a crash a private network goes on with its instances, and is gone after the stop" {
	backend b networking=10.24.0.0/24
	instance b i
	local id
	id=$(net_id b)
	crash
	again
	eventually 10 test -d "$M/backends/b/instances/i"
	same "$(in_sh 'cat backends/b/wait backends/b/instances/i/wait networks/b/wait')" $'ready\nready\nready'
	same "$(net_id b)" "$id"
	same "$(in_sh 'cat backends/b/instances/i/networks/b/ip; ls networks/b/nodes')" $'10.24.0.2\n10.24.0.2'
	same "$(ran backends/b/instances/i 'ping -c 1 -W 5 10.24.0.1 >/dev/null && echo heard')" heard
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait'
	same "$(nets)" ''
}

@test "R24: after a crash networks without instances are ended" {
	in_sh 'echo "create lan 10.24.1.0/24 client=yes" > networks/ctl'
	backend b networking=10.24.2.0/24
	same "$(nets | wc -l)" 2
	local other
	other=$(rest POST /net-api/v1/net '{"ip":"10.24.1.0","mask":"255.255.255.0"}' | jq -r .id)
	crash
	again
	becomes 10 "$other" eval 'nets | jq -r .id'
	rest DELETE "/net-api/v1/net/$other" >/dev/null
}

@test "nodes of instances that did not survive are taken out of a network that did" {
	backend b networking=10.24.3.0/24
	instance b i
	rest POST "/net-api/v1/net/$(net_id b)/nodes" '{"id":"0x00000000000000000000000000000000000000aa","ip":"10.24.3.9"}'
	crash
	again
	eventually 10 test -d "$M/backends/b/instances/i"
	becomes 10 $'10.24.3.1\n10.24.3.2' node_ips b
	ends_clean
}

@test "yagna restarts and forgets: networks are made again and nodes joined, and the instance is told" {
	backend b networking=10.50.0.0/24
	instance b i
	in_sh 'echo "create lan 10.50.1.0/24 client=yes" > networks/ctl'
	local before
	before=$(net_id b)
	rest POST /devnet/restart '{"down_ms":300}' >/dev/null
	eventually 20 grep -q 'forgotten it' "$M/networks/b/events"
	in_sh 'cat networks/wait' >/dev/null
	becomes 10 $'10.50.0.1\n10.50.0.2' node_ips b
	becomes 10 10.50.1.1 node_ips lan
	[ "$(net_id b)" != "$before" ]
	matches "$(cat "$M/backends/b/instances/i/error")" 'forgotten the network b.*reset'
	same "$(got backends/b/instances/i/ws/80)" EHOSTUNREACH
	same "$(in_sh 'echo reset > backends/b/instances/i/ctl; cat backends/b/instances/i/wait')" ready
	matches "$(got backends/b/instances/i/ws/80)" "/net/$(net_id b)/tcp/10.50.0.2/80"
	same "$(ran backends/b/instances/i 'ping -c 1 -W 5 10.50.0.1 >/dev/null && echo heard')" heard
	ends_clean
}

@test "a network deleted behind golemfs is made again at the next look" {
	backend b networking=10.50.2.0/24
	rest DELETE "/net-api/v1/net/$(net_id b)" >/dev/null
	in_sh 'echo refresh > networks/b/ctl; cat networks/b/wait'
	becomes 5 10.50.2.1 node_ips b
	ends_clean
}

@test "yagna refuses a network: create and start say so, and nothing is left" {
	fault '{"point":"refuse","method":"POST","route":"/net-api/v1/net","status":500,"body":"{\"message\":\"no\"}"}'
	same "$(wrote networks/ctl 'create lan 10.51.0.0/24\n')" EIO
	[ ! -e "$M/networks/lan" ]
	in_sh 'echo "create b networking=10.51.1.0/24" > backends/ctl'
	same "$(wrote backends/b/ctl 'start\n')" EIO
	same "$(in_sh 'cat backends/b/state'; ls "$M/networks")" $'error\nctl'
	in_sh 'mkdir networks/m'
	same "$(got networks/m/wait)" EIO
	same "$(cat "$M/networks/m/state")" error
	faults_clear
	same "$(in_sh 'echo stop > backends/b/ctl; cat backends/b/wait; echo start > backends/b/ctl; cat backends/b/wait')" $'stopped\nready'
	in_sh 'echo refresh > networks/m/ctl; cat networks/m/wait'
	ends_clean
}

@test "the answer to a creation is lost: the network is found, not made twice" {
	fault '{"point":"drop-after","method":"POST","route":"/net-api/v1/net","count":1}'
	in_sh 'echo "create lan 10.52.0.0/24" > networks/ctl; cat networks/lan/wait'
	same "$(nets | wc -l)" 1
	same "$(nets lan | jq -r .ip)" 10.52.0.0/24
	ends_clean
}

@test "a late net API: writes return, and wait tells the end" {
	fault '{"point":"delay","route":"/net-api/*","delay_ms":700}'
	in_sh 'mkdir networks/lan'
	same "$(cat "$M/networks/lan/state")" starting
	same "$(in_sh 'cat networks/lan/wait')" ready
	backend b networking=10.53.0.0/24
	instance b i
	same "$(cat "$M/backends/b/instances/i/networks/0/ip")" 10.53.0.2
	faults_clear
	ends_clean
}

@test "a node that yagna does not take once or twice is told again" {
	fault '{"point":"refuse","method":"POST","route":"/net-api/v1/net/{}/nodes","status":500,"count":2}'
	backend b networking=10.54.0.0/24
	fault '{"point":"refuse","method":"POST","route":"/net-api/v1/net/{}/nodes","status":500,"count":2}'
	instance b i
	same "$(cat "$M/backends/b/instances/i/state")" ready
	same "$(node_ips b)" $'10.54.0.1\n10.54.0.2'
	ends_clean
}

@test "a node that yagna never takes ends the deploy with yagna's words" {
	backend b networking=10.55.0.0/24
	fault '{"point":"refuse","method":"POST","route":"/net-api/v1/net/{}/nodes","status":400,"body":"{\"message\":\"not today\"}"}'
	in_sh 'mkdir backends/b/instances/i'
	same "$(got backends/b/instances/i/wait)" EIO
	contains "$(cat "$M/backends/b/instances/i/error")" 'not today'
	same "$(jq -s 'map(select(.event == "activityDeployError")) | length' "$M/backends/b/events")" 1
	faults_clear
	ends_clean
}

@test "a removal that fails is tried again" {
	backend b networking=10.56.0.0/24
	instance b i
	fault '{"point":"refuse","method":"DELETE","route":"/net-api/*","status":500,"count":3}'
	in_sh 'rmdir backends/b/instances/i'
	becomes 10 10.56.0.1 node_ips b
	fault '{"point":"drop-before","method":"DELETE","route":"/net-api/*","count":2}'
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait'
	same "$(nets)" ''
}

# at_every_call POINT: the fault once at each call of the net API; the same mount goes on, and leaves nothing.
at_every_call() {
	local point=$1 method route steps='GET /net-api/v1/net
POST /net-api/v1/net
POST /net-api/v1/net/{}/nodes
GET /net-api/v1/net/{}/nodes
DELETE /net-api/v1/net/{}/nodes/{}
DELETE /net-api/v1/net/{}'
	while read -r method route; do
		fault "{\"point\":\"$point\",\"method\":\"$method\",\"route\":\"$route\",\"count\":1}" >"$DIR/fault"
		matches "$(cat "$DIR/fault")" '^[0-9]+$'
		in_sh 'echo "create b networking=10.58.0.0/24" > backends/ctl; echo start > backends/b/ctl; mkdir backends/b/instances/i;
			cat backends/b/instances/i/wait; echo refresh > networks/b/ctl; rmdir backends/b/instances/i; cat networks/b/wait;
			rmdir backends/b; cat wait' >/dev/null 2>&1 || :
		kill -0 "$DAEMON_PID"
		faults_clear
		becomes 15 0 eval 'nets | wc -l' || {
			echo "$point at $method $route" >&2
			return 1
		}
		eventually 10 test ! -e "$M/networks/b"
	done <<<"$steps"
}

@test "a request to the net API that is lost once, at every call: the same mount goes on" { at_every_call drop-before; }
@test "an answer of the net API that is lost once" { at_every_call drop-after; }
@test "an answer of the net API that is no HTTP once" { at_every_call garbage; }
@test "an answer of the net API that is cut once" { at_every_call truncate; }
@test "an answer of the net API of another shape once" { at_every_call wrong-type; }

@test "unmounting leaves yagna with as many networks as before" {
	local other
	other=$(rest POST /net-api/v1/net '{"ip":"10.57.9.0","mask":"255.255.255.0"}' | jq -r .id)
	in_sh 'mkdir networks/lan; echo "create in 10.57.0.0/24 client=yes" > networks/ctl'
	backend b networking=10.57.1.0/24
	backend c networking=lan,in
	instance b i
	instance c i
	same "$(nets | wc -l)" 4
	fusermount3 -u "$M"
	gone "$DAEMON_PID" 20
	same "$(nets | jq -r .id)" "$other"
	rest DELETE "/net-api/v1/net/$other" >/dev/null
}

# Four networks and four backends at random, 200 times.
at_random() {
	LIMIT=$((50 * STRETCH)) in_python '
		import os, random, errno, sys
		dice = random.Random(int(sys.argv[1]))
		fine = {errno.EBUSY, errno.EEXIST, errno.ENOENT, errno.EINVAL, errno.ENOSPC, errno.EDQUOT, errno.ECANCELED,
			errno.ENODEV, errno.EIO}
		def attempt(what, *arguments):
			try:
				what(*arguments)
			except OSError as error:
				assert error.errno in fine, (error, arguments)
		def write(path, text):
			fd = os.open(path, os.O_WRONLY)
			try:
				os.write(fd, text.encode())
			finally:
				os.close(fd)
		def net(): return "n%d" % dice.randrange(4)
		def back(): return "b%d" % dice.randrange(4)
		def step():
			n, b, i = net(), back(), "i%d" % dice.randrange(3)
			deeds = [
				lambda: write("networks/ctl", "create %s client=%s\n" % (n, dice.choice(["yes", "no"]))),
				lambda: os.mkdir(f"networks/{n}"),
				lambda: os.rmdir(f"networks/{n}"),
				lambda: write("networks/ctl", f"destroy {n} force\n"),
				lambda: write(f"networks/{n}/client", dice.choice(["yes\n", "no\n"])),
				lambda: write("networks/ctl", "refresh\n"),
				lambda: write("backends/ctl", "create %s networking=%s\n" % (b, dice.choice(["yes", "n0,n1", n]))),
				lambda: write(f"backends/{b}/ctl", "start\n"),
				lambda: write(f"backends/{b}/ctl", "start\n"),
				lambda: write(f"backends/{b}/ctl", "stop\n"),
				lambda: os.rmdir(f"backends/{b}"),
				lambda: os.mkdir(f"backends/{b}/instances/{i}"),
				lambda: os.mkdir(f"backends/{b}/instances/{i}"),
				lambda: os.rmdir(f"backends/{b}/instances/{i}"),
			]
			attempt(dice.choice(deeds))
		for _ in range(200):
			step()
	' "$1"
}

@test "whatever two make, join, leave, stop and remove in any order: tree and yagna hold the same" {
	local seed=${GOLEMFS_SEED:-$RANDOM}
	echo "GOLEMFS_SEED=$seed" >&2
	at_random "$seed" &
	at_random "$((seed + 1))"
	wait $!
	in_sh 'cat wait networks/wait' >/dev/null 2>&1 || :
	becomes 20 "$(ls "$M/networks" | grep -vx ctl | sort | tr '\n' ' ')" eval "net_names | sort | tr '\n' ' '"
	ends_clean
}
