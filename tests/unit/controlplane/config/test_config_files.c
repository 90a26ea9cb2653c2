/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/unit/controlplane/config/document.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
	struct edit edit[2];
	const char *path;
	const char *text;
} bad[] = {
	{{{"certificates/0/certificate", "'none.pem'"}},
	 "certificates[0].certificate",
	 "cannot read /etc/tagwarden/none.pem: No such file or directory"},
	{{{"certificates/0/certificate", "'/root/web.pem'"}},
	 "certificates[0].certificate",
	 "cannot read /root/web.pem: Permission denied"},
	{{{"certificates/0/certificate", "'empty.pem'"}},
	 "certificates[0].certificate",
	 "holds no certificate in PEM form"},
	{{{"certificates/0/certificate", "'garbage.pem'"}},
	 "certificates[0].certificate",
	 "holds no certificate in PEM form"},
	{{{"certificates/0/certificate", "'broken.pem'"}},
	 "certificates[0].certificate",
	 "certificate 2 in the file cannot be parsed"},
	{{{"certificates/0/key", "'web.pem'"}},
	 "certificates[0].key",
	 "holds no private key in PEM form, or one with a passphrase"},
	{{{"certificates/0/key", "'locked.key'"}},
	 "certificates[0].key",
	 "holds no private key in PEM form, or one with a passphrase"},
	{{{"certificates/0/key", "'other.key'"}},
	 "certificates[0].key",
	 "is not the key of the certificate"},
	{{{"certificates/0/certificate", "'rsa1024.pem'"}, {"certificates/0/key", "'rsa1024.key'"}},
	 "certificates[0].key",
	 "is an RSA key of less than 2048 bits"},
	{{{"certificates/0/certificate", "'p521.pem'"}, {"certificates/0/key", "'p521.key'"}},
	 "certificates[0].key",
	 "is an EC key, but not on P-256 or P-384"},
	{{{"ems/0/key", "'other.key'"}}, "ems[0].key", "is not the key of the certificate"},
	{{{"ems/0/verifying_ca", "'garbage.pem'"}},
	 "ems[0].verifying_ca",
	 "holds no certificate in PEM form"},
	/* A device certificate signed by a device must never be believed. */
	{{{"ems/0/ztna_ca", "'odd.pem'"}},
	 "ems[0].ztna_ca",
	 "certificate 1 in the file is not a CA's"},
};

static void a_file_that_cannot_be_used_is_named_with_the_reason(void **)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config_errors errs = {};
		assert_null(document_parse(bad[i].edit, 2, &errs));
		if (strcmp(bad[i].path, "certificates[0].certificate") == 0 && errs.nb_errors > 1) {
			/* broken.pem: its first certificate does not fit the key either. */
			const struct config_error *e = find_error(&errs, bad[i].path);
			assert_non_null(e);
			assert_string_equal(e->text, bad[i].text);
			continue;
		}
		assert_one_error(&errs, bad[i].path, bad[i].text);
	}
}

static void a_key_that_others_can_read_is_warned_of(void **)
{
	static const struct edit edits[] = {{"certificates/0/certificate", "'odd.pem'"},
					    {"certificates/0/key", "'open.key'"}};
	struct config_errors errs = {};

	struct config *cfg = document_parse(edits, 2, &errs);
	assert_non_null(cfg);
	const struct config_error *e = find_error(&errs, "certificates[0].key");
	assert_non_null(e);
	assert_true(e->is_warning);
	assert_string_equal(e->text, "/etc/tagwarden/open.key can be read by others (mode 0644); "
				     "chmod 600 it");
	config_free(cfg);
}

static void chains_and_keys_are_kept_as_der_and_pem(void **)
{
	static const struct edit rsa[] = {{"certificates/0/certificate", "'shop.pem'"},
					  {"certificates/0/key", "'shop.key'"}};
	struct config_errors errs = {};

	struct config *cfg = document_parse(rsa, 2, &errs);
	assert_non_null(cfg);
	const struct config_keypair *p = &cfg->certificates[0].pair;
	assert_int_equal(p->nb_chain, 2);
	assert_true(p->chain[0].len > 100);
	assert_int_equal(p->chain[0].ptr[0], 0x30);
	assert_true(p->key_der.len > 1000);
	assert_int_equal(p->key_der.ptr[0], 0x30);
	assert_memory_equal(p->key_pem.ptr, "-----BEGIN PRIVATE KEY-----", 27);
	assert_int_equal(cfg->ems[0].ztna_ca.nb_der, 1);
	assert_int_equal(cfg->ems[0].client.nb_chain, 2);
	config_free(cfg);
}

