/* SPDX-License-Identifier: BSD-3-Clause */

#include "rest/config_answer.h"

#include "config/config_errors.h"
#include "config_store/transaction.h"
#include "rest/rest_priv.h"

#include <stdio.h>
#include <string.h>

void config_answer_who(const struct rest_who *who, char ret[static CONFIG_WHO_MAX])
{
	/* A token's or a certificate's name is in <how> already. */
	if (strncmp(who->how, "uid=", 4) == 0 && who->name[0] != '\0')
		(void)snprintf(ret, CONFIG_WHO_MAX, "%s (%s)", who->name, who->how);
	else
		(void)snprintf(ret, CONFIG_WHO_MAX, "%s", who->how);
}

static json_t *errors_json(const struct config_errors *errs, bool is_warning)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < errs->nb; i++)
		if (errs->e[i].is_warning == is_warning)
			json_array_append_new(list, json_pack("{s:o,s:o}", "path",
							      rest_cstr(errs->e[i].path.s), "text",
							      rest_cstr(errs->e[i].text)));
	return list;
}

void config_answer_lists(json_t *j, const struct config_errors *errs)
{
	json_object_set_new(j, "errors", errors_json(errs, false));
	json_object_set_new(j, "warnings", errors_json(errs, true));
	json_object_set_new(j, "not_shown", json_integer(errs->nb_dropped));
}

json_t *config_answer_state(struct cp *cp)
{
	struct config_tx_state st;

	if (cp->config_tx == NULL)
		return json_null();
	config_tx_state(cp->config_tx, &st);
	json_t *j =
		json_pack("{s:I,s:s,s:o,s:o,s:o,s:s}", "version", (json_int_t)st.running.number,
			  "kind", config_kind_name(st.running.kind), "who",
			  rest_cstr(st.running.who), "time", rest_time_ms(st.running.time_ms),
			  "comment", rest_cstr(st.running.comment), "sha256", st.running.sha256);
	json_object_set_new(j, "confirm_by", rest_time_ms(st.confirm_by_ms));
	json_object_set_new(j, "confirm_left_s",
			    st.confirm_by_ms == 0
				    ? json_null()
				    : json_integer((json_int_t)(st.confirm_left_ms + 999) / 1000));
	json_object_set_new(j, "candidate",
			    !st.has_candidate
				    ? json_null()
				    : json_pack("{s:o,s:o,s:I,s:b}", "who",
						rest_cstr(st.candidate.who), "time",
						rest_time_ms(st.candidate.time_ms), "base",
						(json_int_t)st.candidate.number, "stale",
						(int)(st.candidate.number != st.running.number)));
	return j;
}
