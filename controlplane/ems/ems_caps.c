/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_caps.h"

#include <string.h>

const struct ems_cap_text ems_cap_texts[EMS_CAP__COUNT] = {
	[EMS_CAP_FABRIC_AUTH] = {"fabric-auth", "a page of EMS's authorizes this gateway", ""},
	[EMS_CAP_SILENT_APPROVAL] = {"silent-approval", "further members of a fabric are approved",
				     ""},
	[EMS_CAP_WEBSOCKET] = {"websocket", "notifications",
			       "no notifications: changes are pulled on a schedule"},
	[EMS_CAP_WEBSOCKET_MALWARE] = {"websocket-malware", "notifications of malware hashes", ""},
	[EMS_CAP_PUSH_CA_CERTS] = {"push-ca-certs", "takes the CA of deep inspection", ""},
	[EMS_CAP_COMMON_TAGS_API] = {"common-tags-api", "tags, and tags of devices",
				     "no tags are pulled: what needs tags is denied"},
	[EMS_CAP_TENANT_ID] = {"tenant-id", "sites with a tenant id", "the default site alone"},
	[EMS_CAP_CLIENT_AVATARS] = {"client-avatars", "avatars by fingerprint", "no avatars"},
	[EMS_CAP_SINGLE_VDOM_CONNECTOR] = {"single-vdom-connector", "a connector per VDOM", ""},
	[EMS_CAP_FGT_SYSINFO_API] = {"fgt-sysinfo-api", "takes more about this gateway", ""},
	[EMS_CAP_ZTNA_SERVER_INFO] = {"ztna-server-info", "takes the VDOM's ZTNA servers", ""},
	[EMS_CAP_TAG_DEF] = {"tag-def", "definitions of tags", ""},
	[EMS_CAP_USED_TAGS] = {"used-tags", "takes the list of tags in use", ""},
	[EMS_CAP_CRL] = {"crl", "revoked ZTNA certificates",
			 "a revoked certificate is noticed by its device's record alone"},
};

bool ems_cap_is_in(const char *words, enum ems_cap cap)
{
	const char *name = ems_cap_texts[cap].name;
	const size_t n = strlen(name);

	/* "websocket" is a part of "websocket-malware". */
	for (const char *p = words; (p = strstr(p, name)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}
