#include "core/order.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/mem.h"

struct order {
	struct obj *target; /* held */
	int pid;
	char *written;
	order_answer answer; /* NULL once detached */
	void *context;
};

struct order *order_new(struct obj *target, int pid, const char *written, order_answer answer, void *context)
{
	struct order *order = mem_alloc(sizeof(*order));

	order->target = obj_ref(target);
	order->pid = pid;
	order->written = mem_strdup(written);
	order->answer = answer;
	order->context = context;
	return order;
}

void order_detach(struct order *order)
{
	order->answer = NULL;
}

static void finish(struct order *order, const struct err *err, const char *made)
{
	order_answer answer = order->answer;

	if (answer)
		answer(order->context, err, made);
	obj_unref(order->target);
	free(order->written);
	free(order);
}

void order_accept(struct order *order, const char *made)
{
	if (order)
		finish(order, NULL, made);
}

void order_refuse(struct order *order, const struct err *err)
{
	if (!order)
		return;
	obj_refuse(order->target, order->pid, order->written, err);
	finish(order, err, NULL);
}

void order_refusef(struct order *order, int code, const char *format, ...)
{
	struct err err = {.code = code};
	va_list args;

	va_start(args, format);
	vsnprintf(err.text, sizeof(err.text), format, args);
	va_end(args);
	order_refuse(order, &err);
}
