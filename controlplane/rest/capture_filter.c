/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libpcap compiles. It would look up every word that it does not know as the name of a host or a
 * network, over the network and for as long as that takes, while this thread serves nobody else;
 * so words are compared with those of its language first. Names of ports and protocols, which come
 * from files, are among those after `port` and `proto`.
 */

#include "rest/capture_filter.h"

#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = {
	"addr1",
	"addr2",
	"addr3",
	"addr4",
	"address1",
	"address2",
	"address3",
	"address4",
	"ah",
	"and",
	"arp",
	"broadcast",
	"byte",
	"dir",
	"direction",
	"dst",
	"esp",
	"ether",
	"fddi",
	"gateway",
	"geneve",
	"greater",
	"host",
	"icmp",
	"icmp6",
	"igmp",
	"igrp",
	"ip",
	"ip6",
	"isis",
	"iso",
	"len",
	"length",
	"less",
	"link",
	"llc",
	"lldp",
	"mask",
	"mpls",
	"multicast",
	"net",
	"not",
	"or",
	"pim",
	"port",
	"portrange",
	"pppoed",
	"pppoes",
	"proto",
	"protochain",
	"ra",
	"rarp",
	"sctp",
	"src",
	"stp",
	"subtype",
	"ta",
	"tcp",
	"tcpflags",
	"type",
	"udp",
	"vlan",
	"vrrp",
	"carp",
	"icmptype",
	"icmpcode",
	"icmp6type",
	"icmp6code",
	"tcp-fin",
	"tcp-syn",
	"tcp-rst",
	"tcp-push",
	"tcp-ack",
	"tcp-urg",
	"tcp-ece",
	"tcp-cwr",
	"icmp-echo",
	"icmp-echoreply",
	"icmp-unreach",
	"icmp-redirect",
	"icmp-timxceed",
	"icmp-paramprob",
	"icmp6-echo",
	"icmp6-echoreply",
	"icmp6-packettoobig",
	"icmp6-destinationrunreach",
	"icmp6-neighborsolicit",
	"icmp6-neighboradvert",
	"icmp6-routersolicit",
	"icmp6-routeradvert",
	"icmp6-timeexceeded",
	"icmp6-parameterproblem",
};

#define NB_WORDS (sizeof(words) / sizeof(words[0]))
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:"

static bool is_word(const char *s, size_t len)
{
	for (size_t i = 0; i < NB_WORDS; i++)
		if (strlen(words[i]) == len && memcmp(words[i], s, len) == 0)
			return true;
	return false;
}

/* Addresses and numbers: what libpcap does not take for a name. */
static bool is_number(const char *s, size_t len)
{
	const bool is_hex = memchr(s, ':', len) != NULL ||
			    (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'));

	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)s[i];

		if (isdigit(c) || c == '.' || c == '-')
			continue;
		if (!is_hex || !(isxdigit(c) || c == ':' || (i == 1 && (c | 0x20) == 'x')))
			return false;
	}
	return true;
}

/* What may be named after it is looked up in files: /etc/services, /etc/protocols. */
static bool takes_name(const char *s, size_t len)
{
	static const char *const kind[] = {"port", "portrange", "proto", "protochain"};

	for (size_t i = 0; i < sizeof(kind) / sizeof(kind[0]); i++)
		if (strlen(kind[i]) == len && memcmp(kind[i], s, len) == 0)
			return true;
	return false;
}

/* The first word that libpcap would ask the network for; NULL: none. */
static const char *find_name(const char *text, size_t *ret_len)
{
	bool may_be_name = false;

	for (const char *p = text; *p != '\0';) {
		const size_t len = strspn(p, WORD_CHARS);

		if (len == 0) {
			p++;
			continue;
		}
		if (!is_word(p, len) && !is_number(p, len) && !may_be_name) {
			*ret_len = len;
			return p;
		}
		may_be_name = takes_name(p, len);
		p += len;
	}
	return NULL;
}

static int copy_program(const struct bpf_program *prog, struct capture_insn *ret, uint32_t *ret_nb,
			char *ret_why)
{
	if (prog->bf_len > CAPTURE_INSNS) {
		(void)snprintf(ret_why, CAPTURE_WHY_MAX,
			       "The filter is too long: %u instructions, %u at most.", prog->bf_len,
			       CAPTURE_INSNS);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < prog->bf_len; i++)
		ret[i] = (struct capture_insn){
			.code = prog->bf_insns[i].code,
			.jt = prog->bf_insns[i].jt,
			.jf = prog->bf_insns[i].jf,
			.k = prog->bf_insns[i].k,
		};
	*ret_nb = prog->bf_len;
	return 0;
}

int capture_filter_compile(const char *text, uint32_t snaplen,
			   struct capture_insn ret[static CAPTURE_INSNS], uint32_t *ret_nb,
			   char ret_why[static CAPTURE_WHY_MAX])
{
	struct bpf_program prog;
	size_t len = 0;
	int rc = -EINVAL;

	if (text[strspn(text, " \t")] == '\0') {
		*ret_nb = 0;
		return 0;
	}
	const char *name = find_name(text, &len);

	if (name != NULL) {
		(void)snprintf(ret_why, CAPTURE_WHY_MAX,
			       "The filter has \"%.*s\", which is no word of pcap-filter(7) and "
			       "no address. Names of hosts are not looked up: write the address.",
			       len < 64 ? (int)len : 64, name);
		return -EINVAL;
	}
	pcap_t *p = pcap_open_dead(DLT_EN10MB, (int)snaplen);

	if (p == NULL) {
		(void)snprintf(ret_why, CAPTURE_WHY_MAX, "Memory is short.");
		return -EINVAL;
	}
	if (pcap_compile(p, &prog, text, 1, PCAP_NETMASK_UNKNOWN) == 0) {
		rc = copy_program(&prog, ret, ret_nb, ret_why);
		pcap_freecode(&prog);
	} else {
		(void)snprintf(ret_why, CAPTURE_WHY_MAX, "The filter is refused: %.200s.",
			       pcap_geterr(p));
	}
	pcap_close(p);
	return rc;
}
