/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The certificates of the simulated site: who signs what, where the files lie.
 *
 *	ems-ca ---> ems                 the EMS server; its CN is the EMS serial number
 *	gateway-ca ---> gateway         the gateway's client certificate; CN its serial number
 *	ztna-ca ---> devices/<UID>      device certificates; the CA's CN is the EMS serial number
 *	web-ca ---> <name>              server certificates for access proxies
 *
 * All keys are P-256; key files are readable by their owner only.
 */
#pragma once

#include "emsim/store.h"

#include <openssl/x509.h>

#include <stdbool.h>
#include <stdint.h>

struct key_cert {
	X509 *cert;
	EVP_PKEY *key;
};

struct pki {
	char dir[512];
	struct key_cert ems_ca;
	struct key_cert ems;
	struct key_cert ztna_ca;
	X509 *gateway_ca;
	struct key_cert ems_expired;  /* for the fault; never on disk */
	struct key_cert ems_wrong_cn; /* for the fault; never on disk */
};

struct pki_names {
	const char *ems_serial;
	const char *gateway_sn;
	const char *server_name; /* NULL or one more name in the EMS certificate */
};

/* Ways to make a wrong device certificate. */
enum dev_cert_kind {
	DEV_CERT_GOOD,
	DEV_CERT_SERIAL_MISMATCH, /* EMS records another serial */
	DEV_CERT_ALL_ZERO,        /* EMS records zeros */
	DEV_CERT_NO_EKU,
	DEV_CERT_EXPIRED,
	DEV_CERT_WRONG_ISSUER, /* right issuer name, wrong key */
	DEV_CERT_SELF_SIGNED,
	DEV_CERT__COUNT
};

/* "good", "serial-mismatch", ...; -1 for an unknown name. */
int dev_cert_kind_parse(const char *name);

/* Make the files that are not there yet: 0 or -errno, with a message on stderr. */
[[nodiscard]] int pki_init(const char *dir, const struct pki_names *names);

/* Load what the server needs. */
[[nodiscard]] int pki_open(struct pki *pki, const char *dir, const char *ems_serial);
void pki_close(struct pki *pki);

/* Another server certificate of the same CA and CN, with another key; ems.pem and .key too. */
[[nodiscard]] int pki_renew(struct pki *pki, const char *ems_serial);

/*
 * Make devices/<UID>.pem and .key, and tell which serial number EMS has to record for it.
 */
[[nodiscard]] int pki_make_device(struct pki *pki, const uint8_t uid[static UID_LEN],
				  enum dev_cert_kind kind, uint8_t ret_serial[static SERIAL_LEN]);

/* A server certificate <name>.pem/.key for <host> (a name or an address), signed by web-ca. */
[[nodiscard]] int pki_make_server(const char *dir, const char *name, const char *host);

/* Append a certificate in PEM. */
struct buf;
void pki_pem(X509 *cert, struct buf *out);
