/* SPDX-License-Identifier: BSD-3-Clause */

/* The parts of tls_process_init(). */

#pragma once

#include "tls/tls_process.h"

#include <stdbool.h>

/* tls_engine.c: true when keys of certificates are decoded the short way from now on. */
bool tls_engine_install(void);