static void no_message_holds_a_byte_of_a_key(void **)
{
	/* The key where a certificate and a CA belong: the errors name files only. */
	static const struct edit edits[] = {{"certificates/0/certificate", "'web.key'"},
					    {"ems/0/verifying_ca", "'web.key'"}};
	struct config_errors errs = {};
	uint8_t *key;
	size_t len;
	mode_t mode;

	assert_null(document_parse(edits, 2, &errs));
	assert_true(errs.nb_errors >= 2);
	assert_int_equal(
		document_files.read(NULL, "/etc/tagwarden/web.key", 4096, &key, &len, &mode), 0);
	key[len - 1] = '\0';
	/* Sixteen characters of the body's first line. */
	char piece[17] = {};
	memcpy(piece, strchr((char *)key, '\n') + 33, 16);
	for (unsigned i = 0; i < errs.nb; i++)
		assert_null(strstr(errs.e[i].text, piece));
	free(key);
}

static void the_file_system_reader_keeps_to_regular_files_and_its_bound(void **)
{
	char name[] = "/tmp/test_config_files.XXXXXX";
	int fd = mkstemp(name);
	uint8_t *buf = NULL;
	size_t len = 0;
	mode_t mode = 0;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	fchmod(fd, 0640);
	close(fd);
	assert_int_equal(config_files_os.read(NULL, name, 4, &buf, &len, &mode), -EFBIG);
	assert_int_equal(config_files_os.read(NULL, "/tmp", 4, &buf, &len, &mode), -EISDIR);
	assert_int_equal(config_files_os.read(NULL, "/dev/null", 4, &buf, &len, &mode), -EINVAL);
	assert_null(buf);
	assert_int_equal(config_files_os.read(NULL, name, 5, &buf, &len, &mode), 0);
	assert_int_equal(len, 5);
	assert_int_equal(mode, 0640);
	assert_memory_equal(buf, "hello", 5);
	free(buf);

	/* The whole way, from a file that is no configuration. */
	struct config_errors errs = {};
	assert_null(config_load(name, &errs));
	assert_int_equal(errs.nb_errors, 1);
	unlink(name);
	errs = (struct config_errors){};
	assert_null(config_load("/nonexistent/x.json", &errs));
	assert_one_error(&errs, "", "cannot read /nonexistent/x.json: No such file or directory");
}

/* With the certificates that the examples name, but read from memory. */
static void the_examples_load(void **)
{
	static const char *const names[] = {"minimal.json", "full.json"};

	for (unsigned i = 0; i < 2; i++) {
		char path[512];
		struct config_errors errs = {};
		uint8_t *buf;
		size_t len;
		mode_t mode;
		(void)snprintf(path, sizeof(path), "%s/%s", EXAMPLES, names[i]);
		assert_int_equal(
			config_files_os.read(NULL, path, CONFIG_DOCUMENT_MAX, &buf, &len, &mode),
			0);
		struct config *cfg = config_parse(buf, len, "/etc/tagwarden/tagwarden.json",
						  &document_files, &errs);
		free(buf);
		for (unsigned j = 0; j < errs.nb; j++)
			print_message("%s: %s: %s\n", names[i], errs.e[j].path.s, errs.e[j].text);
		assert_int_equal(errs.nb, 0);
		assert_non_null(cfg);
		config_free(cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_that_cannot_be_used_is_named_with_the_reason),
		cmocka_unit_test(a_key_that_others_can_read_is_warned_of),
		cmocka_unit_test(chains_and_keys_are_kept_as_der_and_pem),
		cmocka_unit_test(no_message_holds_a_byte_of_a_key),
		cmocka_unit_test(the_file_system_reader_keeps_to_regular_files_and_its_bound),
		cmocka_unit_test(the_examples_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
