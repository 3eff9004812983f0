#include "core/demand.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

static const char *value(const struct values *values, enum setting_id id)
{
	return values_text(values, NULL, id);
}

static void add_machine(struct buf *out, const struct values *values)
{
	const char *capabilities = value(values, SET_CAPABILITIES);

	buf_printf(out, "(golem.com.pricing.model=linear)(golem.node.debug.subnet=%s)(golem.runtime.name=%s)",
		   value(values, SET_SUBNET), value(values, SET_RUNTIME));
	for (char *item; (item = setting_next_item(&capabilities)); free(item))
		buf_printf(out, "(golem.runtime.capabilities=%s)", item);
	if (setting_networking(value(values, SET_NETWORKING)) != NETWORKING_NO)
		buf_adds(out, "(golem.runtime.capabilities=vpn)");
	buf_printf(out, "(golem.inf.mem.gib>=%s)(golem.inf.storage.gib>=%s)", value(values, SET_MIN_MEM_GIB),
		   value(values, SET_MIN_STORAGE_GIB));
	buf_printf(out, "(golem.inf.cpu.cores>=%s)(golem.inf.cpu.threads>=%s)",
		   value(values, SET_MIN_CPU_CORES), value(values, SET_MIN_CPU_THREADS));
}

char *demand_scan_constraints(const struct values *values)
{
	struct buf out = {0};

	buf_adds(&out, "(&");
	add_machine(&out, values);
	buf_adds(&out, ")");
	return buf_take(&out);
}

void demand_build(struct demand *demand, const struct values *values, const char *task_package,
		  const struct yagna_decorations *decorations, uint64_t expires_ms)
{
	struct buf constraints = {0};
	cJSON *properties = cJSON_CreateObject();
	const cJSON *decoration;

	cJSON_AddTrueToObject(properties, "golem.srv.caps.multi-activity");
	cJSON_AddStringToObject(properties, "golem.node.debug.subnet", value(values, SET_SUBNET));
	cJSON_AddNumberToObject(properties, "golem.srv.comp.expiration", (double)expires_ms);
	cJSON_AddStringToObject(properties, "golem.srv.comp.vm.package_format", "gvmkit-squash");
	cJSON_AddStringToObject(properties, "golem.srv.comp.task_package", task_package);
	cJSON_AddNumberToObject(properties, "golem.com.scheme.payu.debit-note.interval-sec?",
				DEMAND_NOTE_INTERVAL_S);
	cJSON_AddNumberToObject(properties, "golem.com.scheme.payu.payment-timeout-sec?",
				DEMAND_PAYMENT_TIMEOUT_S);
	cJSON_AddNumberToObject(properties, "golem.com.payment.debit-notes.accept-timeout?",
				DEMAND_ACCEPT_TIMEOUT_S);
	cJSON_ArrayForEach (decoration, decorations->properties)
		cJSON_AddItemToObject(properties, decoration->string, cJSON_Duplicate(decoration, true));

	buf_adds(&constraints, "(&");
	add_machine(&constraints, values);
	for (unsigned i = 0; i < decorations->count; i++)
		buf_adds(&constraints, decorations->clauses[i]);
	buf_adds(&constraints, ")");
	demand->properties = properties;
	demand->constraints = buf_take(&constraints);
}

void demand_free(struct demand *demand)
{
	cJSON_Delete(demand->properties);
	free(demand->constraints);
	memset(demand, 0, sizeof(*demand));
}

static void replace_number(cJSON *object, const char *key, double number)
{
	cJSON_ReplaceItemInObjectCaseSensitive(object, key, cJSON_CreateNumber(number));
}

cJSON *demand_counter(const struct demand *demand, const char *platform, int accept_timeout_s,
		      uint64_t expires_ms)
{
	cJSON *properties = cJSON_Duplicate(demand->properties, true);

	cJSON_AddStringToObject(properties, "golem.com.payment.chosen-platform", platform);
	replace_number(properties, "golem.srv.comp.expiration", (double)expires_ms);
	if (accept_timeout_s > 0 && accept_timeout_s < DEMAND_ACCEPT_TIMEOUT_S)
		replace_number(properties, "golem.com.payment.debit-notes.accept-timeout?", accept_timeout_s);
	return properties;
}
