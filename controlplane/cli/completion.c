/* SPDX-License-Identifier: BSD-3-Clause */

/* A completion for bash that asks us: what may follow is not written down twice. */

#include "cli/handlers.h"

#include <stdio.h>

int completion_bash(struct cli *)
{
	printf("# bash completion for tagwardenctl; see tagwardenctl completion bash\n"
	       "_tagwardenctl()\n"
	       "{\n"
	       "\tmapfile -t COMPREPLY < <(\"${COMP_WORDS[0]}\" --complete "
	       "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	       "}\n"
	       "complete -o default -F _tagwardenctl tagwardenctl\n");
	return CLI_OK;
}
