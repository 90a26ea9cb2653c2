/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config_errors.h"

#include <stdarg.h>
#include <stdio.h>

struct config_path config_path(const char *fmt, ...)
{
	struct config_path p = {};
	va_list ap;

	va_start(ap, fmt);
	/* vsnprintf() cuts and terminates; its result is not used as a length. */
	(void)vsnprintf(p.s, sizeof(p.s), fmt, ap);
	va_end(ap);
	return p;
}

static void replace_control_bytes(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

[[gnu::format(printf, 4, 0)]] static void add(struct config_errors *errs, bool is_warning,
					      const struct config_path *path, const char *fmt,
					      va_list ap)
{
	if (!is_warning)
		errs->nb_errors++;
	if (errs->nb == CONFIG_ERRORS_MAX) {
		errs->nb_dropped++;
		return;
	}
	struct config_error *e = &errs->e[errs->nb++];
	e->is_warning = is_warning;
	e->path = *path;
	replace_control_bytes(e->path.s);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	replace_control_bytes(e->text);
}

void config_error(struct config_errors *errs, const struct config_path *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(errs, false, path, fmt, ap);
	va_end(ap);
}

void config_warn(struct config_errors *errs, const struct config_path *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(errs, true, path, fmt, ap);
	va_end(ap);
}
