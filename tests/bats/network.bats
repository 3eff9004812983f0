#!/usr/bin/env bats
# Private networks: one test per line of the use-cases R23 to R49, named with its number; then what is refused.

load harness
load network

setup_file() {
	export SUITE_LIMIT=400
	# A provider that was just left may still refuse, and then is left alone for long.
	DEVNET_OPTIONS='--fast --providers 60' mount_start
	backend pair networking=10.20.0.0/24 image=golem/alpine:latest
	instance pair one
	instance pair two
	serve backends/pair/instances/one 8080
}
teardown_file() { mount_stop; }

@test "R23: a range on the backend is all that instances need to talk to each other" {
	same "$(nets pair | jq -r .ip)" 10.20.0.0/24
	same "$(ran backends/pair/instances/one 'ping -c 1 -W 5 10.20.0.3 >/dev/null && echo heard')" heard
	same "$(ran backends/pair/instances/two 'ping -c 1 -W 5 10.20.0.2 >/dev/null && echo heard')" heard
}

@test "R24: the backend makes its network at start and removes it at stop, again and again" {
	backend c24 networking=10.24.0.0/24
	same "$(nets c24 | jq -r .ip)" 10.24.0.0/24
	in_sh 'echo stop > backends/c24/ctl; cat backends/c24/wait; [ ! -e networks/c24 ] && echo start > backends/c24/ctl; cat backends/c24/wait'
	same "$(nets c24 | jq -r .ip)" 10.24.0.0/24
	in_sh 'rmdir backends/c24'
	becomes 5 pair net_names
}

@test "R25: the client is in a private network at .1, and out of a shared one unless asked for" {
	same "$(cat "$M/networks/pair/client")" yes
	contains "$(node_ips pair)" 10.20.0.1
	in_sh 'echo "create out25 10.25.0.0/24" > networks/ctl; echo "create in25 10.25.1.0/24 client=yes" > networks/ctl'
	same "$(in_sh 'cat networks/out25/client networks/in25/wait networks/in25/client')" $'no\nready\nyes'
	becomes 5 '' node_ips out25
	becomes 5 10.25.1.1 node_ips in25
	in_sh 'echo yes > networks/out25/client; cat networks/out25/wait'
	same "$(node_ips out25)" 10.25.0.1
	in_sh 'echo no > networks/out25/client; cat networks/out25/wait'
	becomes 5 '' node_ips out25
	in_sh 'rmdir networks/out25 networks/in25'
}

@test "R26: every instance has an address of its own before it is ready; a freed one is used again; full is ENOSPC" {
	backend b26 networking=10.26.0.0/29
	in_sh 'echo "create count=5" > backends/b26/instances/ctl; cat backends/b26/instances/wait >/dev/null'
	same "$(cat "$M"/backends/b26/instances/*/networks/b26/ip | tr '\n' ' ')" \
		"10.26.0.2 10.26.0.3 10.26.0.4 10.26.0.5 10.26.0.6 "
	refused ENOSPC backends/b26/instances/ctl 'create more\n' 'no address is free in the network b26'
	same "$(ls "$M/backends/b26/instances" | wc -l)" 6
	in_sh 'rmdir backends/b26/instances/3; cat networks/b26/wait; mkdir backends/b26/instances/again'
	same "$(in_sh 'cat backends/b26/instances/again/wait backends/b26/instances/again/networks/0/ip')" $'ready\n10.26.0.4'
	in_sh 'rmdir backends/b26'
}

@test "R26: an address can be chosen" {
	refused EINVAL backends/pair/instances/ctl 'create x ip=10.21.0.9\n' 'in no network'
	refused EINVAL backends/pair/instances/ctl 'create x ip=10.20.0.1\n' 'not an address for instances'
	refused EINVAL backends/pair/instances/ctl 'create x ip=10.20.0.255\n' 'not an address for instances'
	refused EEXIST backends/pair/instances/ctl 'create x ip=10.20.0.2\n' 'is taken'
	in_sh 'echo "create x ip=10.20.0.77" > backends/pair/instances/ctl; cat backends/pair/instances/x/wait'
	same "$(cat "$M/backends/pair/instances/x/networks/pair/ip")" 10.20.0.77
	contains "$(node_ips pair)" 10.20.0.77
	in_sh 'rmdir backends/pair/instances/x'
}

