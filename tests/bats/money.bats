#!/usr/bin/env bats
# Money: what may be spent, what is accepted, what is refused, and that the sums are right.

load harness

setup_file() { DEVNET_OPTIONS='--fast' mount_start; }
teardown_file() { mount_stop; }
setup() { in_sh 'mkdir backends/b'; }
teardown() {
	faults_clear
	[ ! -d "$M/backends/b" ] || in_sh 'rmdir backends/b'
	eventually 20 nothing_rented 2>/dev/null
}
invoices() { rest GET /payment-api/v1/invoices; }

@test "the allocation is the budget" {
	in_sh 'echo 3.5 > backends/b/config/budget; echo start > backends/b/ctl; cat backends/b/wait' >/dev/null
	same "$(rest GET /payment-api/v1/allocations | jq -r '.[0].totalAmount | tonumber')" 3.5
}

@test "where money is real, start without a limit is EDQUOT" {
	if same "$(wrote backends/b/config/payment_network 'polygon\n')" 8; then
		refused EDQUOT backends/b/ctl 'start\n' max_glm_per_hour
		same "$(cat "$M/backends/b/state")" initial
	fi
}

@test "real money means one instance unless told otherwise" {
	in_sh 'echo polygon > backends/b/config/payment_network'
	same "$(cat "$M/backends/b/config/max_instances")" 1
	in_sh 'echo > backends/b/config/payment_network'
	same "$(cat "$M/backends/b/config/max_instances")" 100
}

@test "the last debit note of an ended activity is accepted" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	becomes 10 true some_accepted
	[ "$(events backends/b/events debitNoteAccepted)" -ge 1 ]
}
some_accepted() { rest GET /payment-api/v1/debitNotes | jq 'any(.[]; .status == "ACCEPTED")'; }

@test "the invoice of an ended rental is accepted, once, and shown" {
	before=$(invoices | jq length)
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	ran backends/b/instances/i 'echo work' >/dev/null
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	becomes 10 "$((before + 1))" invoice_count
	becomes 10 0 invoices_open
	same "$(events backends/b/events invoiceAccepted)" 1
}
invoice_count() { invoices | jq length; }
invoices_open() { invoices | jq '[.[] | select(.status == "RECEIVED")] | length'; }

@test "stop waits for what is owed: after wait the invoice is accepted" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait' >/dev/null
	in_sh 'echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	same "$(invoices_open)" 0
}

@test "cost sums up: backends to the root, instances to the backend" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; echo "create count=2" > backends/b/instances/ctl
		cat backends/b/instances/wait; echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	in_sh 'cat backends/b/cost cost' >&2
	billed=$(invoices | jq -r --argjson ids "$(in_sh 'cat backends/b/instances/*/agreement' | grep -oE '[0-9a-f]{64}' | jq -R . | jq -s .)" \
		'[.[] | select(.agreementId as $a | $ids | index($a)) | .amount | tonumber] | add')
	column=$(head -n 1 "$M/backends/b/cost" | tr -d '#' | tr '\t' '\n' | sed 's/^ *//' | grep -nx billed | cut -d: -f1)
	shown=$(tail -n 1 "$M/backends/b/cost" | cut -f"$column")
	same "$(jq -n "($shown - $billed) | fabs < 1e-12")" true
}

@test "an invoice above usage times price is refused, and shown" {
	fault '{"point":"invoice-sum","count":1}' >"$DIR/fault"
	grep -qE '^[0-9]+$' "$DIR/fault"
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait
		echo stop > backends/b/ctl; cat backends/b/wait' >/dev/null || :
	becomes 10 1 events backends/b/events paymentRefused
}

@test "a foreign invoice is not touched" {
	same "$(events events paymentRefused)" "$(jq -s 'map(select(.event == "paymentRefused" and .backend != null)) | length' "$M/events")"
}

@test "a budget that is nearly used up stops the instances rather than leaving notes refused" {
	in_sh 'echo 0.0000001 > backends/b/config/budget; echo start > backends/b/ctl; cat backends/b/wait' >/dev/null
	in_sh 'mkdir backends/b/instances/i' || :
	eventually 20 grep -q budget "$M/backends/b/error"
	becomes 20 0 agreements_alive
}

@test "allocations are released after the last invoice" {
	in_sh 'echo start > backends/b/ctl; cat backends/b/wait; mkdir backends/b/instances/i; cat backends/b/instances/i/wait; rmdir backends/b' >/dev/null
	eventually 20 nothing_rented
	same "$(invoices_open)" 0
}
