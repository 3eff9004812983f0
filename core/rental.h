/*
 * The rental of one instance: agreement, activity, deploy, reset, and the winding up (rental.c, deploy.c), and how
 * its commands reach the machine (carrier.c, plain.c, line.c). One request of the life cycle is under way at a time: instance->call.
 */
#ifndef CORE_RENTAL_H
#define CORE_RENTAL_H

#include "core/model.h"
#include "core/offer.h"

/* --- rental.c: the agreement ------------------------------------------------------------------------------- */

/* Puts a new instance into the market's queue. */
void rental_begin(struct instance *instance);
/* The market hands over a draft; afterwards the offer's proposals are used up. */
void rental_take(struct instance *instance, struct offer *offer);
/* Ends whatever stands, from every step; `final` is the state reached then, `why` (NULL: as asked) its outcome.
 * Repeatable; a later call may only make it quicker. */
void rental_end(struct instance *instance, enum instance_state final, const struct err *why);
/* The provider has ended the agreement, or its machine is gone. */
void rental_lost(struct instance *instance, const char *why);
/* An agreement event of this golemfs' session. */
void rental_told(struct golem *golem, const struct yagna_agreement_event *event);
/* A rental of an earlier run goes on: agreement approved, activity ready. */
void rental_adopt(struct instance *instance);
int rental_open_account(struct instance *instance, struct err *err);
void rental_hurry(struct instance *instance); /* waits for its invoice a few seconds more, no longer */
/* Forgets what is under way without ending it. */
void rental_forget(struct instance *instance);

/* --- deploy.c: activity and machine ------------------------------------------------------------------------- */

void deploy_begin(struct instance *instance);
/* A fresh machine under the same agreement; `why` is told in an event. */
void deploy_again(struct instance *instance, const char *why);
/* Breaks off what is under way: a renting ends, a deploy leaves the instance in error with the machine unmade. */
void deploy_abort(struct instance *instance, const struct err *why);
/* Runs `teardown`, if there is one, then destroys the activity and calls rental_terminate(). */
void deploy_wind_up(struct instance *instance);
/* Yagna knows all its addresses, or refuses one: for whom waits for that. */
void deploy_joined(struct instance *instance);
void deploy_not_joined(struct instance *instance, const struct err *why);
void deploy_ready(struct instance *instance);
void deploy_idle(struct instance *instance); /* nothing runs: the idle time begins */
void rental_terminate(struct instance *instance);

/* The agent of the machine cannot be used, or not any more: commands go by plain requests, and `why` is told. */
void deploy_without_agent(struct instance *instance, const char *why);

/* --- carrier.c: which way commands reach the machine ---------------------------------------------------------- */

/* Starts the commands that wait: all of them where there is an agent, else the next one when the machine is free. */
void carrier_next(struct instance *instance);
bool carrier_is_busy(const struct instance *instance);
/* A running command is to end; without an agent its machine has to be made anew for that. */
void carrier_abort(struct command *command);
/* To its process group; false: it does not run by an agent. */
bool carrier_signal(struct command *command, int signum);
/* Aborts all that run. */
void carrier_abort_all(struct instance *instance, enum reason reason);
/* A command off the machine, whatever it runs by, the hold now the caller's; NULL when none is left. What it started
 * there goes on until the machine is gone. */
struct command *carrier_unload(struct instance *instance);

/* --- plain.c: commands by plain requests, one at a time ------------------------------------------------------- */

void plain_next(struct instance *instance);
void plain_abort(struct instance *instance);
/* Forgets the run; the command has been, or will be, ended by the caller. */
void plain_drop(struct instance *instance);
/* The machine was made anew: whatever ran is over. */
void plain_machine_gone(struct instance *instance);

#endif
