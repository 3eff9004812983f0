/*
 * An order: one control line on its way. fs makes it, core answers it exactly once when yagna on this machine
 * has accepted or refused the request, and the write returns. When that takes longer than fs wants to wait, fs
 * detaches: the write succeeds, and a later refusal goes into `error` only.
 */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include "core/err.h"
#include "core/obj.h"

struct order;

/* err is NULL when accepted; called from the loop or before the verb returns (fs copes with both). `made` is the
 * name or number of what was created, NULL otherwise. */
typedef void (*order_answer)(void *context, const struct err *err, const char *made);

/* `target` is the object whose directory the line was written in; `written` the line, for `error`. */
struct order *order_new(struct obj *target, int pid, const char *written, order_answer answer, void *context);
void order_detach(struct order *order); /* the answer function will not be called */

/* For core. Each ends the order and takes NULL (nobody asked); a refusal is also recorded by obj_refuse() on
 * the target. */
void order_accept(struct order *order, const char *made);
void order_refuse(struct order *order, const struct err *err);
void order_refusef(struct order *order, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
