/*
 * What things cost: the figures of the payment watch, per instance and in sum, also of those without a directory.
 */
#ifndef CORE_COST_H
#define CORE_COST_H

#include "core/model.h"

double cost_per_hour(const struct backend *backend); /* GLM, of all that is rented now */
double cost_accrued(const struct backend *backend);  /* GLM in all; for estimates */
/* Keeps the figures of an instance that is about to be freed in its backend, those of a backend in the root. */
void cost_keep(struct instance *instance);
void cost_forget(struct backend *backend);
void cost_free(struct golem *golem);

#endif
