/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_BUILD_BUG_H
#define SHIM_LINUX_BUILD_BUG_H

#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)
#define BUILD_BUG_ON_MSG(c, m) _Static_assert(!(c), m)
#ifndef static_assert
#define __shim_assert(e, m, ...) _Static_assert(e, m)
#define static_assert(e, ...) __shim_assert(e, ##__VA_ARGS__, #e)
#endif

#endif
