/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gate/method.h"

const GateMethod *gate_method_find(const char *name)
{
        for (size_t i = 0; i < gate_methods_len; i++)
                if (streq(gate_methods[i].name, name))
                        return &gate_methods[i];
        return NULL;
}
