/*
 * Properties of demands and offers: their flat form (reference/yagna-api.md 2.3), and their values as the
 * constraint language compares them (2.8).
 */
#ifndef DEVNET_PROPERTIES_H
#define DEVNET_PROPERTIES_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* What providers and requestors agree on (reference 3.1). */
#define PROPERTY_CHOSEN_PLATFORM "golem.com.payment.chosen-platform"
#define PROPERTY_EXPIRATION      "golem.srv.comp.expiration"
#define PROPERTY_ACCEPT_TIMEOUT  "golem.com.payment.debit-notes.accept-timeout?"
#define PROPERTY_NOTE_INTERVAL   "golem.com.scheme.payu.debit-note.interval-sec?"
#define PROPERTY_PAYMENT_TIMEOUT "golem.com.scheme.payu.payment-timeout-sec?"

/* A new object: nested names joined with dots, sorted, a flat name winning over a nested one of the same path.
 * Lists stay values; what has no name of its own stands under "". */
cJSON *properties_flatten(const cJSON *value);

/* A member that may be absent: false, and *out as it was. Numbers may be raw ones (cJSON_Raw), as offers keep them. */
bool properties_number(const cJSON *properties, const char *name, double *out);
const char *properties_text(const cJSON *properties, const char *name); /* or NULL */
/* Replaces or adds an integer; removes. */
void properties_set_integer(cJSON *properties, const char *name, long value);
void properties_remove(cJSON *properties, const char *name);

/* What a constraint's $d, $v, $t asks for. */
enum property_type { PROPERTY_ANY, PROPERTY_DECIMAL, PROPERTY_VERSION, PROPERTY_TIME };
enum property_order { PROPERTY_LESS, PROPERTY_SAME, PROPERTY_MORE, PROPERTY_INCOMPARABLE };

/* False for null, objects and lists with such: the market behaves as if they were not there. */
bool property_usable(const cJSON *property);
/* Only texts can be read as another type. */
bool property_convertible(const cJSON *property, enum property_type type);
bool property_equals(const cJSON *property, enum property_type type, const char *text);
enum property_order property_compare(const cJSON *property, enum property_type type, const char *text);

#endif
