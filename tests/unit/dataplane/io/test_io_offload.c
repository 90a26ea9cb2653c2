/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/io_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A port of the kind that most network cards are. */
static struct rte_eth_dev_info card(void)
{
	return (struct rte_eth_dev_info){
		.max_rx_pktlen = 9728,
		.max_mtu = 9702,
		.max_rx_queues = 16,
		.max_tx_queues = 16,
		.hash_key_size = 40,
		.reta_size = 128,
		.flow_type_rss_offloads = RTE_ETH_RSS_NONFRAG_IPV4_TCP,
		.rx_offload_capa = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
				   RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER,
		.tx_offload_capa = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
				   RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
				   RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
		.tx_desc_lim = {.nb_seg_max = UINT16_MAX},
	};
}

static struct io_port port(const char *driver)
{
	return (struct io_port){.driver = driver, .mtu = 1500};
}

static void what_a_card_has_is_used(void **)
{
	const struct rte_eth_dev_info info = card();
	struct rte_eth_conf conf = {0};
	struct io_port p = port("net_ice");

	io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
	assert_int_equal(p.offloads, IO_OFFLOAD_TX_CKSUM | IO_OFFLOAD_RX_CKSUM | IO_OFFLOAD_TSO |
					     IO_OFFLOAD_VLAN_STRIP | IO_OFFLOAD_VLAN_INSERT |
					     IO_OFFLOAD_MULTI_SEGS);
	assert_int_equal(conf.txmode.offloads, info.tx_offload_capa);
	/* A frame fits into a buffer: no need to scatter. */
	assert_int_equal(conf.rxmode.offloads, info.rx_offload_capa & ~RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_true(p.tx_flags & RTE_MBUF_F_TX_IP_CKSUM);
	assert_false(p.is_insert_unshared);
	assert_int_equal(p.tso_max_segs, 64);
	assert_true(io_can_rss(&p, &info, 4, false));
}

static void none_of_it_is_when_told_so(void **)
{
	const struct rte_eth_dev_info info = card();
	struct rte_eth_conf conf = {0};
	struct io_port p = port("net_ice");

	io_choose_offloads(&p, &info, true, IO_ROOM, &conf);
	assert_int_equal(p.offloads, 0);
	assert_int_equal(p.tx_flags, 0);
	assert_int_equal(p.tso_max, 0);
	assert_int_equal(conf.txmode.offloads, 0);
	assert_int_equal(conf.rxmode.offloads, 0);
	assert_false(io_can_rss(&p, &info, 4, true));
	p.mtu = 9000;
	assert_false(io_can_scatter(&p, &info, true));
}

static void loops_of_the_tap_driver_count_as_nothing(void **)
{
	const struct rte_eth_dev_info info = card();
	struct rte_eth_conf conf = {0};
	struct io_port p = port("net_tap");

	io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
	assert_int_equal(p.offloads & (IO_OFFLOAD_TX_CKSUM | IO_OFFLOAD_RX_CKSUM | IO_OFFLOAD_TSO),
			 0);
	assert_int_equal(p.offloads & IO_OFFLOAD_MULTI_SEGS, IO_OFFLOAD_MULTI_SEGS);
	assert_false(io_can_rss(&p, &info, 4, false));
}

static void cutting_needs_chains_and_checksums(void **)
{
	static const uint64_t needs[] = {
		RTE_ETH_TX_OFFLOAD_TCP_TSO,
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
		RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
	};

	for (unsigned i = 0; i < 3; i++) {
		struct rte_eth_dev_info info = card();
		struct rte_eth_conf conf = {0};
		struct io_port p = port("net_ice");

		info.tx_offload_capa &= ~needs[i];
		io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
		assert_int_equal(p.tso_max, 0);
		assert_int_equal(p.tx_flags & RTE_MBUF_F_TX_TCP_SEG, 0);
		assert_int_equal(conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO, 0);
	}
}

static void a_packet_has_no_more_buffers_than_the_port_takes(void **)
{
	struct rte_eth_dev_info info = card();
	struct rte_eth_conf conf = {0};
	struct io_port p = port("net_ixgbe");

	info.tx_desc_lim.nb_seg_max = 40;
	io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
	assert_int_equal(p.tso_max_segs, 39);
	info.tx_desc_lim.nb_seg_max = 3;
	io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
	assert_int_equal(p.tso_max_segs, 0);
}

static void virtio_computes_no_ip_checksum(void **)
{
	struct rte_eth_dev_info info = card();
	struct rte_eth_conf conf = {0};
	struct io_port p = port("net_virtio_user");

	info.tx_offload_capa &= ~RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
	assert_int_equal(p.tx_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM),
			 RTE_MBUF_F_TX_TCP_CKSUM);
	assert_true(p.is_insert_unshared);
}

