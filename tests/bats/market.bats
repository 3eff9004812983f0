#!/usr/bin/env bats
# Finding providers: prices, filters, rejections, retries, and the reason for each offer that was not taken.

load harness

setup_file() { mount_start; }
teardown_file() { mount_stop; }
setup() { in_sh 'mkdir backends/b'; }
teardown() {
	faults_clear
	in_sh 'rmdir backends/b'
	eventually 20 nothing_rented 2>/dev/null
}
configure() { in_sh 'cd backends/b/config; for pair; do echo "${pair#*=}" > "${pair%%=*}"; done' "$@"; }
start() { in_sh 'echo start > backends/b/ctl; cat backends/b/wait' >/dev/null; }
offers() { grep -v '^#' "$M/backends/b/offers"; }
column() { head -n 1 "$M/backends/b/offers" | tr -d '#' | tr '\t' '\n' | sed 's/^ *//' | grep -nx "$1" | cut -d: -f1; }

@test "scan fills offers, and buys nothing" {
	in_sh 'echo scan > backends/b/ctl; cat backends/b/wait' >/dev/null
	eventually 5 offers >/dev/null
	[ "$(offers | wc -l)" -ge 1 ]
	same "$(cat "$M/backends/b/state")" initial
	same "$(allocations_alive)" 0
	same "$(rest GET /market-api/v1/demands | jq length)" 0
}

@test "offers has a head line that names its columns, as many as each row has" {
	start
	eventually 5 offers >/dev/null
	same "$(awk -F'\t' '{ print NF }' "$M/backends/b/offers" | sort -u | wc -l)" 1
	for name in provider name status why; do [ -n "$(column "$name")" ]; done
}

@test "the cheapest acceptable offer is taken first" {
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	in_sh 'cat backends/b/instances/i/provider backends/b/offers'
	taken=$(grep -oE '0x[0-9a-f]{40}' "$M/backends/b/instances/i/provider" | head -n 1)
	price=$(offers | grep "$taken" | head -n 1 | cut -f3)
	cheapest=$(offers | cut -f3 | sort -g | head -n 1)
	same "$price" "$cheapest"
}

@test "an offer above a ceiling is not taken, and says so" {
	before=$(agreement_ids | wc -l)
	configure max_cpu_per_hour_price=0.0000001 max_env_per_hour_price=0.0000001 rent_timeout=2
	start
	in_sh 'mkdir backends/b/instances/i'
	same "$(got backends/b/instances/i/wait)" ETIMEDOUT
	offers | cut -f"$(column why)" | grep -qi price
	same "$(agreement_ids | wc -l)" "$before"
}

@test "with_providers takes only those, by name, id and regular expression" {
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	id=$(grep -oE '0x[0-9a-f]{40}' "$M/backends/b/instances/i/provider" | head -n 1)
	name=$(offers | grep "$id" | cut -f2)
	in_sh 'rmdir backends/b/instances/i'
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' || :
	for choice in "$name" "$id" "/^${name:0:3}.*${name: -1}$/"; do
		configure "with_providers=$choice"
		start
		in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
		contains "$choice $(cat "$M/backends/b/instances/i/provider")" "$id"
		in_sh 'rmdir backends/b/instances/i; echo stop > backends/b/ctl; cat backends/b/wait' || :
	done
}

@test "without_providers leaves those out, and offers says why" {
	start
	eventually 5 offers >/dev/null
	name=$(offers | head -n 1 | cut -f2)
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' || :
	configure "without_providers=$name"
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	! grep -qw -- "$name" "$M/backends/b/instances/i/provider"
	offers | grep -w -- "$name" | cut -f"$(column why)" | grep -q .
}

@test "a provider that rejects is not asked again and another is taken" {
	fault '{"point":"reject-proposal","count":1,"message":"too busy for you"}' >/dev/null
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" ready
}

@test "an agreement that is refused is tried with another provider" {
	fault '{"point":"reject-agreement","count":1,"message":"changed my mind"}' >/dev/null
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >"$DIR/out"
	same "$(cat "$DIR/out")" ready
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' || :
}

@test "rent_timeout without any offer: ETIMEDOUT, and the backend lives" {
	configure subnet=empty rent_timeout=1
	start
	in_sh 'mkdir backends/b/instances/i'
	same "$(got backends/b/instances/i/wait)" ETIMEDOUT
	same "$(cat "$M/backends/b/state")" ready
	contains "$(cat "$M/backends/b/instances/i/error")" "1"
}

@test "agreements lists what was agreed, with its state" {
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	id=$(grep -oE '[0-9a-f]{64}' "$M/backends/b/instances/i/agreement")
	grep -q "$id" "$M/backends/b/agreements"
}

@test "provider, agreement and activity of an instance can be read" {
	start
	in_sh 'mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	grep -qE '0x[0-9a-f]{40}' "$M/backends/b/instances/i/provider"
	grep -qE '[0-9a-f]{64}' "$M/backends/b/instances/i/agreement"
	grep -qE '[0-9a-f]{32}' "$M/backends/b/instances/i/activity"
}
