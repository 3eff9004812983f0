#include "fs/help.h"

#include <string.h>

#include "fs/class.h"

void help_verbs(struct obj *obj, const struct row *row, struct buf *out)
{
	for (const struct verb *verb = row->verbs; verb->name; verb++) {
		buf_printf(out, "%s%s%s\n", verb->name, verb->usage[0] ? " " : "", verb->usage);
		buf_printf(out, "    %s\n    e.g.  echo '%s' > %s\n", verb->help, verb->example, row->name);
	}
}

void help_row(struct obj *obj, const struct row *row, struct buf *out)
{
	buf_printf(out, "%s\n", row->help);
}

/* --- README ------------------------------------------------------------------------------------------------ */

static const char readme_head[] =
	"golemfs: rent computers on the Golem Network with mkdir, echo and cat.\n"
	"\n"
	"  mkdir backends/demo                          what is wanted: cat backends/demo/config/*\n"
	"  echo start > backends/demo/ctl && cat backends/demo/wait\n"
	"  mkdir backends/demo/instances/one            rents a machine\n"
	"  cat backends/demo/instances/one/wait\n"
	"  cd backends/demo/instances/one\n"
	"  echo 'uname -a' > run; cat last/stdout_pipe; cat last/wait\n"
	"  rmdir backends/demo                          ends everything in it\n"
	"\n"
	"Writing asks, reading waits only in `wait`, `any` and the pipes. Nothing listed ever hangs or acts "
	"when it\n"
	"is read; cat any ctl for its verbs; when something is refused, cat error beside it. (+ = found by "
	"name,\n"
	"not listed.)\n\n";

static void readme_names(const struct dir *dir, unsigned depth, struct buf *out)
{
	unsigned column = 2 * depth + 2;

	buf_printf(out, "%*s", (int)column, "");
	for (const struct row *row = dir_next(dir, NULL); row; row = dir_next(dir, row)) {
		const char *mark = row->flags & ROW_UNLISTED ? "+" : "";
		unsigned width = (unsigned)(strlen(row->name) + strlen(mark)) + 2;

		if (row->dir)
			continue;
		if (column + width > 108) {
			column = 2 * depth + 2;
			out->len -= 2;
			buf_printf(out, "\n%*s", (int)column, "");
		}
		buf_printf(out, "%s%s  ", mark, row->name);
		column += width;
	}
	while (out->data[out->len - 1] == ' ')
		out->len--;
	if (out->data[out->len - 1] != '\n') /* only directories in it */
		buf_addc(out, '\n');
}

static void readme_dir(const struct row *self, unsigned depth, struct buf *out)
{
	buf_printf(out, "%*s%s/  %s\n", (int)(2 * depth), "", self->name, self->help);
	readme_names(self->dir, depth, out);
	for (const struct row *row = dir_next(self->dir, NULL); row; row = dir_next(self->dir, row)) {
		if (row->dir)
			readme_dir(row, depth + 1, out);
	}
	if (self->dir->child)
		readme_dir(self->dir->child, depth + 1, out);
	if (self->dir->item && self->dir->item->dir)
		readme_dir(self->dir->item, depth + 1, out);
}

void help_readme(struct obj *obj, const struct row *row, struct buf *out)
{
	buf_adds(out, readme_head);
	readme_dir(&tree_root, 0, out);
}

/* --- the manual's reference -------------------------------------------------------------------------------- */

static void reference_verbs(const struct row *row, const char *path, struct buf *out)
{
	buf_printf(out, "\nVerbs of `%s/%s`:\n\n", path, row->name);
	for (const struct verb *verb = row->verbs; verb->name; verb++)
		buf_printf(out, "- `%s%s%s`: %s. Example: `%s`\n", verb->name, verb->usage[0] ? " " : "",
			   verb->usage, verb->help, verb->example);
}

static void reference_cell(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_addc(out, '\\');
		buf_addc(out, *text == '\n' ? ' ' : *text);
	}
}

static void reference_row(const struct row *row, struct buf *out)
{
	buf_printf(out, "| `%s%s` | %s%s | ", row->name, row->dir ? "/" : "", row->class->word,
		   row->flags & ROW_UNLISTED ? ", unlisted" : "");
	if (row->setting && row->setting->fallback && row->setting->fallback[0])
		buf_printf(out, "(default `%s`) ", row->setting->fallback);
	reference_cell(row->help, out);
	buf_adds(out, " |\n");
}

static void reference_dir(const struct row *self, const char *path, struct buf *out);

static void reference_below(const struct row *row, const char *path, struct buf *out)
{
	BUF_AUTO struct buf below = {0};

	buf_printf(&below, "%s/%s", path, row->name);
	reference_dir(row, buf_text(&below), out);
}

static void reference_dir(const struct row *self, const char *path, struct buf *out)
{
	const struct dir *dir = self->dir;

	buf_printf(out, "\n## %s\n\n%s.\n\n| name | class | what it is |\n|---|---|---|\n", path, self->help);
	for (const struct row *row = dir_next(dir, NULL); row; row = dir_next(dir, row))
		reference_row(row, out);
	if (dir->item && !dir->item->dir)
		reference_row(dir->item, out);
	for (const struct row *row = dir_next(dir, NULL); row; row = dir_next(dir, row)) {
		if (row->verbs)
			reference_verbs(row, path, out);
	}
	for (const struct row *row = dir_next(dir, NULL); row; row = dir_next(dir, row)) {
		if (!row->dir)
			continue;
		reference_below(row, path, out);
	}
	if (dir->child)
		reference_below(dir->child, path, out);
	if (dir->item && dir->item->dir)
		reference_below(dir->item, path, out);
}

void help_reference(struct buf *out)
{
	buf_adds(out, "# The tree\n\nPrinted from the tables of golemfs by `golemfs --print-reference`.\n");
	reference_dir(&tree_root, tree_root.name, out);
}
