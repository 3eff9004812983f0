#include "core/cost.h"

#include <stdlib.h>
#include <utlist.h>

#include "core/mem.h"

/* Sum of what has no directory any more. */
struct gone {
	struct payment_figures sum;
};

static void figures_init(struct payment_figures *figures)
{
	figures->accrued = decimal_zero();
	figures->billed = decimal_zero();
	figures->accepted = decimal_zero();
	figures->paid = decimal_zero();
}

static void figures_add(struct payment_figures *sum, const struct payment_figures *more)
{
	decimal_add(&sum->accrued, &sum->accrued, &more->accrued);
	decimal_add(&sum->billed, &sum->billed, &more->billed);
	decimal_add(&sum->accepted, &sum->accepted, &more->accepted);
	decimal_add(&sum->paid, &sum->paid, &more->paid);
}

static void of_instance(const struct instance *instance, struct payment_figures *out)
{
	if (instance->account)
		payment_figures(instance->account, out);
	else
		figures_init(out);
}

static void add_instance(const struct instance *instance, struct payment_figures *sum)
{
	struct payment_figures figures;

	of_instance(instance, &figures);
	figures_add(sum, &figures);
	payment_figures_free(&figures);
}

/* Instances without a name that still live are not among the children. */
static void of_nameless(const struct backend *backend, struct payment_figures *sum)
{
	struct instance *rental;

	if (backend->gone)
		figures_add(sum, &backend->gone->sum);
	DL_FOREACH (backend->obj.golem->rentals, rental)
		if (backend_of_instance(rental) == backend && rental->obj.removed)
			add_instance(rental, sum);
}

static void of_backend(const struct backend *backend, struct payment_figures *sum)
{
	figures_init(sum);
	of_nameless(backend, sum);
	for (struct obj *child = backend->obj.children; child; child = obj_next(child))
		add_instance(instance_of(child), sum);
}

double cost_per_hour(const struct backend *backend)
{
	struct instance *rental;
	double sum = 0;

	DL_FOREACH (backend->obj.golem->rentals, rental)
		if (backend_of_instance(rental) == backend && rental->approved &&
		    rental->step != RENTAL_PAYING)
			sum += rental->glm_per_hour;
	return sum;
}

double cost_accrued(const struct backend *backend)
{
	struct payment_figures sum;
	double accrued;

	of_backend(backend, &sum);
	accrued = decimal_to_double(&sum.accrued);
	payment_figures_free(&sum);
	return accrued;
}

static void keep(struct gone **gone, const struct payment_figures *figures)
{
	if (!*gone) {
		*gone = mem_alloc(sizeof(**gone));
		figures_init(&(*gone)->sum);
	}
	figures_add(&(*gone)->sum, figures);
}

void cost_keep(struct instance *instance)
{
	struct payment_figures figures;

	if (!instance->account)
		return;
	of_instance(instance, &figures);
	keep(&backend_of_instance(instance)->gone, &figures);
	payment_figures_free(&figures);
}

void cost_forget(struct backend *backend)
{
	if (!backend->gone)
		return;
	keep(&backend->obj.golem->gone, &backend->gone->sum);
	payment_figures_free(&backend->gone->sum);
	free(mem_move(&backend->gone));
}

/* --- tables ------------------------------------------------------------------------------------------------ */

static void render_row(struct buf *out, const struct payment_figures *figures)
{
	const struct decimal *columns[] = {&figures->accrued, &figures->billed, &figures->accepted,
					   &figures->paid};

	for (int i = 0; i < 4; i++) {
		buf_addc(out, '\t');
		decimal_print(columns[i], out);
	}
	buf_addc(out, '\n');
}

void instance_render_cost(struct instance *instance, struct buf *out)
{
	struct payment_figures figures;

	of_instance(instance, &figures);
	buf_adds(out, "#instance\taccrued\tbilled\taccepted\tpaid\n");
	buf_adds(out, instance->obj.name);
	render_row(out, &figures);
	payment_figures_free(&figures);
}

void backend_render_cost(struct backend *backend, struct buf *out)
{
	struct payment_figures figures;

	buf_adds(out, "#instance\taccrued\tbilled\taccepted\tpaid\n");
	for (struct obj *child = backend->obj.children; child; child = obj_next(child)) {
		of_instance(instance_of(child), &figures);
		buf_adds(out, child->name);
		render_row(out, &figures);
		payment_figures_free(&figures);
	}
	figures_init(&figures);
	of_nameless(backend, &figures);
	buf_adds(out, "(gone)");
	render_row(out, &figures);
	payment_figures_free(&figures);
	of_backend(backend, &figures);
	buf_adds(out, "(sum)");
	render_row(out, &figures);
	payment_figures_free(&figures);
}

/* Rentals whose backend has no name any more. */
static void of_lost_backends(struct golem *golem, struct payment_figures *sum)
{
	struct instance *rental;

	figures_init(sum);
	if (golem->gone)
		figures_add(sum, &golem->gone->sum);
	DL_FOREACH (golem->rentals, rental)
		if (rental->obj.parent->removed)
			add_instance(rental, sum);
}

void golem_render_cost(struct golem *golem, struct buf *out)
{
	struct payment_figures figures, sum;

	buf_adds(out, "#backend\taccrued\tbilled\taccepted\tpaid\n");
	of_lost_backends(golem, &sum);
	buf_adds(out, "(gone)");
	render_row(out, &sum);
	for (struct obj *child = golem->obj.children; child; child = obj_next(child)) {
		of_backend(backend_of(child), &figures);
		buf_adds(out, child->name);
		render_row(out, &figures);
		figures_add(&sum, &figures);
		payment_figures_free(&figures);
	}
	buf_adds(out, "(sum)");
	render_row(out, &sum);
	payment_figures_free(&sum);
}

void cost_free(struct golem *golem)
{
	if (golem->gone)
		payment_figures_free(&golem->gone->sum);
	free(mem_move(&golem->gone));
}