@test "R27: yes is a range that nobody uses, neither yagna nor this machine" {
	local other cidr
	other=$(rest POST /net-api/v1/net '{"ip":"10.100.0.0","mask":"255.255.0.0"}' | jq -r .id)
	backend b27 networking=yes
	cidr=$(cat "$M/networks/b27/cidr")
	matches "$cidr" '^10\.[0-9.]+/24$'
	[[ $cidr != 10.100.* ]]
	instance b27 i
	matches "$(cat "$M/backends/b27/instances/i/ws/80")" '^ws://.*/tcp/10\.[0-9.]+/80$'
	in_sh 'rmdir backends/b27'
	rest DELETE "/net-api/v1/net/$other"
}

@test "R28: a server bound to 0.0.0.0 is reached through the URL" {
	same "$(ws_says "$(cat "$M/backends/pair/instances/one/ws/8080")" hello)" hello
}

@test "R29: without the client instances reach each other, and the URL is refused with its reason" {
	in_sh 'echo "create quiet 10.29.0.0/24" > networks/ctl'
	backend b29 networking=quiet
	instance b29 one
	instance b29 two
	same "$(ran backends/b29/instances/one 'ping -c 1 -W 5 10.29.0.3 >/dev/null && echo heard')" heard
	same "$(got networks/quiet/ws/80)" ENETUNREACH
	contains "$(tail -n 1 "$M/networks/quiet/error")" 'client not connected to network quiet'
	same "$(got backends/b29/instances/one/ws/80)" ENETUNREACH
	contains "$(tail -n 1 "$M/backends/b29/instances/one/error")" 'client not connected to network quiet'
	same "$(node_ips quiet)" $'10.29.0.2\n10.29.0.3'
	in_sh 'rmdir backends/b29; rmdir networks/quiet'
}

@test "R30: the same setting works in a backend described in one line" {
	in_sh 'echo "create b30 networking=10.30.0.0/24 min_mem_gib=1" > backends/ctl; echo start > backends/b30/ctl; cat backends/b30/wait'
	same "$(cat "$M/networks/b30/cidr")" 10.30.0.0/24
	in_sh 'rmdir backends/b30'
}

@test "R31: a network that is there is taken by its name or by yagna's id" {
	in_sh 'echo "create lan31 10.31.0.0/24" > networks/ctl'
	backend name31 networking=lan31
	backend id31 "networking=$(net_id lan31)"
	instance name31 i
	instance id31 i
	same "$(ls "$M/networks/lan31/nodes" | tr '\n' ' ')" "10.31.0.2 10.31.0.3 "
	same "$(ls "$M/backends/id31/instances/i/networks")" lan31
	in_sh 'rmdir backends/name31 backends/id31; rmdir networks/lan31'
}

@test "R32: stop removes the private network and leaves a shared one" {
	in_sh 'echo "create lan32 10.32.0.0/24" > networks/ctl'
	backend shared32 networking=lan32
	backend private32 networking=10.32.1.0/24
	instance shared32 i
	in_sh 'for b in shared32 private32; do echo stop > backends/$b/ctl; cat backends/$b/wait; done'
	[ ! -e "$M/networks/private32" ]
	same "$(cat "$M/networks/lan32/state")" ready
	same "$(nets lan32 | jq -r .ip)" 10.32.0.0/24
	becomes 5 '' node_ips lan32
	in_sh 'rmdir backends/shared32 backends/private32; rmdir networks/lan32'
}

@test "R33: removing a network that is in use is EBUSY, force takes it from its instances" {
	in_sh 'echo "create lan33 10.33.0.0/24" > networks/ctl'
	backend b33 networking=lan33
	instance b33 i
	local id
	id=$(net_id lan33)
	same "$(called rmdir networks/lan33)" EBUSY
	refused EBUSY networks/ctl 'destroy lan33\n' 'in the network lan33'
	same "$(wrote networks/lan33/ctl 'destroy now\n')" EINVAL
	in_sh 'echo "destroy lan33 force" > networks/ctl'
	[ ! -e "$M/networks/lan33" ]
	same "$(ls "$M/backends/b33/instances/i/networks")" ''
	same "$(rest GET /net-api/v1/net | jq -r '.[].id' | grep -c "$id")" 0
	same "$(cat "$M/backends/b33/instances/i/state")" ready
	refused ENOENT backends/b33/instances/ctl 'create j\n' 'lan33 is gone'
	in_sh 'rmdir backends/b33'
}

