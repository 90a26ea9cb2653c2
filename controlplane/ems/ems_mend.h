/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Text that jansson refuses, made such that it does not: a name is a device's own to choose, and
 * one of a NUL, of half a surrogate pair, or of bytes that are not UTF-8 must not keep the page of
 * a thousand others out. Pure.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * In the strings of the JSON in <p>, in place: "\u0000" and surrogates without their other half
 * become "\u003f", bytes that are not UTF-8 (RFC 3629) become '?'. Returns how many there were.
 */
size_t ems_mend(uint8_t *p, size_t len);
