/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Tag expressions, in Kleene's three-valued logic. The configuration was checked: depth is
 * bounded and no node but a tag is childless, so an expression over unknown tags is unknown.
 */

#include "common/policy/policy.h"

static enum policy_truth tag_truth(uint32_t tag, const uint64_t *bits, uint32_t nb_words)
{
	if (bits == NULL)
		return POLICY_UNKNOWN;
	if (tag / 64 >= nb_words)
		return POLICY_FALSE;
	return (bits[tag / 64] >> (tag % 64)) & 1 ? POLICY_TRUE : POLICY_FALSE;
}

static enum policy_truth truth_not(enum policy_truth t)
{
	if (t == POLICY_UNKNOWN)
		return POLICY_UNKNOWN;
	return t == POLICY_TRUE ? POLICY_FALSE : POLICY_TRUE;
}

static enum policy_truth node_truth(const void *config, const struct snap_node *n,
				    const uint64_t *bits, uint32_t nb_words)
{
	if (n->op == SNAP_NODE_TAG)
		return tag_truth(n->tag, bits, nb_words);

	const struct snap_node *child =
		(const struct snap_node *)((const uint8_t *)config + n->children.off);
	/* The value that decides at once: a true child for any and none, a false one for all. */
	enum policy_truth decisive = n->op == SNAP_NODE_ALL ? POLICY_FALSE : POLICY_TRUE;
	enum policy_truth truth = truth_not(decisive);
	for (uint32_t i = 0; i < n->children.count; i++) {
		enum policy_truth t = node_truth(config, &child[i], bits, nb_words);
		if (t == decisive) {
			truth = decisive;
			break;
		}
		if (t == POLICY_UNKNOWN)
			truth = POLICY_UNKNOWN;
	}
	return n->op == SNAP_NODE_NONE ? truth_not(truth) : truth;
}

enum policy_truth policy_expr_eval(const void *config, const struct snap_expr *expr,
				   const uint64_t *bits, uint32_t nb_words)
{
	return node_truth(config, &expr->root, bits, nb_words);
}