@test "R34: two backends in one network reach each other, in two they do not" {
	in_sh 'echo "create lan34 10.34.0.0/24" > networks/ctl; echo "create far34 10.34.1.0/24" > networks/ctl'
	backend a34 networking=lan34
	backend b34 networking=lan34 min_mem_gib=0.6
	backend c34 networking=far34
	instance a34 i
	instance b34 i
	instance c34 i
	same "$(ran backends/a34/instances/i 'ping -c 1 -W 5 10.34.0.3 >/dev/null && echo heard')" heard
	! ran backends/c34/instances/i 'ping -c 1 -W 1 10.34.0.2 >/dev/null'
	in_sh 'rmdir backends/a34 backends/b34 backends/c34; rmdir networks/lan34 networks/far34'
}

@test "R35: create makes a network by name, with and without the client" {
	same "$(in_sh 'exec 3<>networks/ctl; echo "create n35 10.35.0.0/24 client=yes" >&3; read -r n <&3; echo "$n"')" n35
	in_sh 'mkdir networks/m35; cat networks/m35/wait'
	same "$(in_sh 'cat networks/n35/client networks/m35/client')" $'yes\nno'
	matches "$(cat "$M/networks/m35/cidr")" '/24$'
	same "$(cat "$M/networks/n35/owner")" golemfs
	in_sh 'rmdir networks/n35 networks/m35'
}

@test "R36: an instance in two networks has an address in each, and URLs through those the client is in" {
	in_sh 'echo "create in36 10.36.0.0/24 client=yes" > networks/ctl; echo "create out36 10.36.1.0/24" > networks/ctl'
	backend b36 networking=out36,in36
	instance b36 i
	same "$(ls -U "$M/backends/b36/instances/i/networks" | tr '\n' ' ')" "out36 in36 "
	same "$(cat "$M"/backends/b36/instances/i/networks/{out36,in36}/ip | tr '\n' ' ')" "10.36.1.2 10.36.0.2 "
	matches "$(cat "$M/backends/b36/instances/i/networks/in36/ws/80")" '/tcp/10.36.0.2/80$'
	same "$(got backends/b36/instances/i/networks/out36/ws/80)" ENETUNREACH
	same "$(got backends/b36/instances/i/ws/80)" ENETUNREACH
	contains "$(ran backends/b36/instances/i 'ip -4 addr')" 10.36.1.2
	contains "$(ran backends/b36/instances/i 'ip -4 addr')" 10.36.0.2
	in_sh 'rmdir backends/b36; rmdir networks/in36 networks/out36'
}

@test "R37: a network is found by its name from another process" {
	in_sh 'echo "create lan37 10.37.0.0/24" > networks/ctl'
	same "$(timeout 5 cat "$M/networks/lan37/cidr")" 10.37.0.0/24
	same "$(timeout 5 "$PYTHON" -c 'import sys; print(open(sys.argv[1]).read(), end="")' "$M/networks/lan37/state")" ready
	in_sh 'rmdir networks/lan37'
}

@test "R38: destroying an instance takes its node out of every network at once" {
	in_sh 'echo "create a38 10.38.0.0/24" > networks/ctl; echo "create b38 10.38.1.0/24" > networks/ctl'
	backend b 'networking=a38,b38'
	instance b i
	same "$(node_ips a38) $(node_ips b38)" "10.38.0.2 10.38.1.2"
	in_sh 'rmdir backends/b/instances/i'
	becomes 3 ' ' both_node_ips a38 b38
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait; rmdir backends/b; rmdir networks/a38 networks/b38; cat networks/wait' >/dev/null
	becomes 5 pair net_names
}

@test "R39: one network needs no step beside the setting" {
	in_sh 'mkdir backends/b39; echo 10.39.0.0/24 > backends/b39/config/networking; echo start > backends/b39/ctl; cat backends/b39/wait'
	same "$(cat "$M/networks/b39/state")" ready
	in_sh 'rmdir backends/b39'
}

