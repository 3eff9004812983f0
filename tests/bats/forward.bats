#!/usr/bin/env bats
# Ports of this machine that lead into instances, over both carriers.

load harness
load network

setup_file() {
	export SUITE_LIMIT=300
	mount_start
	backend near networking=10.60.0.0/24
	backend far
	instance near i
	instance far i
	serve backends/near/instances/i 8080
	serve backends/far/instances/i 8081
	becomes 10 websocket carrier
}
teardown_file() { mount_stop; }

# carrier: what the line of the near instance goes through at present.
carrier() {
	in_sh 'cd backends/near/instances/i; exec 3<>forward; echo 0:8080 >&3; read port <&3; sed -n "s/^$port\t.*\t//p" forward; echo "-$port" > forward'
}
# forwarded FILE LINE: the port that the line has made.
forwarded() { in_sh 'exec 3<>"$1"; echo "$2" >&3; read port <&3; echo "$port"' "$1" "$2"; }
client() { timeout $((50 * STRETCH)) "$PYTHON" "$TOP/tests/bats/forward.py" "$@"; }
columns() { awk -F'\t' -v port="$2" '$1 == port { print $2, $3, $4, $5, $6 }' "$M/$1"; }

@test "bytes go both ways and come back the same, with half-close, and the listing counts them" {
	local port
	port=$(forwarded backends/near/instances/i/forward 0:8080)
	same "$(client echo "$port" 3000000)" True
	becomes 5 '127.0.0.1:8080 0 3000000 3000000 websocket' columns backends/near/instances/i/forward "$port"
}

@test "without a network it goes through requests, as exactly" {
	local port
	port=$(forwarded backends/far/instances/i/forward 0:8081)
	same "$(client echo "$port" 2000000)" True
	becomes 5 '127.0.0.1:8081 0 2000000 2000000 requests' columns backends/far/instances/i/forward "$port"
}

@test "random transfers with resets among them: all sums are right" {
	same "$(client transfers "$(forwarded backends/near/instances/i/forward 0:8080)" 300)" '[]'
}

@test "five hundred connections are open at the same time" {
	same "$(client together "$(forwarded backends/near/instances/i/forward 0:8080)" 500)" 500
}

@test "a reader that is slow holds up the writer, not golemfs, and gets every byte" {
	local port before after
	ran backends/near/instances/i "$PYTHON -c '
import socket, os
s = socket.create_server((\"0.0.0.0\", 8090))
if os.fork():
    os._exit(0)
for fd in 0, 1, 2:
    os.close(fd)
c, _ = s.accept()
c.sendall(b\"abcdefghij\" * 4000000)
'"
	port=$(forwarded backends/near/instances/i/forward 0:8090)
	before=$(awk '/VmRSS/ { print $2 }' "/proc/$DAEMON_PID/status")
	same "$(client slow "$port")" "$("$PYTHON" -c 'import hashlib; print(hashlib.sha256(b"abcdefghij" * 4000000).hexdigest())')"
	after=$(awk '/VmHWM/ { print $2 }' "/proc/$DAEMON_PID/status")
	[ $((after - before)) -lt 20000 ]
}

@test "a connection to nobody is reset" {
	same "$(client refused "$(forwarded backends/near/instances/i/forward 0:9)")" ConnectionResetError
}

@test "datagrams go to a UDP port and back, each in one piece" {
	ran backends/near/instances/i "$PYTHON -c '
import socket, os
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"0.0.0.0\", 8053))
if os.fork():
    os._exit(0)
for fd in 0, 1, 2:
    os.close(fd)
while True:
    d, a = s.recvfrom(65536)
    s.sendto(d, a)
'"
	same "$(client datagrams "$(forwarded backends/near/instances/i/forward 0:8053/udp)" 100)" 100
}

@test "networks/N/forward leads to a node by its name and by its address" {
	same "$(client echo "$(forwarded networks/near/forward 0:i:8080)" 100000)" True
	same "$(client echo "$(forwarded networks/near/forward 0:10.60.0.2:8080)" 100000)" True
	refused ENOENT networks/near/forward '0:nobody:80\n' 'nobody in this network'
	refused EINVAL networks/near/forward '0:80\n' 'LOCALPORT:NODE:PORT'
}

@test "lines that make no sense are refused with a sentence, a port that is taken is EADDRINUSE" {
	local port
	port=$(forwarded backends/far/instances/i/forward 0:8081)
	refused EADDRINUSE backends/near/instances/i/forward "$port:80\n" "port $port of this machine"
	refused EINVAL backends/near/instances/i/forward '8080\n' 'LOCALPORT:PORT'
	refused EINVAL backends/near/instances/i/forward '0:0\n' 'no port'
	refused EINVAL backends/near/instances/i/forward '65536:80\n' 'no port'
	refused EINVAL backends/near/instances/i/forward '0:example.org:80\n' 'no address'
	refused EINVAL backends/near/instances/i/forward '0:80/sctp\n' 'neither /tcp nor /udp'
	refused EINVAL backends/near/instances/i/forward '0:80 0:81\n' 'too much'
	refused ENOENT backends/near/instances/i/forward '-1\n' 'not forwarded here'
}

@test "a port that is ended is free again, and its connections are over" {
	local port
	port=$(forwarded backends/near/instances/i/forward 0:8080)
	in_sh 'echo "-$1" > backends/near/instances/i/forward' "$port"
	same "$(client refused "$port")" ConnectionRefusedError
	same "$(columns backends/near/instances/i/forward "$port")" ''
}

@test "a reset ends the connections and keeps the port" {
	local port
	backend again networking=10.61.0.0/24
	instance again i
	port=$(forwarded backends/again/instances/i/forward 0:8080)
	in_sh 'echo reset > backends/again/instances/i/ctl; cat backends/again/instances/i/wait'
	serve backends/again/instances/i 8080
	same "$(client echo "$port" 100000)" True
	in_sh 'rmdir backends/again/instances/i'
	same "$(client refused "$port")" ConnectionRefusedError
}
