#include "core/early.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/mem.h"

void early_keep(struct early **list, const struct yagna_offer_event *event, unsigned most)
{
	struct early *early;
	unsigned kept = 0;

	if (!most) {
		early_free(list);
		return;
	}
	DL_COUNT(*list, early, kept);
	if (kept >= most)
		early_drop(list, *list);
	early = mem_alloc(sizeof(*early));
	early->id = mem_strdup(event->id);
	early->reason = mem_strdup(event->reason);
	early->final = event->final;
	DL_APPEND(*list, early);
}

struct early *early_find(struct early *list, const char *id)
{
	for (struct early *early = list; early; early = early->next)
		if (strcmp(early->id, id) == 0)
			return early;
	return NULL;
}

void early_drop(struct early **list, struct early *early)
{
	DL_DELETE(*list, early);
	free(early->id);
	free(early->reason);
	free(early);
}

void early_free(struct early **list)
{
	while (*list)
		early_drop(list, *list);
}