@test "R40: a file per port gives the URL, and the app key is no part of it" {
	local url
	url=$(cat "$M/backends/pair/instances/two/ws/9000")
	same "$url" "ws://${URL#http://}/net-api/v1/net/$(net_id pair)/tcp/10.20.0.3/9000"
	same "$(ls "$M/backends/pair/instances/two/ws")" ''
	same "$(cat "$M/networks/pair/ws/9000" | wc -l)" 2
	same "$(stat -c %s "$M/backends/pair/instances/two/ws/9000")" $((${#url} + 1))
}

@test "R41: ports that are none do not exist; who is gone is EHOSTUNREACH" {
	for port in 0 65536 http 080 -1 1x; do
		same "$(got "backends/pair/instances/one/ws/$port")" ENOENT
		same "$(got "networks/pair/ws/$port")" ENOENT
	done
	[ -n "$(got networks/pair/ws/65535)" ]
	instance pair gone
	in_sh 'echo stop > backends/pair/instances/gone/ctl; cat backends/pair/instances/gone/wait'
	same "$(got backends/pair/instances/gone/ws/80)" EHOSTUNREACH
	contains "$(tail -n 1 "$M/backends/pair/instances/gone/error")" 'stopped'
	same "$(wc -l <"$M/networks/pair/ws/80")" 2
	in_sh 'rmdir backends/pair/instances/gone'
}

@test "R42: the short path is the first network" {
	same "$(cat "$M/backends/pair/instances/one/ws/80")" "$(cat "$M/backends/pair/instances/one/networks/0/ws/80")"
	same "$(readlink -f "$M/backends/pair/instances/one/network")" "$M/networks/pair"
}

@test "R43 R44 R46: position, id and name lead to the same network" {
	local name at=$M/backends/pair/instances/two/networks
	for name in pair 0 "$(net_id pair)"; do
		same "$(cat "$at/$name/id" "$at/$name/ip")" "$(net_id pair)"$'\n10.20.0.3'
		matches "$(cat "$at/$name/ws/80")" '/tcp/10.20.0.3/80$'
	done
	for name in 1 00 none; do same "$(got "backends/pair/instances/two/networks/$name/ip")" ENOENT; done
}

@test "R45: instance and network link to each other" {
	same "$(readlink -f "$M/backends/pair/instances/two/networks/pair/network")" "$M/networks/pair"
	same "$(readlink -f "$M/networks/pair/nodes/10.20.0.3")" "$M/backends/pair/instances/two"
	same "$(cat "$M/networks/pair/nodes/10.20.0.2/networks/pair/ip")" 10.20.0.2
	! ls "$M/backends/pair/instances/two" | grep -qx network
}

@test "R47: what is shown is the present, and the age of what yagna said is told" {
	in_sh 'echo refresh > networks/pair/ctl'
	awk '{ exit !($1 < 5) }' "$M/networks/pair/age"
	in_sh 'echo no > networks/pair/client'
	same "$(cat "$M/networks/pair/client")" no
	same "$(got networks/pair/ws/80)" ENETUNREACH
	in_sh 'echo yes > networks/pair/client; cat networks/pair/wait'
	matches "$(got networks/pair/ws/80)" '^ws://'
}

@test "R48: a node that comes or goes wakes who polls, and is an event" {
	in_python '
		import os, select, subprocess
		fd = os.open("networks/pair/events", os.O_RDONLY)
		while os.read(fd, 65536):
			pass
		poll = select.poll()
		poll.register(fd, select.POLLIN)
		assert poll.poll(0) == [], "nothing has happened yet"
		os.mkdir("backends/pair/instances/late")
		assert poll.poll(10000), "nodeAdded wakes"
		assert b"nodeAdded" in os.read(fd, 65536)
		open("backends/pair/instances/late/wait").read()
		os.rmdir("backends/pair/instances/late")
		assert poll.poll(10000), "nodeRemoved wakes"
		assert b"nodeRemoved" in os.read(fd, 65536)
	'
	local event
	for event in networkCreated clientJoined clientLeft nodeAdded nodeRemoved; do
		grep -q "\"$event\"" "$M/events"
	done
}

@test "R49: refresh reads yagna anew and puts right what differs" {
	local id provider
	id=$(net_id pair)
	provider=$(cut -f 1 "$M/backends/pair/instances/one/provider")
	rest DELETE "/net-api/v1/net/$id/nodes/$provider" >/dev/null
	[[ $(node_ips pair) != *10.20.0.2* ]]
	in_sh 'echo refresh > networks/pair/ctl'
	contains "$(node_ips pair)" 10.20.0.2
	rest DELETE "/net-api/v1/net/$id/nodes/$provider" >/dev/null
	in_sh 'echo refresh > networks/ctl; cat networks/wait >/dev/null'
	becomes 5 1 grep -c 10.20.0.2 <(node_ips pair)
}

# --- refusals -----------------------------------------------------------------------------------------------

@test "names and ranges that are none are refused with a sentence" {
	refused EINVAL networks/ctl 'create 123\n' 'all digits'
	refused EINVAL networks/ctl 'create n fd00::/64\n' 'IPv6'
	refused EINVAL networks/ctl 'create n 10.0.0.0/31\n' '/8 to /30'
	refused EINVAL networks/ctl 'create n 10.0.0.0/24 client=maybe\n' 'yes or no'
	refused EINVAL networks/ctl 'create n 10.0.0.0/24 more\n' 'too many'
	refused EEXIST networks/ctl 'create pair\n' 'already'
	refused ENOENT networks/ctl 'destroy none\n' 'no network'
	same "$(called mkdir networks/pair)" EEXIST
	same "$(called mkdir networks/7)" EINVAL
	same "$(wrote networks/pair/client 'perhaps\n')" EINVAL
	same "$(ls "$M/networks" | tr '\n' ' ')" "ctl pair "
}

@test "the name of a private network has to be free, and is then taken" {
	in_sh 'echo "create taken 10.60.0.0/24" > networks/ctl; mkdir backends/taken'
	same "$(wrote backends/taken/config/networking 'yes\n')" EEXIST
	same "$(wrote backends/taken/config/networking 'taken\n')" 6
	same "$(wrote backends/ctl 'create 77 networking=yes\n')" EINVAL
	in_sh 'echo "create later networking=yes" > backends/ctl'
	refused EEXIST networks/ctl 'create later\n' 'private network'
	in_sh 'rmdir backends/taken backends/later; rmdir networks/taken'
}

@test "networks that overlap, or are not there, are refused before anything is rented" {
	in_sh 'echo "create wide 10.61.0.0/16" > networks/ctl; echo "create slim 10.61.7.0/24" > networks/ctl'
	in_sh 'echo "create b61 networking=wide,slim" > backends/ctl; echo "create b62 networking=absent" > backends/ctl'
	refused EINVAL backends/b61/ctl 'start\n' 'overlap'
	refused ENOENT backends/b62/ctl 'start\n' 'no network "absent"'
	same "$(cat "$M/backends/b61/state" "$M/backends/b62/state")" $'initial\ninitial'
	in_sh 'rmdir backends/b61 backends/b62; rmdir networks/wide networks/slim'
}

@test "a provider is in a network once: other backends take others, and the limit says that there are too few" {
	in_sh 'echo "create lan63 10.63.0.0/24" > networks/ctl'
	backend first63 networking=lan63
	instance first63 i
	backend second63 networking=lan63 rent_timeout=3 "with_providers=$(cut -f 1 "$M/backends/first63/instances/i/provider")"
	in_sh 'mkdir backends/second63/instances/i'
	same "$(got backends/second63/instances/i/wait)" ETIMEDOUT
	contains "$(tail -n 1 "$M/backends/second63/instances/i/error")" 'in a network only once'
	contains "$(cat "$M/backends/second63/offers")" 'in the network lan63 already'
	in_sh 'echo stop > backends/first63/instances/i/ctl; cat backends/first63/instances/i/wait; echo "create j rent_timeout=60" > backends/second63/instances/ctl'
	same "$(in_sh 'cat backends/second63/instances/j/wait')" ready
	in_sh 'rmdir backends/first63 backends/second63; rmdir networks/lan63'
}

@test "a reset machine has the same addresses" {
	same "$(in_sh 'echo reset > backends/pair/instances/two/ctl; cat backends/pair/instances/two/wait')" ready
	same "$(cat "$M/backends/pair/instances/two/networks/0/ip")" 10.20.0.3
	same "$(ran backends/pair/instances/two 'ping -c 1 -W 5 10.20.0.2 >/dev/null && echo heard')" heard
}

@test "a name made again while the old one is wound up is another network" {
	for _ in 1 2 3 4 5; do in_sh 'mkdir networks/quick && rmdir networks/quick'; done
	in_sh 'cat networks/wait' >/dev/null
	becomes 10 pair net_names
}

@test "networks of other programs are shown only when asked for, and never touched" {
	local id
	id=$(rest POST /net-api/v1/net '{"ip":"10.64.0.0","mask":"255.255.255.0"}' | jq -r .id)
	[ ! -e "$M/networks/$id" ]
	daemon_start "$DIR/mount2" "$DIR/state2" -o all-networks
	local second=$DAEMON_PID
	eventually 10 test -d "$DIR/mount2/networks/$id"
	same "$(cat "$DIR/mount2/networks/$id/cidr" "$DIR/mount2/networks/$id/owner")" $'10.64.0.0/24\nanother program'
	same "$(cd "$DIR/mount2" && "$PYTHON" "$TOP/tests/bats/syscall.py" os rmdir "networks/$id")" EPERM
	rest DELETE "/net-api/v1/net/$id" >/dev/null
	eventually 5 test ! -e "$DIR/mount2/networks/$id"
	eventually 5 test -d "$DIR/mount2/networks/$(net_id pair)"
	fusermount3 -u "$DIR/mount2"
	gone "$second" 20
	same "$(nets pair | jq -r .ip)" 10.20.0.0/24
}
