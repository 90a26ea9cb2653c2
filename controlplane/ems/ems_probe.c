/* SPDX-License-Identifier: BSD-3-Clause */

/* Connection tests: somebody wants to know whether EMS answers now, on a connection of its own. */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <errno.h>
#include <stdio.h>

LOG_TYPE("ems");

static void note(struct ems_conn *c, uint32_t nb, int rc)
{
	struct state_ems_test *t = &c->status.test;

	t->nb = nb;
	t->done_ms = loop_real_ms();
	t->code = rc < 0 ? c->fail.code : 0;
	(void)snprintf(t->text, sizeof(t->text), "%s", rc < 0 ? c->fail.text : "");
	LOG(INFO, "connection tested ems=%s code=%d", c->name, (int)t->code);
}

int ems_probe(struct ems_conn *c)
{
	uint32_t wanted;
	int rc;

	pthread_mutex_lock(&c->mutex);
	wanted = c->nb_tests_wanted;
	pthread_mutex_unlock(&c->mutex);
	if (wanted == c->status.test.nb)
		return 0;
	/* The kept connection may be good where a new one is not. */
	ems_call_hang_up(c);
	rc = ems_hello_identity(c);
	if (rc == -ECANCELED)
		return rc;
	note(c, wanted, rc);
	/* What waits for EMS to come back need not wait any longer. */
	if (rc == 0)
		c->retry_at_ms = 0;
	ems_status_post(c, true);
	return rc < 0 ? rc : 1;
}
