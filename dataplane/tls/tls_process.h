/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a process does once for libcrypto to be fast, before anything else of it is used. Without
 * it, or where a part is not to be had, all works the stock way, slower.
 */

#pragma once

/*
 * Call from the first thread before there are others, and before any other call of OpenSSL.
 * Never fails: what could not be set up is named in <ret_why> (static), NULL: nothing.
 */
void tls_process_init(const char **ret_why);
