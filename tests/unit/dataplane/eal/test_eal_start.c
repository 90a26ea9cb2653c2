/* SPDX-License-Identifier: BSD-3-Clause */

/* Which files a start takes away: stale sockets of a memif server, and nothing else. */

#include "eal/eal_start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[32];
static char path[128];

static int setup(void **)
{
	snprintf(dir, sizeof(dir), "/tmp/test_eal_start.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	return 0;
}

static int teardown(void **)
{
	unlink(path);
	return rmdir(dir);
}

static int listen_at_path(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	assert_true(fd >= 0);
	memcpy(addr.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void clear(const char *before, const char *after)
{
	char device[256];

	snprintf(device, sizeof(device), "%s%s%s", before, path, after);
	eal_clear_socket(slice_str(device));
}

static bool is_there(void)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void a_stale_socket_of_a_memif_server_is_taken_away(void **)
{
	close(listen_at_path());
	clear("net_memif0,role=server,socket-abstract=no,socket=", "");
	assert_false(is_there());
	close(listen_at_path());
	clear("net_memif0,socket=", ",role=server,rsize=10");
	assert_false(is_there());
}

static void a_socket_that_somebody_listens_on_stays(void **)
{
	const int fd = listen_at_path();

	clear("net_memif0,role=server,socket=", "");
	assert_true(is_there());
	close(fd);
}

static void a_client_and_other_drivers_take_nothing_away(void **)
{
	close(listen_at_path());
	clear("net_memif0,socket=", "");
	clear("net_memif0,role=client,socket=", "");
	clear("net_tap0,role=server,socket=", "");
	clear("net_memif0,role=server,xsocket=", "");
	clear("net_memif0,role=server,socket=", ".x");
	assert_true(is_there());
}

static void what_is_no_socket_stays(void **)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fclose(f);
	clear("net_memif0,role=server,socket=", "");
	assert_true(is_there());
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	clear("net_memif0,role=server,socket=", "");
	assert_true(is_there());
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_stale_socket_of_a_memif_server_is_taken_away),
		T(a_socket_that_somebody_listens_on_stays),
		T(a_client_and_other_drivers_take_nothing_away),
		T(what_is_no_socket_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
