#!/usr/bin/env bats
# Every setting: its default, what it takes, what it refuses, and when it may be changed.

load harness

setup_file() {
	mount_start
	in_sh 'mkdir backends/c'
	backend started
}
teardown_file() { mount_stop; }

# key | default | a good value | as shown | a bad value
settings='
image | golem/alpine:latest | golem/examples-hello:latest | golem/examples-hello:latest | a b c
runtime | vm | vm | vm | with blank
min_cpu_threads | 1 | 4 | 4 | -1
min_cpu_cores | 1 | 2 | 2 | many
min_mem_gib | 0.5 | 1.5 | 1.5 | -0.5
min_storage_gib | 2 | 10 | 10 | 1e99
subnet | public | other | other | a b
networking | no | 10.0.0.0/24 | 10.0.0.0/24 | 10.0.0.1/24
rent_hours | 1 | 0.5 | 0.5 | 0
max_instances | 100 | 3 | 3 | -3
max_start_price | | 0.5 | 0.5 | cheap
max_cpu_per_hour_price | | 1 | 1 | -1
max_env_per_hour_price | | 2.25 | 2.25 | 1.2.3
max_glm_per_hour | | 5 | 5 | x
budget | 10 | 3 | 3 | -1
payment_driver | erc20 | erc20 | erc20 | a b
rent_timeout | 300 | 5m | 5m | soon
deploy_timeout | 300 | 90s | 90s | -9
command_timeout | 0 | 2h | 2h | 3x
idle_timeout | 0 | 60 | 60 | never
'
rows() { sed -n 's/ *| */|/g; /|/p' <<<"$settings"; }

@test "every documented setting is a file in config/, and no other" {
	documented="image runtime capabilities min_cpu_threads min_cpu_cores min_mem_gib min_storage_gib subnet networking
		rent_hours max_instances max_glm_per_hour max_start_price max_cpu_per_hour_price
		max_env_per_hour_price budget payment_network payment_driver with_providers without_providers
		rent_timeout deploy_timeout command_timeout idle_timeout setup teardown"
	for key in $documented; do
		[ -f "$M/backends/c/config/$key" ] || {
			echo "no config/$key" >&2
			return 1
		}
	done
	later=" agent volumes outbound env workdir output_limit_mib "
	for key in $(ls "$M/backends/c/config"); do
		[[ " "$documented$later" " == *[[:space:]]"$key"[[:space:]]* ]] || {
			echo "config/$key is not documented" >&2
			return 1
		}
	done
}

@test "defaults can be read" {
	rows | while IFS='|' read -r key default _; do
		same "$key $(cat "$M/backends/c/config/$key")" "$key $default"
	done
}

@test "a good value is shown as it is in force, and an empty line restores the default" {
	rows | while IFS='|' read -r key default good shown _; do
		same "$key $(wrote "backends/c/config/$key" "$good\n")" "$key $((${#good} + 1))"
		same "$key $(cat "$M/backends/c/config/$key")" "$key $shown"
		wrote "backends/c/config/$key" '\n'
		same "$key $(cat "$M/backends/c/config/$key")" "$key $default"
	done
}

@test "a bad value is refused by the name of its key and changes nothing" {
	rows | while IFS='|' read -r key default _ _ bad; do
		refused EINVAL "backends/c/config/$key" "$bad\n" "$key"
		same "$key $(cat "$M/backends/c/config/$key")" "$key $default"
	done
}

@test "set and create take the same keys" {
	rows | while IFS='|' read -r key default good shown bad; do
		same "$key $(wrote backends/c/ctl "set $key $good\n")" "$key $((${#key} + ${#good} + 6))"
		same "$key $(cat "$M/backends/c/config/$key")" "$key $shown"
		wrote backends/c/ctl "set $key ''\n"
		same "$key $(wrote backends/ctl "create d $key='$bad'\n")" "$key EINVAL"
		wrote backends/ctl "create d $key=$good\n"
		same "$key $(cat "$M/backends/d/config/$key")" "$key $shown"
		in_sh 'rmdir backends/d'
	done
}

@test "started, a backend takes max_instances, max_glm_per_hour and budget, and refuses the others" {
	rows | while IFS='|' read -r key default good shown _; do
		case $key in
		max_instances | max_glm_per_hour | budget)
			same "$key $(wrote "backends/started/config/$key" "$good\n")" "$key $((${#good} + 1))"
			;;
		*) refused EBUSY "backends/started/config/$key" "$good\n" "$key" ;;
		esac
	done
}

@test "stopped, it takes all of them again" {
	backend s
	in_sh 'echo stop > backends/s/ctl; cat backends/s/wait >/dev/null' || :
	same "$(cat "$M/backends/s/state")" stopped
	same "$(wrote backends/s/config/image 'golem/alpine:3\n')" 15
	in_sh 'rmdir backends/s'
}

@test "writing with > and with >> means the same" {
	in_sh 'echo 2 > backends/c/config/min_cpu_threads; echo 3 >> backends/c/config/min_cpu_threads'
	same "$(cat "$M/backends/c/config/min_cpu_threads")" 3
	in_sh 'echo > backends/c/config/min_cpu_threads'
}

@test "setup and teardown are files of bytes, kept exactly" {
	head -c 200000 /dev/urandom | base64 >"$DIR/script"
	for key in setup teardown; do
		in_sh 'cp "$1" backends/c/config/$2' "$DIR/script" "$key"
		eventually 5 cmp -s "$DIR/script" "$M/backends/c/config/$key"
		cmp "$DIR/script" "$M/backends/c/config/$key"
		in_sh ': > backends/c/config/$1' "$key"
		same "$(stat -c %s "$M/backends/c/config/$key")" 0
	done
}

@test "a payload can be appended to, and written in the middle" {
	in_sh 'cd backends/c/config; echo one > setup; echo two >> setup; cat setup' >"$DIR/out"
	same "$(cat "$DIR/out")" $'one\ntwo'
	in_sh 'cd backends/c/config; printf X | dd of=setup bs=1 seek=1 conv=notrunc status=none'
	eventually 5 grep -q oXe "$M/backends/c/config/setup"
	in_sh ': > backends/c/config/setup'
}

@test "setup runs before an instance is ready, and a failing one is an activityDeployError" {
	in_sh 'mkdir backends/su; echo "echo prepared > /tmp/prepared" > backends/su/config/setup'
	in_sh 'echo start > backends/su/ctl; cat backends/su/wait; mkdir backends/su/instances/i; cat backends/su/instances/i/wait'
	same "$(ran backends/su/instances/i 'cat /tmp/prepared')" prepared
	in_sh 'rmdir backends/su'
}

@test "the subnet chooses who is asked" {
	backend lonely subnet=nobody-is-here rent_timeout=2
	in_sh 'mkdir backends/lonely/instances/i'
	same "$(got backends/lonely/instances/i/wait)" ETIMEDOUT
	in_sh 'rmdir backends/lonely'
}

@test "resources chosen are resources had" {
	backend big min_mem_gib=100000 rent_timeout=2
	in_sh 'mkdir backends/big/instances/i'
	same "$(got backends/big/instances/i/wait)" ETIMEDOUT
	in_sh 'rmdir backends/big'
}
