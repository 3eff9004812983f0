/* The last refusals below a directory, for its `error` file (design 2.1 rule 8). */
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/timefmt.h"

enum { REFUSALS = 16, WRITTEN_MAX = 200 };

/* A ring: the row to be overwritten next is the oldest one once it is full. */
struct obj_refusals {
	char *rows[REFUSALS];
	unsigned next;
};

void obj_free_refusals(struct obj *obj)
{
	if (!obj->refusals)
		return;
	for (int i = 0; i < REFUSALS; i++)
		free(obj->refusals->rows[i]);
	free(obj->refusals);
	obj->refusals = NULL;
}

static void keep(struct obj *obj, const char *row)
{
	struct obj_refusals *refusals = obj->refusals;

	if (!refusals)
		refusals = obj->refusals = mem_alloc(sizeof(*refusals));
	free(refusals->rows[refusals->next]);
	refusals->rows[refusals->next] = mem_strdup(row);
	refusals->next = (refusals->next + 1) % REFUSALS;
	obj_changed(obj, ASPECT_REFUSALS);
}

void obj_refuse(struct obj *obj, int pid, const char *written, const struct err *err)
{
	BUF_AUTO struct buf row = {0};
	MEM_AUTO char *shown = mem_strdup(written ? written : "");
	struct timespec now = timefmt_now();
	char stamp[TIMEFMT_SIZE];

	timefmt_print(stamp, &now, 3);
	if (strlen(shown) > WRITTEN_MAX)
		strcpy(shown + WRITTEN_MAX - 3, "...");
	buf_printf(&row, "%s\t%d\t", stamp, pid);
	buf_add_clean(&row, shown);
	buf_addc(&row, '\t');
	buf_add_clean(&row, err->text);
	buf_addc(&row, '\n');
	obj_log_refusal(obj, pid, shown, err);
	for (; obj; obj = obj->parent)
		keep(obj, buf_text(&row));
}

void obj_render_refusals(const struct obj *obj, struct buf *out)
{
	for (int i = 0; obj->refusals && i < REFUSALS; i++) {
		const char *row = obj->refusals->rows[(obj->refusals->next + i) % REFUSALS];

		if (row)
			buf_adds(out, row);
	}
}
