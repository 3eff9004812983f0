/*
 * What the files of core/yagna/ share: asking yagna, and turning its answer into JSON or a failure.
 */
#ifndef CORE_YAGNA_CALL_H
#define CORE_YAGNA_CALL_H

#include "core/buf.h"
#include "core/json.h"
#include "core/yagna.h"

/* The typed callback of a call. */
union yagna_reply {
	yagna_done plain;
	yagna_text_done text;
	yagna_texts_done texts;
	yagna_identity_done identity;
	yagna_demands_done demands;
	yagna_offer_events_done offer_events;
	yagna_approval_done approval;
	yagna_agreement_done agreement;
	yagna_agreements_done agreements;
	yagna_agreement_events_done agreement_events;
	yagna_accounts_done accounts;
	yagna_allocation_done allocation;
	yagna_allocations_done allocations;
	yagna_decorations_done decorations;
	yagna_bill_done bill;
	yagna_bills_done bills;
	yagna_bill_events_done bill_events;
	yagna_activity_state_done activity_state;
	yagna_usage_done usage;
	yagna_results_done results;
	yagna_offers_done offers;
	yagna_net_done net;
	yagna_nets_done nets;
	yagna_net_nodes_done net_nodes;
};

/* Reads the answer of a call and replies; json is the parsed body of a 2xx answer, or NULL when there was none. */
typedef void (*yagna_read)(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json);

struct yagna_ask {
	const char *what;   /* for sentences: "publish the demand" */
	const char *method; /* NULL: GET */
	const char *base;   /* NULL: yagna; else the address of another service, asked without the app key */
	const char *peer;   /* its name, for sentences */
	char *path;         /* from yagna_path(); consumed */
	char *body;         /* JSON text or NULL; consumed */
	const char *accept; /* NULL: JSON */
	const char *header; /* one more header line, or NULL */
	bool lasting;       /* asks the market or a provider, or is a long poll */
	unsigned wait_s;    /* how long the server may take; 0: 20 s, for calls that stay on this machine */
	int done_status;    /* a refusal with this status means that it was done already */
	bool in_bytes;      /* the answer may hold lists of bytes (activity.c) */
	yagna_read read;
	union yagna_reply reply;
	void *context;
};

/* JSON in which every list of bytes that is the value of "stdout" or "stderr" is replaced by {"at":N,"len":N}, and
 * the bytes by themselves: cJSON would need 64 bytes of memory for each. */
struct yagna_packer {
	struct buf packed, bytes;
	unsigned state;
	char name[8], number[4];
	unsigned name_len, number_len;
	size_t first; /* of the list under way, in bytes */
};

struct yagna_call {
	struct yagna_call *prev, *next;
	struct yagna *yagna;
	struct http_call *http;
	const char *peer, *what; /* for sentences */
	int done_status;
	bool in_bytes;
	struct yagna_packer packer; /* of an answer with in_bytes */
	struct err broken;          /* it was too large */
	char *known;                /* an answer that needs no request */
	struct err refused;         /* or a refusal */
	yagna_read read;
	union yagna_reply reply;
	void *context;
	enum yagna_document document; /* of calls about one kind of document */
	struct yagna_stream *stream;  /* of yagna_stream() */
	void (*stream_data)(struct yagna_call *call, const void *data, size_t len);
	void (*stream_free)(struct yagna_stream *stream);
};

struct yagna_call *yagna_ask(struct yagna *yagna, const struct yagna_ask *ask);
/* A call that is answered without a request, from the loop: with a text (consumed), or with *refused. */
struct yagna_call *yagna_answer(struct yagna *yagna, const struct yagna_ask *ask, char *known,
				const struct err *refused);
/* Ends a call from within, with its reply given: for streams. */
void yagna_call_fail(struct yagna_call *call, const struct yagna_failure *failure);

/* Path and query; every %s is percent-encoded, %u is an unsigned; nothing else. */
char *yagna_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The text of a JSON value, which is consumed. */
char *yagna_body(cJSON *json);
/* {"message": reason} */
char *yagna_reason(const char *reason);

/* Readers for answers that are nothing, or one text. */
void yagna_read_nothing(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json);
void yagna_read_text(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json);

/* answer.c. Fills *failure from a response that is not a 2xx with a body that can be read. */
void yagna_explain(struct yagna_failure *failure, const char *peer, const char *what,
		   const struct http_response *response);
/* A 2xx answer whose content is not what it should be. */
void yagna_unreadable(struct yagna_failure *failure, const char *peer, const char *what,
		      const struct err *err);
/* When err is set: makes `failure` of it and returns it, else NULL. */
const struct yagna_failure *yagna_checked(struct yagna_failure *failure, const struct yagna_call *call,
					  const struct err *err);

/* bytes.c. Takes an answer piece by piece, or whole; then yagna_packed() is its JSON. */
int yagna_pack(struct yagna_packer *packer, const char *json, size_t len, struct err *err);
cJSON *yagna_packed(struct yagna_packer *packer, struct err *err);
void yagna_packer_free(struct yagna_packer *packer);
/* What such a member holds: a packed list, a text, or nothing. */
struct yagna_bytes yagna_bytes_of(const cJSON *object, const char *key, const struct yagna_packer *packer,
				  struct err *err);

/* A table from a JSON list, one row per element; the caller frees it. */
#define yagna_rows(json, type) ((type *)mem_alloc(sizeof(type) * ((size_t)cJSON_GetArraySize(json) + 1)))

#endif
