/* SPDX-License-Identifier: BSD-3-Clause */

/* What an EMS says it can do, at verification: words that are known, and what they are good for. */

#pragma once

#include <stdbool.h>

enum ems_cap {
	EMS_CAP_FABRIC_AUTH,
	EMS_CAP_SILENT_APPROVAL,
	EMS_CAP_WEBSOCKET,
	EMS_CAP_WEBSOCKET_MALWARE,
	EMS_CAP_PUSH_CA_CERTS,
	EMS_CAP_COMMON_TAGS_API,
	EMS_CAP_TENANT_ID,
	EMS_CAP_CLIENT_AVATARS,
	EMS_CAP_SINGLE_VDOM_CONNECTOR,
	EMS_CAP_FGT_SYSINFO_API,
	EMS_CAP_ZTNA_SERVER_INFO,
	EMS_CAP_TAG_DEF,
	EMS_CAP_USED_TAGS,
	EMS_CAP_CRL,
	EMS_CAP__COUNT,
};

struct ems_cap_text {
	const char *name;
	const char *meaning;
	const char *without; /* what follows where it is missing; "": nothing here uses it */
};
extern const struct ems_cap_text ems_cap_texts[EMS_CAP__COUNT];

/* Is <cap> one of <words>, which are separated by spaces? */
bool ems_cap_is_in(const char *words, enum ems_cap cap);
