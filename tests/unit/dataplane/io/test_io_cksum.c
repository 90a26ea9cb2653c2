/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/io_priv.h"
#include "tests/lib/eal_test.h"

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define IP4_SUM RTE_MBUF_F_TX_IP_CKSUM
#define TCP_SUM RTE_MBUF_F_TX_TCP_CKSUM

static struct rte_mempool *pool;

/* Text in buffers of <seg_len>, the first of which has the headers as well. */
static struct rte_mbuf *packet(bool is_v6, uint16_t l2_len, uint16_t text, uint16_t seg_len)
{
	const uint16_t l3_len = is_v6 ? 40 : 20;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *tail = m;
	uint8_t *h = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(l2_len + l3_len + 20));

	memset(h, 0, l2_len + l3_len + 20u);
	if (is_v6)
		*(struct rte_ipv6_hdr *)(void *)(h + l2_len) = (struct rte_ipv6_hdr){
			.vtc_flow = RTE_BE32(0x60000000),
			.payload_len = rte_cpu_to_be_16((uint16_t)(20 + text)),
			.proto = IPPROTO_TCP,
			.src_addr = {0x20, 1, [15] = 1},
			.dst_addr = {0x20, 1, [15] = 2},
		};
	else
		*(struct rte_ipv4_hdr *)(void *)(h + l2_len) = (struct rte_ipv4_hdr){
			.version_ihl = 0x45,
			.total_length = rte_cpu_to_be_16((uint16_t)(40 + text)),
			.next_proto_id = IPPROTO_TCP,
			.src_addr = RTE_BE32(0xc0000201),
			.dst_addr = RTE_BE32(0xc0000202),
		};
	((struct rte_tcp_hdr *)(void *)(h + l2_len + l3_len))->data_off = 0x50;
	for (uint16_t i = 0; i < text; i++) {
		if (i > 0 && i % seg_len == 0) {
			tail->next = rte_pktmbuf_alloc(pool);
			tail = tail->next;
			m->nb_segs++;
		}
		*(rte_pktmbuf_mtod(tail, uint8_t *) + tail->data_len++) = (uint8_t)(i * 7);
		m->pkt_len++;
	}
	m->l2_len = l2_len;
	m->l3_len = l3_len;
	m->l4_len = 20;
	m->ol_flags = is_v6 ? RTE_MBUF_F_TX_IPV6 | TCP_SUM : RTE_MBUF_F_TX_IPV4 | IP4_SUM | TCP_SUM;
	return m;
}

static bool is_tcp_sum_right(const struct rte_mbuf *m)
{
	uint8_t flat[4096];
	const uint8_t *ip = (const uint8_t *)rte_pktmbuf_read(m, 0, m->pkt_len, flat) + m->l2_len;
	const uint32_t off = m->l2_len + m->l3_len;
	uint32_t sum = rte_raw_cksum(ip + m->l3_len, m->pkt_len - off);

	sum += ip[0] >> 4 == 6 ? rte_ipv6_phdr_cksum((const void *)ip, 0)
			       : rte_ipv4_phdr_cksum((const void *)ip, 0);
	return (sum >> 16) + (sum & 0xffff) == 0xffff;
}

static bool is_ip_sum_right(const struct rte_mbuf *m)
{
	return rte_ipv4_cksum(rte_pktmbuf_mtod_offset(m, const void *, m->l2_len)) == 0;
}

static void a_port_without_gets_what_it_lacks(void **)
{
	static const uint16_t lens[] = {0, 1, 2, 7, 99, 100, 101, 333, 1001};

	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
			for (uint16_t seg = 99; seg < 1200; seg += 550) {
				struct rte_mbuf *m = packet(v6, i % 2 == 0 ? 14 : 18, lens[i], seg);

				io_cksum_finish(m, 0);
				assert_true(is_tcp_sum_right(m));
				assert_true(v6 || is_ip_sum_right(m));
				assert_int_equal(m->ol_flags & (IP4_SUM | TCP_SUM), 0);
				rte_pktmbuf_free(m);
			}
}

static void a_port_that_does_it_all_gets_it_untouched(void **)
{
	struct rte_mbuf *m = packet(false, 14, 100, 2000);
	uint8_t before[154];

	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	io_cksum_finish(m, IP4_SUM | TCP_SUM);
	assert_memory_equal(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	assert_int_equal(m->ol_flags & (IP4_SUM | TCP_SUM), IP4_SUM | TCP_SUM);
	rte_pktmbuf_free(m);
}

static void a_port_for_tcp_alone_gets_the_ip_header_done(void **)
{
	struct rte_mbuf *m = packet(false, 14, 100, 2000);

	io_cksum_finish(m, TCP_SUM);
	assert_true(is_ip_sum_right(m));
	assert_int_equal(m->ol_flags & (IP4_SUM | TCP_SUM), TCP_SUM);
	rte_pktmbuf_free(m);
}

static void what_asks_for_nothing_is_left_alone(void **)
{
	struct rte_mbuf *m = packet(false, 14, 50, 2000);
	uint8_t before[104];

	m->ol_flags = 0;
	memcpy(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	io_cksum_finish(m, 0);
	assert_memory_equal(before, rte_pktmbuf_mtod(m, void *), sizeof(before));
	rte_pktmbuf_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_without_gets_what_it_lacks),
		cmocka_unit_test(a_port_that_does_it_all_gets_it_untouched),
		cmocka_unit_test(a_port_for_tcp_alone_gets_the_ip_header_done),
		cmocka_unit_test(what_asks_for_nothing_is_left_alone),
	};

	eal_test_init();
	pool = rte_pktmbuf_pool_create("cksum", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	return pool == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
