/* The version layer: CPython's internal headers and, from one small file per version, all that differs between
 * versions about frames, events and bytecode. No other file of this part has a version check. A new version is a new
 * py_3XX.h and ops_3XX.h and one line here.
 *
 * What each version file gives (prefix bkp_):
 *   BKP_VERSION               0x030c ...; BKP_IP_ADD, BKP_BREAKER_BYTES, BKP_BREAKER_MASK, BKP_NULL_FIRST,
 *                             BKP_LENDS_LOCALS, BKP_LOCALS_WRITABLE, BKP_BRANCH_ANY, BKP_OPCODE_TABLES,
 *                             BKP_IMMORTAL, BKP_HOME_TAG, BKP_HASH_TEXT,
 *                             BKP_ITER_SLOTS (of the operand stack, for a for loop's iterator)
 *   bkp_current, bkp_set_current    the thread's innermost interpreter frame
 *   bkp_code, bkp_func        a frame's code object and function (or NULL)
 *   bkp_init                  sets a new frame's fields, with empty locals
 *   bkp_c_stack_left          half of the C stack is left
 *   bkp_ip                    address of the frame's instruction pointer field
 *   bkp_lasti                 the code unit a frame stands at, as f_lasti and tracebacks see it
 *   bkp_resume_event          inside a JUMP or PY_START callback: go on at a code unit
 *   bkp_resume_run            before _PyEval_EvalFrameDefault: go on at a code unit
 *   bkp_calling               the frame waits in a call instruction (code unit, units of the whole instruction)
 *   bkp_breaker               address of the word that is polled
 *   bkp_home                  its localsplus array
 *   bkp_depth, bkp_set_depth  operand stack depth; valid in JUMP and PY_START callbacks and in frames that do not run
 *   bkp_peek, bkp_slot, bkp_close   a home slot: its object (NULL: empty), made of a new reference, dropped
 *   bkp_own, bkp_retag        a word as native code needs it (the reference is the slot's own); one that native code
 *                             left there, as the interpreter needs it
 *   bkp_check_layout          why the running interpreter has other layouts; NULL if it does not
 */
#ifndef BK_EMBED_PY_H
#define BK_EMBED_PY_H
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#include <Python.h>
#include <stdbool.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "internal/pycore_ceval.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_code.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_intrinsics.h"
#include "internal/pycore_list.h"
#include "internal/pycore_long.h"
#include "internal/pycore_range.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_runtime.h"
#pragma GCC diagnostic pop

#ifdef Py_GIL_DISABLED
#error "backedge does not support free-threaded builds yet"
#endif
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000
#include "py_312.h"
#define BKP_OPS "ops_312.h"
#elif PY_VERSION_HEX >= 0x030d0000 && PY_VERSION_HEX < 0x030e0000
#include "py_313.h"
#define BKP_OPS "ops_313.h"
#elif PY_VERSION_HEX >= 0x030e0000 && PY_VERSION_HEX < 0x030f0000
#include "py_314.h"
#define BKP_OPS "ops_314.h"
#elif PY_VERSION_HEX >= 0x030f0000 && PY_VERSION_HEX < 0x03100000
#include "py_315.h"
#define BKP_OPS "ops_315.h"
#else
#error "no version file for this CPython: write py_3XX.h and ops_3XX.h"
#endif

static inline _Py_CODEUNIT *bkp_unit(PyCodeObject *co, uint32_t offset) { return _PyCode_CODE(co) + offset / 2; }
#endif
