/* SPDX-License-Identifier: BSD-3-Clause */

#include "tls/tls_process_priv.h"

#include <stddef.h>

void tls_process_init(const char **ret_why)
{
	*ret_why = NULL;
	if (!tls_engine_install())
		*ret_why = "this OpenSSL does not take the short way to decode certificates";
}
