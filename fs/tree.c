#include "fs/tree.h"

#include <string.h>

const struct row *dir_next(const struct dir *dir, const struct row *row)
{
	row = row ? row + 1 : dir->rows ? dir->rows : dir->make_rows();
	return row->name ? row : NULL;
}

const struct row *dir_find(const struct dir *dir, const char *name)
{
	const struct row *row = dir_next(dir, NULL);

	while (row && strcmp(row->name, name) != 0)
		row = dir_next(dir, row);
	return row;
}

void tree_show_state(struct obj *obj, const struct row *row, struct buf *out)
{
	buf_printf(out, "%s\n", obj_state(obj));
}

void tree_show_error(struct obj *obj, const struct row *row, struct buf *out)
{
	obj_render_refusals(obj, out);
}

struct bytelog *tree_events(struct obj *obj)
{
	return obj->events;
}

void tree_end_line(struct buf *out)
{
	if (out->len && out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
}

int tree_pairs(char **word, unsigned count, struct setting_pair *pairs, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		char *equals = strchr(word[i], '=');

		if (!equals || equals == word[i])
			return err_set(err, EINVAL, "\"%s\" is not KEY=VALUE", word[i]);
		*equals = '\0';
		pairs[i] = (struct setting_pair){.key = word[i], .value = equals + 1};
	}
	return 0;
}