static void large_frames_are_scattered_or_have_large_buffers(void **)
{
	struct rte_eth_dev_info info = card();
	struct rte_eth_conf conf = {0};
	struct io_port p = port("net_ice");

	p.mtu = 9000;
	assert_true(io_can_scatter(&p, &info, false));
	io_choose_offloads(&p, &info, false, IO_ROOM, &conf);
	assert_true(p.offloads & IO_OFFLOAD_SCATTER);
	assert_true(conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER);
	info.rx_offload_capa &= ~RTE_ETH_RX_OFFLOAD_SCATTER;
	assert_false(io_can_scatter(&p, &info, false));
	p.mtu = 1500;
	assert_true(io_can_scatter(&p, &info, false));
}

static void the_largest_mtu_is_what_the_driver_can_really_do(void **)
{
	struct rte_eth_dev_info info = card();
	struct io_port p = port("net_ice");
	static const char dev[] = "net_af_packet0,iface=x,framesz=16384,blocksz=65536";

	assert_int_equal(io_largest_mtu(&p, &info), 9702);
	info = (struct rte_eth_dev_info){.max_rx_pktlen = 1518, .max_mtu = UINT16_MAX};
	p = port("net_tap");
	assert_int_equal(io_largest_mtu(&p, &info), 1500);
	p = port("net_memif");
	assert_int_equal(io_largest_mtu(&p, &info), UINT16_MAX);
	p = port("net_af_packet");
	p.device = slice_str("net_af_packet0,iface=x");
	assert_int_equal(io_largest_mtu(&p, &info), 2048 - 84);
	p.device = slice_str(dev);
	assert_int_equal(io_largest_mtu(&p, &info), 16384 - 84);
}

static void rss_needs_a_key_and_a_table_that_we_know(void **)
{
	struct rte_eth_dev_info info = card();
	const struct io_port p = port("net_ice");

	assert_false(io_can_rss(&p, &info, 1, false));
	assert_false(io_can_rss(&p, &info, 17, false));
	info.reta_size = 100;
	assert_false(io_can_rss(&p, &info, 4, false));
	info.reta_size = 1024;
	assert_false(io_can_rss(&p, &info, 4, false));
	info.reta_size = 512;
	assert_true(io_can_rss(&p, &info, 4, false));
	info.hash_key_size = 65;
	assert_false(io_can_rss(&p, &info, 4, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_card_has_is_used),
		cmocka_unit_test(none_of_it_is_when_told_so),
		cmocka_unit_test(loops_of_the_tap_driver_count_as_nothing),
		cmocka_unit_test(cutting_needs_chains_and_checksums),
		cmocka_unit_test(a_packet_has_no_more_buffers_than_the_port_takes),
		cmocka_unit_test(virtio_computes_no_ip_checksum),
		cmocka_unit_test(large_frames_are_scattered_or_have_large_buffers),
		cmocka_unit_test(the_largest_mtu_is_what_the_driver_can_really_do),
		cmocka_unit_test(rss_needs_a_key_and_a_table_that_we_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
