#!/usr/bin/env bats
# The private networks of golem-devnet: packets between instances, and what a client gets of them through websockets.
# Each test is a scenario of devnet_net.py, which speaks the REST API alone.

load harness

setup_file() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/golemfs-test.XXXXXX")
	export DIR
	devnet_start --fast --work-dir "$DIR/work"
}
teardown_file() {
	devnet_stop
	[ -z "$(ls -A "$DIR/work")" ] && sanitizers_silent && rm -rf --one-file-system "$DIR"
}
teardown() { faults_clear; }

scenario() { timeout $((50 * STRETCH)) "$PYTHON" "$TOP/tests/bats/devnet_net.py" "$1"; }

@test "two instances ping each other and the requestor, and nobody else" { scenario ping; }
@test "two instances exchange 8 MiB by TCP, and datagrams" { scenario tcp_and_udp; }
@test "instances know each other by the names of the deployment" { scenario names; }
@test "networks of the same range are apart" { scenario separation; }
@test "an instance in two networks has one interface with two addresses and joins them not" { scenario two_networks; }
@test "a server of an instance is reached through a websocket, which pings every 5 s" { scenario websocket; }
@test "a frame over 64 KiB or a fragment ends the websocket" { scenario frames; }
@test "of a hundred messages at once some are overtaken, one at a time never is" { scenario order; }
@test "from the instance everything comes in its order" { scenario download; }
@test "no close is passed on to the instance; its own shows late, a reset at once" { scenario closes; }
@test "a node removed, an activity gone are silence; the end of the network ends its websockets" { scenario silence; }
@test "nobody answers: 504 after 5 s; no listener: 400 at once" { scenario nobody; }
@test "impossible addresses and ports are refused in the daemon's words" { scenario refusals; }
@test "an IPv6 target kills its network and no other" { scenario ipv6; }
@test "the second activity of a provider in a network gets nothing until it is deployed again" { scenario second_activity; }
@test "an instance deployed again is reached at once" { scenario redeployed; }
@test "a taken address is not bound anew" { scenario taken_address; }
@test "a restart forgets the networks, the instances do not" { scenario restart; }
@test "another address of the requestor answers too" { scenario addresses; }
@test "a packet of the requestor teaches the way back to it" { scenario learning; }
@test "what an instance does not read yet is taken all the same" { scenario pressure; }
@test "a websocket can be cut or silenced on purpose" { scenario broken; }
@test "frames of any shape harm nobody" { scenario garbage; }
@test "a hundred websockets at once keep their bytes apart" { scenario many; }

@test "a devnet that is killed leaves no process of its networks" {
	"$DEVNET" --listen 127.0.0.1:0 --appkey "$APPKEY" --fast --work-dir "$DIR/killed" >"$DIR/killed.log" 2>&1 3>&- &
	local pid=$! children
	eventually 10 grep -q '^listening' "$DIR/killed.log"
	URL=$(sed -n 's/^listening on //p' "$DIR/killed.log") "$PYTHON" - <<-EOF
		import sys
		sys.path.insert(0, "$TOP/tests/bats")
		from devnet_net import *
		network, a = Network("10.20.9.0/24"), Instance()
		network.add(2, a.node)
		a.deploy(network.part(2))
	EOF
	children=$(pgrep -P "$pid")
	[ "$(wc -w <<<"$children")" = 2 ]
	kill -9 "$pid"
	for pid in $children; do eventually 5 not kill -0 "$pid"; done
	rm -rf "$DIR/killed"
}

@test "networks need no root" {
	local open=$DIR/open as='' pid url
	mkdir -m 777 "$open"
	chmod 755 "$DIR"
	install -m 755 "$DEVNET" "$open/golem-devnet"
	[ "$(id -u)" != 0 ] || as='setpriv --reuid=65534 --regid=65534 --clear-groups'
	$as "$open/golem-devnet" --listen 127.0.0.1:0 --appkey "$APPKEY" --fast --work-dir "$open/work" \
		>"$DIR/open.out" 2>"$DIR/open.log" 3>&- &
	pid=$!
	eventually 10 grep -q '^listening' "$DIR/open.out"
	url=$(sed -n 's/^listening on //p' "$DIR/open.out")
	URL=$url scenario separation
	URL=$url scenario two_networks
	kill "$pid"
	wait "$pid"
	rm -rf "$open"
}

@test "where the kernel gives no network namespace a deployment into a network says so" {
	unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"' sh "$DEVNET" --listen 127.0.0.1:0 \
		--appkey "$APPKEY" --fast --work-dir "$DIR/refused" >"$DIR/refused.out" 2>"$DIR/refused.err" 3>&- &
	local pid=$!
	eventually 10 grep -q '^listening' "$DIR/refused.out"
	URL=$(sed -n 's/^listening on //p' "$DIR/refused.out") scenario refused_namespaces
	kill "$pid"
	wait "$pid"
	grep -q 'refuses namespaces' "$DIR/refused.err"
	grep -q 'no private network reaches the requestor' "$DIR/refused.err"
	rm -rf "$DIR/refused"
}
not() { ! "$@" 2>/dev/null; }
