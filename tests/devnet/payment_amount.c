/* Amounts and times as payment documents write them (reference/yagna-api.md 1.4). */
#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/payment.h"

void payment_print_amount(const struct decimal *amount, unsigned decimals, struct buf *out)
{
	size_t start = out->len;

	decimal_print(amount, out);

	const char *dot = strchr(out->data + start, '.');
	size_t shown = dot ? strlen(dot + 1) : 0;

	if (decimals && !dot)
		buf_addc(out, '.');
	for (; shown < decimals; shown++)
		buf_addc(out, '0');
}

cJSON *payment_amount(const struct decimal *amount)
{
	struct buf text BUF_AUTO = {0};

	payment_print_amount(amount, PAYMENT_DECIMALS, &text);
	return cJSON_CreateString(buf_text(&text));
}

cJSON *payment_time(const struct timespec *time, unsigned digits)
{
	char text[40];

	wire_time(text, time, digits);
	return cJSON_CreateString(text);
}

struct timespec payment_later(const struct timespec *time, double seconds)
{
	struct timespec later = *time;

	later.tv_sec += (time_t)seconds;
	return later;
}

char *payment_amount_text(const cJSON *json)
{
	struct buf text BUF_AUTO = {0};
	struct decimal amount DECIMAL_AUTO = decimal_zero();
	double value = json->valuedouble;

	if (cJSON_IsString(json) && !strpbrk(json->valuestring, "eE"))
		return mem_strdup(json->valuestring);
	if (cJSON_IsString(json)) {
		decimal_parse(&amount, json->valuestring, NULL);
		decimal_print(&amount, &text);
		return mem_strdup(buf_text(&text));
	}
	if (value == floor(value) && fabs(value) < 1e15)
		return mem_printf("%.0f", value);

	char scientific[40];

	snprintf(scientific, sizeof(scientific), "%.15e", value);

	long exponent = strtol(strchr(scientific, 'e') + 1, NULL, 10);

	return mem_printf("%.*f", exponent < 15 ? (int)(15 - exponent) : 0, value);
}

void payment_read_amount(const cJSON *json, struct decimal *out)
{
	if (cJSON_IsString(json))
		decimal_parse(out, json->valuestring, NULL);
	else
		decimal_from_double(out, json->valuedouble, NULL);
}

bool payment_is_past(const struct timespec *time)
{
	struct timespec now = wire_now();

	return time->tv_sec < now.tv_sec || (time->tv_sec == now.tv_sec && time->tv_nsec < now.tv_nsec);
}

const cJSON *payment_given(const cJSON *body, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);

	return cJSON_IsNull(item) ? NULL : item;
}
