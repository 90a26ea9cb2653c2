/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a client may read about a denial. The codes and titles are those that the field's operators
 * know; the remedies speak to the person in front of the browser.
 */

#include "common/policy/policy.h"

#include <stddef.h>

struct code_row {
	uint16_t code;
	const char *title, *text, *remedy;
};

static const char cert[] = "Invalid ZTNA Certificate";
static const char app[] = "ZTNA Application Not Found";
static const char portal[] = "ZTNA Portal Error";
static const char denied[] = "ZTNA Policy Deny";

static const struct code_row rows[] = {
	{1, cert, "The client certificate does not belong to this device",
	 "Connect the endpoint agent to its management server so that it gets a new certificate, "
	 "restart the browser and choose the certificate with the latest date"},
	{2, cert, "No client certificate was presented",
	 "Check that the endpoint agent is connected to its management server, restart the browser "
	 "and choose the agent's certificate when asked"},
	{3, cert, "This device is managed but presented no client certificate",
	 "Restart the browser and choose the endpoint agent's certificate when asked"},
	{21, app, "No application is published at this address",
	 "Check the address; ask your administrator if it should exist"},
	{22, app, "The application's server is not available",
	 "Try again in a few minutes; tell your administrator if it lasts"},
	{23, app, "The application's server name could not be resolved",
	 "Try again in a few minutes; tell your administrator if it lasts"},
	{41, portal, "The bookmark's address could not be resolved",
	 "Check the bookmark; ask your administrator for the right address"},
	{61, denied, "Nothing permits this access",
	 "Ask your administrator for access and name the request id below"},
	{62, denied, "This access is denied",
	 "Ask your administrator for access and name the request id below"},
	{63, denied, "The client certificate has been revoked",
	 "Connect the endpoint agent to its management server so that it gets a new certificate"},
	{64, denied, "The state of this device forbids the access",
	 "Open the endpoint agent, solve the problems that it shows, and try again"},
	{65, denied, "This device does not meet the requirements",
	 "Open the endpoint agent, solve the problems that it shows, and try again"},
	{66, denied, "There is no current information about this device",
	 "Check that the endpoint agent is connected to its management server and try again in a "
	 "minute"},
	{67, denied, "The management server reports this device as offline",
	 "Check that the endpoint agent is connected to its management server and try again in a "
	 "minute"},
};

static const struct code_row *find(uint16_t code)
{
	static const struct code_row other = {
		0, "Access Denied", "The request was denied",
		"Ask your administrator for access and name the request id below"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return &rows[i];
	return &other;
}

const char *policy_code_title(uint16_t code)
{
	return find(code)->title;
}

const char *policy_code_text(uint16_t code)
{
	return find(code)->text;
}

const char *policy_code_remedy(uint16_t code)
{
	return find(code)->remedy;
}
