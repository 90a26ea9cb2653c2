/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Events of a connector in the field's format for endpoint events, as lines of the daemon's log:
 * what reads the field's logs finds them there.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	unsigned id;
	enum log_level level;
	const char *severity, *desc;
} events[EMS_EVENT__COUNT] = {
	[EMS_EVENT_WS_NOTIFICATION] = {45121, LOG_L_NOTICE, "notice", "EMS WebSocket notification"},
	[EMS_EVENT_REST_ERROR] = {45122, LOG_L_WARN, "warning", "EMS REST API error"},
	[EMS_EVENT_WS_ERROR] = {45123, LOG_L_WARN, "warning", "EMS WebSocket connection error"},
	[EMS_EVENT_REST_RECOVERED] = {45128, LOG_L_INFO, "information",
				      "EMS REST API recovered from an error"},
	[EMS_EVENT_VERIFIED] = {45129, LOG_L_NOTICE, "information",
				"FCEMS entry has been verified"},
	[EMS_EVENT_VERIFY_FAILED] = {45130, LOG_L_WARN, "warning",
				     "FCEMS entry has failed to be verified"},
};

/* A quote in a value would end it early, and an EMS could add fields of its own. */
static void unquote(char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '"')
			*s = '\'';
}

void ems_event(const struct ems_conn *c, enum ems_event ev, const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	if (!log_is_on(events[ev].level))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	unquote(msg);
	log_line(events[ev].level, "event",
		 "logid=\"01070%u\" type=\"event\" subtype=\"endpoint\" level=\"%s\" vd=\"%s\" "
		 "logdesc=\"%s\" fctemssn=\"%s\" fctemsname=\"%s\" msg=\"%s\"",
		 events[ev].id, events[ev].severity, c->vdom, events[ev].desc, c->serial_number,
		 c->name, msg);
}

void ems_event_call(const struct ems_conn *c, enum ems_event ev, enum state_obj obj,
		    const char *what)
{
	const struct state_call_stats *st = &c->status.call[obj];

	if (!log_is_on(events[ev].level))
		return;
	log_line(events[ev].level, "event",
		 "logid=\"01070%u\" type=\"event\" subtype=\"endpoint\" level=\"%s\" vd=\"%s\" "
		 "logdesc=\"%s\" url=\"https://%s:%u/%s\" httpcode=%d fctemssn=\"%s\" "
		 "fctemsname=\"%s\" msg=\"%s %s HTTP Code: %d cURL result: (%d) %s\"",
		 events[ev].id, events[ev].severity, c->vdom, events[ev].desc, c->host, c->port,
		 ems_objs[obj].entry, (int)st->last_http, c->serial_number, c->name, what,
		 ems_objs[obj].entry, (int)st->last_http, c->last_curl,
		 c->last_curl == 0 ? "No error" : curl_easy_strerror((CURLcode)c->last_curl));
}
