/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_objs.h"

#include <string.h>

/* Numbers and descriptions as in the seed; those it does not show are free choices. */
const struct ems_obj ems_objs[STATE_OBJ__COUNT] = {
	[STATE_OBJ_SERIAL_NUMBER] = {.id = 0,
				     .name = "serial_number",
				     .desc = "REST API to get EMS Serial Number.",
				     .entry = "api/v1/system/serial_number",
				     .method = "GET",
				     .topics = "",
				     .poll_s = 60,
				     .poll_ws_s = 60,
				     .is_at_verify = true},
	[STATE_OBJ_CAPABILITIES] = {.id = 1,
				    .name = "capabilities",
				    .desc = "REST API to get EMS capabilities.",
				    .entry = "api/v1/system/capabilities",
				    .method = "GET",
				    .topics = "",
				    .is_at_verify = true},
	[STATE_OBJ_ZTNA_CA] = {.id = 2,
			       .name = "ztna_ca",
			       .desc = "REST API to get ZTNA certificate authorities.",
			       .entry = "api/v1/ztna/ca",
			       .method = "GET",
			       .topics = "ztna_ca",
			       .poll_s = 60,
			       .poll_ws_s = 300,
			       .is_at_verify = true,
			       .is_posture = true},
	[STATE_OBJ_VPN] = {.id = 7,
			   .name = "vpn",
			   .desc = "REST API to send updated regarding VPN updates.",
			   .entry = "api/v1/fgt/gateway_details/vpn",
			   .method = "POST",
			   .topics = "VPN users"},
	[STATE_OBJ_SYSINFO] = {.id = 8,
			       .name = "sysinfo",
			       .desc = "REST API to get updates about system info.",
			       .entry = "api/v1/report/fct/sysinfo",
			       .method = "GET",
			       .topics = "sysinfo",
			       .offset_key = "uid_offset",
			       .poll_s = 30,
			       .poll_ws_s = 120,
			       .is_posture = true},
	[STATE_OBJ_TAGS] = {.id = 12,
			    .name = "tags",
			    .desc = "REST API to get updates of tag endpoints.",
			    .entry = "api/v1/report/fct/tags",
			    .method = "GET",
			    .topics = "tags",
			    .offset_key = "tag_uid_offset",
			    .poll_s = 30,
			    .poll_ws_s = 120},
	[STATE_OBJ_UID_TAGS] = {.id = 13,
				.name = "uid_tags",
				.desc = "REST API to get updates of tags associated with FCT UID.",
				.entry = "api/v1/report/fct/uid_tags",
				.method = "GET",
				.topics = "tags",
				.offset_key = "uid_offset",
				.poll_s = 30,
				.poll_ws_s = 120,
				.is_posture = true},
};

unsigned ems_obj_id(const struct config_ems *e, enum state_obj obj)
{
	for (unsigned i = 0; i < e->nb_object_ids; i++)
		if (strcmp(e->object_ids[i].object, ems_objs[obj].name) == 0)
			return e->object_ids[i].id;
	return ems_objs[obj].id;
}
